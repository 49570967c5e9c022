// usage: node claim-many.mjs DIR NAME COUNT
// Claims generation 7 in DIR COUNT times at once, each time as another replica, when standard input ends.
import { FileGenerationStore } from '../../dist/node/file-generation-store.js';

const [dir, name, count] = process.argv.slice(2);
process.stdout.write('ready\n');
process.stdin.resume();
await new Promise((resolve) => process.stdin.once('end', resolve));

const claims = Array.from({ length: Number(count) }, async (_, i) => {
  const replica = `${name}-${i}`;
  const url = 'ws://127.0.0.1:1';
  const outcome = await new FileGenerationStore(dir, { callMsMax: 20_000 }).claim({
    generation: 7,
    vm: 'vm',
    holder: { replica, pid: process.pid, host: 'here', endpoint: url, api: url },
    inSync: [],
    reason: 'start',
    claimedAt: new Date().toISOString(),
  });
  return { by: replica, kind: outcome.kind, holder: outcome.holder?.holder.replica };
});
process.stdout.write(JSON.stringify(await Promise.all(claims)));
