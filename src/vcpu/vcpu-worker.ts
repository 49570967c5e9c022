import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { assert } from '../assert.js';
import { loadBootFiles } from './boot-files.js';
import { Chance } from './chance.js';
import { Doorbell } from './doorbell.js';
import { EpochLoop, type LoopPort } from './epoch-loop.js';
import { EpochRunner } from './epoch-runner.js';
import { quietConsole } from './quiet-console.js';
import { loadV86 } from './v86-machine.js';
import type { VcpuCommand, VcpuReport, VcpuStart } from './vcpu-message.js';
import { installGuestGlobals, VirtualTime } from './virtual-time.js';

// The entry of the vCPU's thread. It runs epochs back to back and does not return to its event loop
// between them: commands are polled, and a doorbell in shared memory ends its sleep.
assert(parentPort, 'vcpu-worker.js is the entry of a worker thread');
const port = parentPort;
const { spec, bootFiles, snapshot, doorbell: shared } = workerData as VcpuStart;

const post = (report: VcpuReport, transfer: ArrayBuffer[] = []): void =>
  port.postMessage(report, transfer);

try {
  const time = new VirtualTime(spec.wallClockAtStartMs);
  const chance = new Chance(snapshot?.chanceState ?? spec.chanceSeed);
  const hostNowMs = installGuestGlobals(time, chance);
  const lastWords = quietConsole();
  const files = bootFiles ?? (await loadBootFiles(spec.boot));
  const engine = await loadV86();
  const options = { engine, spec, files, time, chance, lastWords, snapshot };
  const runner = await EpochRunner.start(options);
  post({ kind: 'ready' });
  await new EpochLoop(runner, loopPort(new Doorbell(shared)), hostNowMs).run();
} catch (error) {
  post({ kind: 'failed', error });
}

function loopPort(doorbell: Doorbell): LoopPort {
  let seen = -1;
  return {
    take: () => {
      const { rings } = doorbell;
      if (rings === seen) return [];
      seen = rings;
      const commands: VcpuCommand[] = [];
      for (;;) {
        const received = receiveMessageOnPort(port);
        if (!received) return commands;
        commands.push(received.message as VcpuCommand);
      }
    },
    sleep: (timeoutMs) => doorbell.sleep(seen, timeoutMs),
    post: (events) => {
      // A snapshot's state is tens of megabytes, and nobody here needs it any more.
      const states = events.flatMap((event) =>
        event.kind === 'cutTaken' ? [event.snapshot.state.buffer as ArrayBuffer] : [],
      );
      post({ kind: 'events', events }, states);
    },
  };
}
