import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { endNoteOf } from '../arbiter/end-note.js';
import { decodeGeneration, decodeIdentities } from '../arbiter/generation-codec.js';
import { FtvmError } from '../errors.js';
import type { Diagnostics } from '../host/diagnostics.js';
import type { EndNotes } from '../host/end-notes.js';
import type { GenerationStore } from '../host/generation-store.js';
import type { Roster } from '../host/roster.js';
import type { Generation } from '../units.js';
import { reasonOf } from './errno.js';
import { FileEndNotes } from './file-end-notes.js';
import { FileGenerationStore } from './file-generation-store.js';
import { FileRoster } from './file-roster.js';
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
 * POST /vms/ID/ends/N               how generation N ended
 * GET  /vms/ID/ends/N
 * POST /vms/ID/roster/N             who is in sync with the holder of generation N
 * GET  /vms/ID/roster/N
 * ```
 * Shape:  the same files as on a shared disk, in `DIR/ID/`.
 * Errors: `open` rejects with one of `listen-error.ts` or the operating system's.
 */
export class ArbiterHost {
  readonly url: string;
  readonly #http: HttpListener;
  readonly #dir: string;
  readonly #records = new Map<string, Records>();

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
    const [, vm = '', of = '', name = ''] = pathPattern.exec(path) ?? [];
    if (!UUID.test(vm)) return null;
    const generation = /^[1-9]\d{0,14}$/.test(name) ? Number(name) : null;
    const isPost = method === 'POST';
    if (!isPost && method !== 'GET') return null;
    try {
      if (of === 'generations' && name === '' && isPost) return await this.#claim(vm, body);
      const { generations, ends, roster } = await this.#recordsOf(vm);
      if (of === 'generations' && name === 'latest' && !isPost) {
        return json(200, await generations.latest());
      }
      if (generation === null) return null;
      switch (of) {
        case 'generations':
          return isPost ? null : json(200, await generations.read(generation));
        case 'ends':
          if (isPost) return await noteEnd(ends, generation, body);
          return json(200, await ends.read(generation));
        case 'roster':
          if (isPost) return await noteRoster(roster, generation, body);
          return json(200, { inSync: await roster.read(generation) });
        default:
          return null;
      }
    } catch (error) {
      if (!(error instanceof FtvmError)) throw error;
      return json(503, { why: error.message });
    }
  }

  async #claim(vm: string, body: Uint8Array): Promise<HttpResponse> {
    const decoded = decodeGeneration(new TextDecoder().decode(body));
    if (decoded.kind === 'invalid') return json(400, { why: decoded.why });
    if (decoded.record.vm !== vm) return json(400, { why: `it is of VM ${decoded.record.vm}` });
    const { generations } = await this.#recordsOf(vm);
    return json(200, await generations.claim(decoded.record));
  }

  async #recordsOf(vm: string): Promise<Records> {
    const open = this.#records.get(vm);
    if (open) return open;
    if (this.#records.size >= VMS_MAX) this.#records.clear();
    const dir = join(this.#dir, vm);
    await mkdir(dir, { recursive: true });
    const records = {
      generations: new FileGenerationStore(dir),
      ends: new FileEndNotes(dir),
      roster: new FileRoster(dir),
    };
    this.#records.set(vm, records);
    return records;
  }
}

/** What is kept for one VM. */
interface Records {
  readonly generations: GenerationStore;
  readonly ends: EndNotes;
  readonly roster: Roster;
}

const pathPattern = /^\/vms\/([^/]+)\/(generations|ends|roster)(?:\/([^/]+))?$/;

async function noteEnd(ends: EndNotes, generation: Generation, body: Uint8Array) {
  const note = endNoteOf(parsed(body));
  if (note === null) return json(400, { why: 'it is no note of an end' });
  await ends.write(generation, note);
  return json(200, null);
}

async function noteRoster(roster: Roster, generation: Generation, body: Uint8Array) {
  try {
    const fields = parsed(body) as Readonly<Record<string, unknown>> | null;
    await roster.write(generation, decodeIdentities('inSync', fields?.['inSync']));
    return json(200, null);
  } catch (error) {
    return json(400, { why: reasonOf(error) });
  }
}

function parsed(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body));
  } catch {
    return null;
  }
}

function json(status: number, value: unknown): HttpResponse {
  return { status, type: 'application/json', body: `${JSON.stringify(value)}\n` };
}
