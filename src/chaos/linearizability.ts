import type { Operation, RegisterCall, RegisterValue } from './history.js';

/** Whether one register that does one thing at a time can have given these answers. */
export type Linearizability =
  | { readonly kind: 'linearizable' }
  | { readonly kind: 'impossible'; readonly key: string; readonly why: string }
  /** Given up: no verdict either way, which is no pass. */
  | { readonly kind: 'undecided'; readonly key: string };

/**
 * Judges a history: is there an order of its operations, each at one moment between its call and its
 * answer, in which every answer is right?
 *
 * Registers do not know of each other, so each key is judged by itself; that keeps the search small
 * (Herlihy and Wing 1990, locality). An operation that was cut off may be put anywhere after its call
 * or left out.
 */
export function judgeHistory(operations: readonly Operation[]): Linearizability {
  const byKey = new Map<string, Operation[]>();
  for (const operation of operations) {
    const same = byKey.get(operation.key);
    if (same) same.push(operation);
    else byKey.set(operation.key, [operation]);
  }
  for (const [key, same] of byKey) {
    const verdict = new RegisterSearch(key, same).judge();
    if (verdict.kind !== 'linearizable') return verdict;
  }
  return { kind: 'linearizable' };
}

/** An operation that was answered. */
type Answered = Operation & { readonly answer: NonNullable<Operation['answer']> };

/**
 * Where a search stands.
 *
 * Shape: `first` is the oldest answered operation that has no place yet; `beyond` are the later ones
 *        that have, ascending. With a handful of clients `beyond` stays short, so a place in the
 *        search is a short text, however long the history.
 */
interface Place {
  readonly first: number;
  readonly beyond: readonly number[];
  /** Of the operations that were cut off: those that did happen, ascending. */
  readonly happened: readonly number[];
  readonly value: RegisterValue;
}

/**
 * Depth-first search for an order, never twice from the same place.
 *
 * Source: Wing and Gong 1993; Lowe 2017 for the memory of places.
 */
class RegisterSearch {
  readonly #key: string;
  readonly #answered: readonly Answered[];
  readonly #cutOff: readonly Operation[];
  readonly #seen = new Set<string>();
  #furthest: Place = { first: 0, beyond: [], happened: [], value: null };

  constructor(key: string, operations: readonly Operation[]) {
    const byCall = [...operations].sort((a, b) => a.invokedAtMs - b.invokedAtMs);
    this.#key = key;
    this.#answered = byCall.filter((operation): operation is Answered => operation.answer !== null);
    // A read that nobody heard the answer of changes nothing and proves nothing.
    this.#cutOff = byCall.filter(({ call, answer }) => answer === null && call.kind !== 'get');
  }

  judge(): Linearizability {
    const stack: Place[] = [this.#furthest];
    for (let place = stack.pop(); place; place = stack.pop()) {
      if (place.first === this.#answered.length) return { kind: 'linearizable' };
      const name = nameOf(place);
      if (this.#seen.has(name)) continue;
      this.#seen.add(name);
      if (this.#seen.size > placesMax) return { kind: 'undecided', key: this.#key };
      if (depth(place) > depth(this.#furthest)) this.#furthest = place;
      stack.push(...this.#next(place));
    }
    return { kind: 'impossible', key: this.#key, why: this.#why() };
  }

  /** Where one more operation leads. What is tried first comes last. */
  #next(place: Place): Place[] {
    const { first, beyond, value } = place;
    const open = this.#openFrom(place);
    // Nothing that was called after one of these had been answered can come before it.
    const limitMs = Math.min(...open.map((i) => this.#at(i).answer.atMs));
    const places: Place[] = [];
    this.#cutOff.forEach((operation, i) => {
      if (operation.invokedAtMs > limitMs || place.happened.includes(i)) return;
      const happened = [...place.happened, i].sort((a, b) => a - b);
      places.push({ ...place, happened, value: after(operation.call, value) });
    });
    for (const i of open.reverse()) {
      const { call, answer, invokedAtMs } = this.#at(i);
      const next = after(call, value);
      if (invokedAtMs > limitMs || next !== answer.value) continue;
      places.push({ ...place, ...including(first, beyond, i), value: next });
    }
    return places;
  }

  /** Answered operations without a place that may come next: those called before any was answered. */
  #openFrom({ first, beyond }: Place): number[] {
    const open: number[] = [];
    let limitMs = Number.POSITIVE_INFINITY;
    for (let i = first; i < this.#answered.length; i += 1) {
      const operation = this.#at(i);
      if (operation.invokedAtMs > limitMs) break;
      if (beyond.includes(i)) continue;
      limitMs = Math.min(limitMs, operation.answer.atMs);
      open.push(i);
    }
    return open;
  }

  #at(index: number): Answered {
    const operation = this.#answered[index];
    if (!operation) throw new Error(`bug: no operation ${index}`);
    return operation;
  }

  #why(): string {
    const { value } = this.#furthest;
    const stuck = this.#openFrom(this.#furthest).map((i) => wordsOf(this.#at(i)));
    const placed = depth(this.#furthest);
    return `after ${placed} of ${this.#answered.length} operations it holds ${value}, and none of these can come next: ${stuck.join('; ')}`;
  }
}

// A round has a few hundred operations of a key and a few clients: some thousand places.
const placesMax = 2_000_000;

/** The register after the call; what it holds then is also what the call answers. */
function after(call: RegisterCall, value: RegisterValue): RegisterValue {
  switch (call.kind) {
    case 'get':
      return value;
    case 'set':
      return call.value;
    case 'increment':
      return (value ?? 0) + 1;
  }
}

function including(
  first: number,
  beyond: readonly number[],
  index: number,
): Pick<Place, 'first' | 'beyond'> {
  if (index !== first) return { first, beyond: [...beyond, index].sort((a, b) => a - b) };
  let next = first + 1;
  const rest = [...beyond];
  for (; rest[0] === next; next += 1) rest.shift();
  return { first: next, beyond: rest };
}

function depth({ first, beyond, happened }: Place): number {
  return first + beyond.length + happened.length;
}

function nameOf({ first, beyond, happened, value }: Place): string {
  return `${first} ${beyond.join()} ${happened.join()} ${value}`;
}

function wordsOf({ client, call, answer, invokedAtMs }: Answered): string {
  const asked = call.kind === 'set' ? `set ${call.value}` : `${call.kind} → ${answer.value}`;
  return `client ${client} ${asked} (${invokedAtMs.toFixed(1)} to ${answer.atMs.toFixed(1)} ms)`;
}
