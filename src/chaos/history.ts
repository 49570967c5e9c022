/** What a register of the guest's service holds; null: it was never set. */
export type RegisterValue = number | null;

/** What a client asked of one register. */
export type RegisterCall =
  | { readonly kind: 'get' }
  | { readonly kind: 'set'; readonly value: number }
  | { readonly kind: 'increment' };

/**
 * One operation of one client, as the client saw it.
 *
 * Units: ms of one clock for all clients, which are in one process.
 */
export interface Operation {
  readonly client: number;
  readonly key: string;
  readonly call: RegisterCall;
  readonly invokedAtMs: number;
  /** Null: cut off. It may have happened, at any time since, or not at all. */
  readonly answer: { readonly value: RegisterValue; readonly atMs: number } | null;
}

/** A key written once, by one client, with a value of its own: it is there for ever after. */
export interface KeptWrite {
  readonly key: string;
  readonly value: string;
}

/** What the clients of one round did, and what they were told. */
export class History {
  readonly #operations: Operation[] = [];
  readonly #kept: KeptWrite[] = [];

  add(operation: Operation): void {
    this.#operations.push(operation);
  }
  /** An acknowledged write of a key that nobody writes again. */
  keep(write: KeptWrite): void {
    this.#kept.push(write);
  }

  get operations(): readonly Operation[] {
    return this.#operations;
  }
  get kept(): readonly KeptWrite[] {
    return this.#kept;
  }
  /** Writes of any kind that the service said it has done. */
  get acknowledgedWrites(): number {
    const answered = this.#operations.filter(({ call, answer }) => answer && call.kind !== 'get');
    return answered.length + this.#kept.length;
  }
}
