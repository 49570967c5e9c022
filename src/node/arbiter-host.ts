import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { decodeGeneration } from '../arbiter/generation-codec.js';
import { FtvmError } from '../errors.js';
import type { Diagnostics } from '../host/diagnostics.js';
import type { GenerationStore } from '../host/generation-store.js';
import { FileGenerationStore } from './file-generation-store.js';
import { HttpListener, type HttpListenerOptions, type HttpResponse } from './http-listener.js';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** VMs whose generations are open at once; more than one arbiter can sensibly serve. */
const VMS_MAX = 10_000;

/**
 * The test-and-set for VMs whose hosts share no storage: who is live, decided on a third host (FT
 * paper §4.1: "a third-party server that both can talk to").
 *
 * ```
 * POST /vms/ID/generations          a record: claims its generation
 * GET  /vms/ID/generations/latest   GET /vms/ID/generations/N
 * ```
 * Shape:  the same files as on a shared disk, in `DIR/ID/`.
 * Errors: `open` rejects with one of `listen-error.ts` or the operating system's.
 */
export class ArbiterHost {
  readonly url: string;
  readonly #http: HttpListener;
  readonly #dir: string;
  readonly #stores = new Map<string, GenerationStore>();

  static async open(
    diagnostics: Diagnostics,
    options: HttpListenerOptions & { readonly dir: string },
  ): Promise<ArbiterHost> {
    const dir = resolve(options.dir);
    await mkdir(dir, { recursive: true });
    return new ArbiterHost(await HttpListener.listen(diagnostics, options), dir);
  }

  private constructor(http: HttpListener, dir: string) {
    this.#http = http;
    this.#dir = dir;
    this.url = `http://${http.address}`;
    http.serve((method, path, body) => this.#answer(method, path, body));
  }

  close(): Promise<void> {
    return this.#http.close();
  }

  async #answer(method: string, path: string, body: Uint8Array): Promise<HttpResponse | null> {
    const [, vm = '', rest = ''] = /^\/vms\/([^/]+)\/generations(\/.+)?$/.exec(path) ?? [];
    if (!UUID.test(vm)) return null;
    try {
      if (method === 'POST' && rest === '') return await this.#claim(vm, body);
      if (method !== 'GET') return null;
      const store = await this.#storeOf(vm);
      if (rest === '/latest') return json(200, await store.latest());
      const [, digits] = /^\/([1-9]\d{0,14})$/.exec(rest) ?? [];
      return digits === undefined ? null : json(200, await store.read(Number(digits)));
    } catch (error) {
      if (!(error instanceof FtvmError)) throw error;
      return json(503, { why: error.message });
    }
  }

  async #claim(vm: string, body: Uint8Array): Promise<HttpResponse> {
    const decoded = decodeGeneration(new TextDecoder().decode(body));
    if (decoded.kind === 'invalid') return json(400, { why: decoded.why });
    if (decoded.record.vm !== vm) return json(400, { why: `it is of VM ${decoded.record.vm}` });
    return json(200, await (await this.#storeOf(vm)).claim(decoded.record));
  }

  async #storeOf(vm: string): Promise<GenerationStore> {
    const open = this.#stores.get(vm);
    if (open) return open;
    if (this.#stores.size >= VMS_MAX) this.#stores.clear();
    const dir = join(this.#dir, vm);
    await mkdir(dir, { recursive: true });
    const store = new FileGenerationStore(dir);
    this.#stores.set(vm, store);
    return store;
  }
}

function json(status: number, value: unknown): HttpResponse {
  return { status, type: 'application/json', body: `${JSON.stringify(value)}\n` };
}
