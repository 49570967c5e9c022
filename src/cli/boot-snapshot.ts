import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import type { Command } from 'commander';
import { fingerprintFields } from '../guest/machine-spec.js';
import type { TemplateRules, WarmStart } from '../guest/warm-start.js';
import type { Diagnostics } from '../host/diagnostics.js';
import type { SectorStore } from '../host/sector-store.js';
import {
  fitsDisks,
  templateSpec,
  warmStartOf,
  type BootTemplate,
} from '../hypervisor/boot-template.js';
import { decodeTemplate, encodeTemplate, TEMPLATE_VERSION } from '../hypervisor/template-codec.js';
import { TemplateMaker } from '../hypervisor/template-maker.js';
import { reasonOf } from '../node/errno.js';
import { FileSectorStore } from '../node/file-sector-store.js';
import { NodeClock } from '../node/node-clock.js';
import { nodeDigest } from '../node/node-digest.js';
import { NodeEntropy } from '../node/node-entropy.js';
import { TemplateDirectory, templateDirectoryOf } from '../node/template-directory.js';
import type { Vm } from '../node/vm-directory.js';
import { createV86Vcpu } from '../vcpu/v86-vcpu.js';
import { buildInfo } from './build-info.js';

/** What commander parsed of it. */
export interface BootSnapshotArguments {
  readonly bootSnapshot?: true;
}

export function addBootSnapshotOption(command: Command): Command {
  return command.option(
    '--boot-snapshot',
    'first start from a snapshot of a booted guest, kept for the next VM',
  );
}

/**
 * The first start of a VM from a snapshot of a guest that has booted, kept in this user's cache and
 * made if it is not there.
 *
 * Errors: none: a VM that cannot start so boots, and the diagnostics say why.
 */
export class BootSnapshot {
  readonly #vm: Vm;
  readonly #diagnostics: Diagnostics;
  readonly #cache = new TemplateDirectory(templateDirectoryOf(process.env));
  #template: Promise<BootTemplate | null> | null = null;
  #maker: TemplateMaker | null = null;
  #isClosed = false;
  #saving: Promise<void> = Promise.resolve();

  /** Of a VM that was never started, what will be wanted is got ready meanwhile. */
  static async of(vm: Vm, diagnostics: Diagnostics): Promise<BootSnapshot> {
    const bootSnapshot = new BootSnapshot(vm, diagnostics);
    const generations = await readdir(vm.generationsDir).catch(() => []);
    if (generations.length === 0) bootSnapshot.#template = bootSnapshot.#get();
    return bootSnapshot;
  }

  private constructor(vm: Vm, diagnostics: Diagnostics) {
    this.#vm = vm;
    this.#diagnostics = diagnostics;
  }

  async warmStart(): Promise<WarmStart | null> {
    const template = await (this.#template ?? this.#get());
    // Its state is as large as the guest's memory, and is not wanted twice.
    this.#template = null;
    const wallClockMs = new NodeClock().wallClockMs();
    const randomBytes = new NodeEntropy().bytes(guestRandomBytes);
    return template && warmStartOf(template, this.#vm.spec, { wallClockMs, randomBytes });
  }

  /** Resolves when what was made is kept. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#maker?.stop();
    await this.#template;
    await this.#saving;
  }

  async #get(): Promise<BootTemplate | null> {
    const rules = this.#vm.image?.template ?? null;
    if (rules === null || this.#vm.disks === 'replicated') {
      const why = rules === null ? 'its image has no template' : 'each replica has its own disks';
      this.#diagnostics.warn(`No boot snapshot for this VM: ${why}. It boots`);
      return null;
    }
    const disks = new Map<string, SectorStore>();
    try {
      for (const { name, path } of this.#vm.spec.drives) {
        disks.set(name, await FileSectorStore.open({ path, isReadOnly: true }));
      }
      const key = keyOf(this.#vm, rules);
      return (await this.#find(key, disks)) ?? (await this.#make(key, rules, disks));
    } catch (error) {
      if (!this.#isClosed) {
        this.#diagnostics.warn(`No boot snapshot: ${reasonOf(error)}. The guest boots`);
      }
      return null;
    } finally {
      for (const disk of disks.values()) await disk.close();
    }
  }

  async #find(key: string, disks: ReadonlyMap<string, SectorStore>): Promise<BootTemplate | null> {
    try {
      const bytes = await this.#cache.read(key);
      if (!bytes) return null;
      const template = await decodeTemplate(key, bytes, nodeDigest);
      if (await fitsDisks(template, disks, nodeDigest)) return template;
      this.#diagnostics.info('the boot snapshot was made with another disk; it is made again');
    } catch (error) {
      this.#diagnostics.warn(
        `The boot snapshot in ${this.#cache.place} cannot be used and is made again: ${reasonOf(error)}`,
      );
    }
    return null;
  }

  async #make(
    key: string,
    rules: TemplateRules,
    disks: ReadonlyMap<string, SectorStore>,
  ): Promise<BootTemplate> {
    this.#diagnostics.info('making a boot snapshot: later VMs like this one start from it');
    const clock = new NodeClock();
    const spec = templateSpec(this.#vm.spec, rules, {
      chanceSeed: Buffer.from(new NodeEntropy().bytes(4)).readUInt32LE(),
      wallClockMs: clock.wallClockMs(),
    });
    this.#maker = new TemplateMaker({
      createVcpu: (_snapshot, { event, failed }) => createV86Vcpu({ spec }, event, failed),
      disks,
      clock,
      digest: nodeDigest,
      ready: rules.ready,
      timeoutMs: makeMsMax,
    });
    const template = await this.#maker.make();
    this.#saving = encodeTemplate(key, template, nodeDigest)
      .then((bytes) => this.#cache.write(key, bytes))
      .catch((error: unknown) => {
        const why = reasonOf(error);
        this.#diagnostics.warn(`The boot snapshot could not be kept: ${why}. The guest runs`);
      });
    return template;
  }
}

/** Two VMs with the same key differ only in what a template's guest does not know yet. */
function keyOf({ spec }: Vm, rules: TemplateRules): string {
  const nobodys = templateSpec(spec, rules, { chanceSeed: 0, wallClockMs: 0 });
  const machine = fingerprintFields(nobodys);
  const { v86, v86Wasm, logVersion, node, architecture } = buildInfo();
  const made = { version: TEMPLATE_VERSION, v86, v86Wasm, logVersion, node, architecture };
  return createHash('sha256').update(JSON.stringify({ machine, rules, made })).digest('hex');
}

// As many bits as the kernel's generator has.
const guestRandomBytes = 32;
// A guest with all services is up in two seconds; an interpreted one takes longer.
const makeMsMax = 60_000;
