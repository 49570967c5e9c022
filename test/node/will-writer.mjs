// usage: node will-writer.mjs HOST:PORT MESSAGE
// Leaves MESSAGE as its last will, holds some memory, and waits to be killed. `leave` on standard input: exits in
// good order; `fall`: exits without a word.
import { ProcessWill } from '../../dist/node/process-will.js';

const [to, message] = process.argv.slice(2);
const silent = { debug() {}, info() {}, warn() {}, error() {} };
const will = new ProcessWill(silent);
will.add(to, message);
// The pipe is written when the callback of a later write would be; what matters is that it is before `ready`.
setImmediate(() => process.stdout.write('ready\n'));
process.stdin.on('data', async (text) => {
  if (String(text) === 'leave\n') await will.close();
  process.exit(0);
});
