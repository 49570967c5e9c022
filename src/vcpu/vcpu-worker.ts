import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { assert } from '../assert.js';
import type { GuestEvent } from '../guest/guest-event.js';
import { loadBootFiles } from './boot-files.js';
import { Chance } from './chance.js';
import { Doorbell } from './doorbell.js';
import { EpochLoop, type LoopPort } from './epoch-loop.js';
import { EpochRunner } from './epoch-runner.js';
import { quietConsole } from './quiet-console.js';
import { loadV86 } from './v86-machine.js';
import { Parcel } from './parcel.js';
import type {
  ReportedEvent,
  VcpuBegin,
  VcpuCommand,
  VcpuReport,
  VcpuStart,
} from './vcpu-message.js';
import { installGuestGlobals, VirtualTime } from './virtual-time.js';

// The entry of the vCPU's thread. It runs epochs back to back and does not return to its event loop
// between them: commands are polled, and a doorbell in shared memory ends its sleep.
assert(parentPort, 'vcpu-worker.js is the entry of a worker thread');
const port = parentPort;
const { spec, bootFiles, doorbell: shared, engine: compiled } = workerData as VcpuStart;
const doorbell = new Doorbell(shared);

const post = (report: VcpuReport, transfer: ArrayBuffer[] = []): void =>
  port.postMessage(report, transfer);

try {
  const time = new VirtualTime(spec.wallClockAtStartMs);
  const chance = new Chance(spec.chanceSeed);
  const hostNowMs = installGuestGlobals(time, chance);
  const lastWords = quietConsole();
  const files = bootFiles ?? (await loadBootFiles(spec.boot));
  const engine = await loadV86(compiled);
  const runner = await EpochRunner.start({ engine, spec, files, time, chance, lastWords });
  post({ kind: 'built', engine: engine.module });
  const { tellsCuts } = begin(runner);
  post({ kind: 'ready' });
  await new EpochLoop(runner, loopPort(doorbell), hostNowMs, tellsCuts).run();
} catch (error) {
  post({ kind: 'failed', error });
}

/** Waits for the word where to begin, for as long as it takes, and goes there. */
function begin(runner: EpochRunner): VcpuBegin {
  for (;;) {
    const { rings } = doorbell;
    const received = receiveMessageOnPort(port);
    if (!received) {
      doorbell.sleep(rings, Infinity);
      continue;
    }
    const how = received.message as VcpuBegin;
    if (how.snapshot) runner.restore(how.snapshot);
    return how;
  }
}

function loopPort(doorbell: Doorbell): LoopPort {
  let seen = -1;
  let injectedCount = 0;
  const numberOf = new Map<GuestEvent, number>();
  return {
    take: () => {
      const { rings } = doorbell;
      if (rings === seen) return [];
      seen = rings;
      const commands: VcpuCommand[] = [];
      for (;;) {
        const received = receiveMessageOnPort(port);
        if (!received) return commands;
        const command = received.message as VcpuCommand;
        commands.push(command);
        if (command.kind !== 'inject') continue;
        for (const event of command.events) numberOf.set(event, injectedCount++);
      }
    },
    sleep: (timeoutMs) => doorbell.sleep(seen, timeoutMs),
    post: (events) => {
      const ran = events.filter((event) => event.kind === 'ran');
      const { packed, transfer } = Parcel.packOutputs(ran.map(({ outputs }) => outputs));
      // A snapshot's state is tens of megabytes, and nobody here needs it any more.
      for (const event of events) {
        if (event.kind === 'cutTaken') transfer.push(event.snapshot.state.buffer as ArrayBuffer);
      }
      const reported = events.map((event): ReportedEvent => {
        if (event.kind === 'ran') return { ...event, outputs: packed.shift() ?? [] };
        if (event.kind !== 'recorded') return event;
        const { events: injected, ...record } = event.record;
        const numbers = injected.map((one) => {
          const number = numberOf.get(one) ?? -1;
          numberOf.delete(one);
          return number;
        });
        return { kind: 'recorded', record: { ...record, injected: numbers } };
      });
      post({ kind: 'events', events: reported }, transfer);
    },
  };
}
