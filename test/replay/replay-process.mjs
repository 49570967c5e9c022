// Replays a log file in a process of its own and prints the report as JSON: replay-process.mjs FILE
import { readFileSync } from 'node:fs';
import { readLogFile } from '../../dist/log/log-file-reader.js';
import { replayLog } from '../../dist/replay/replay-log.js';
import { createV86Vcpu } from '../../dist/vcpu/v86-vcpu.js';

const { header, records, end, damage } = readLogFile(readFileSync(process.argv[2]));
const report = await replayLog({
  records,
  end: () => end,
  createVcpu: (_snapshot, { event, failed }) => createV86Vcpu({ spec: header.spec }, event, failed),
});
console.log(JSON.stringify({ ...report, damage: damage?.message ?? null, node: process.version }));
