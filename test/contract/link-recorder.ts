import type { LinkEnd, LinkHandlers } from '../../src/host/link.js';

/** Keeps what a link told, in order, and lets a test wait for it. */
export class LinkRecorder implements LinkHandlers {
  readonly messages: Uint8Array[] = [];
  readonly ends: LinkEnd[] = [];
  isOpen = false;
  /** Events in the order they came. */
  readonly story: string[] = [];
  #waiting: { readonly holds: () => boolean; readonly resolve: () => void }[] = [];

  opened(): void {
    this.isOpen = true;
    this.#tell('opened');
  }

  received(message: Uint8Array): void {
    this.messages.push(Uint8Array.from(message));
    this.#tell('received');
  }

  ended(how: LinkEnd): void {
    this.ends.push(how);
    this.#tell('ended');
  }

  async openedLink(): Promise<void> {
    await this.until(() => this.isOpen || this.ends.length > 0);
    if (!this.isOpen) throw new Error(`the link ended: ${JSON.stringify(this.ends[0])}`);
  }

  async nextMessages(count: number): Promise<Uint8Array[]> {
    await this.until(() => this.messages.length >= count);
    return this.messages;
  }

  async end(): Promise<LinkEnd> {
    await this.until(() => this.ends.length > 0);
    return this.ends[0] as LinkEnd;
  }

  until(holds: () => boolean): Promise<void> {
    if (holds()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ holds, resolve }));
  }

  #tell(event: string): void {
    this.story.push(event);
    const waiting = this.#waiting;
    this.#waiting = waiting.filter(({ holds }) => !holds());
    for (const each of waiting) {
      if (!this.#waiting.includes(each)) each.resolve();
    }
  }
}
