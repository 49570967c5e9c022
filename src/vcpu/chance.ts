/**
 * All chance the guest can see (RDRAND and what device models draw), from one seed.
 *
 * Shape:  a Weyl sequence through murmur3's finaliser; the whole state is one 32-bit number, so it
 *         travels in a snapshot.
 * Errors: none.
 */
export class Chance {
  #state: number;

  constructor(state: number) {
    this.#state = state | 0;
  }

  /** Where the generator stands: the argument for a generator that goes on from here. */
  get state(): number {
    return this.#state;
  }

  set state(state: number) {
    this.#state = state | 0;
  }

  /** The next 32 bits, signed. */
  nextInt(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    return mixed ^ (mixed >>> 16);
  }

  /** The next number in [0, 1), for what asks for `Math.random`. */
  nextFraction(): number {
    return (this.nextInt() >>> 0) / 2 ** 32;
  }

  fill(bytes: Uint8Array): void {
    for (let i = 0; i < bytes.length; i++) bytes[i] = this.nextInt() & 0xff;
  }
}
