/** Base of every failure ftvm expects; anything else that reaches `cli/` is a bug and shows its stack. */
export abstract class FtvmError extends Error {
  /** Stable, for programs and docs: FTVM_LOG_VERSION. */
  abstract readonly code: `FTVM_${string}`;
  /** One sentence an operator can act on. */
  abstract readonly remedy: string;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}
