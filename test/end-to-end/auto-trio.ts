import type { FtvmProcess } from './ftvm-process.js';
import { VmUnderTest } from './vm-under-test.js';

/** Waits for the first of them; the others may never come. */
export function first<T>(promises: readonly Promise<T>[]): Promise<T> {
  return Promise.race(promises.map((each) => each.catch(() => new Promise<T>(() => undefined))));
}

/** Three times the same command, and who is what. */
export class AutoTrio {
  readonly vm = new VmUnderTest(['--memory', '32', '--append', 'app=counter']);
  readonly replicas: FtvmProcess[] = [];

  start(): FtvmProcess {
    const words = ['run', this.vm.dir, '--auto', '--backups', '2', ...this.vm.options];
    const replica = this.vm.start(...words);
    this.replicas.push(replica);
    return replica;
  }
  async kill(replica: FtvmProcess): Promise<void> {
    this.replicas.splice(this.replicas.indexOf(replica), 1);
    await replica.kill();
  }
  get live(): FtvmProcess {
    const { pid } = this.vm.generations().at(-1)!.holder;
    return this.replicas.find((replica) => replica.pid === pid)!;
  }
  /** The one that is live now has both others in sync. */
  async isWhole(): Promise<void> {
    const { live } = this;
    const others = this.replicas.filter((replica) => replica !== live);
    const joined = others.map(({ pid }) => pid);
    for (;;) {
      const from = live.stderr.end;
      const status = await this.vm.status();
      const inSync = status.backups.flatMap((row) => (row.inSync ? [row.pid] : []));
      if (joined.every((pid) => inSync.includes(pid))) return;
      await live.stderr.until(/protected: backup/, from);
    }
  }
}
