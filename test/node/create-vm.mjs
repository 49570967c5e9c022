// usage: node create-vm.mjs VM_DIR IMAGE_DIR
// Creates the VM when standard input ends, and prints its id.
import { createVm } from '../../dist/node/vm-directory.js';

const [dir, image] = process.argv.slice(2);
process.stdout.write('ready\n');
process.stdin.resume();
await new Promise((resolve) => process.stdin.once('end', resolve));
process.stdout.write((await createVm(dir, { image })).id);
