import { existsSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/*
 * Loaded before the program: while the file FTVM_TEST_SLOW exists, a long write to a layer waits until
 * `.go` is there beside it, and goes then, whatever has happened meanwhile: even the end of the program
 * waits for it, as the kernel would carry it out. `.begun` and `.landed` tell.
 */
const slow = process.env.FTVM_TEST_SLOW;
const handle = await open('/dev/null');
const methods = Object.getPrototypeOf(handle);
await handle.close();
const { write } = methods;
let underWay = Promise.resolve();

methods.write = function (data, ...rest) {
  const isBatch = Buffer.from(data).subarray(0, 4).toString() === 'FLB1';
  if (!isBatch || data.byteLength < 32_768 || !existsSync(slow)) {
    return write.call(this, data, ...rest);
  }
  const landing = (async () => {
    writeFileSync(`${slow}.begun`, '');
    while (!existsSync(`${slow}.go`)) await sleep(10);
    const landed = await write.call(this, data, ...rest);
    writeFileSync(`${slow}.landed`, '');
    return landed;
  })();
  underWay = landing;
  return landing;
};

const { exit } = process;
process.exit = (code) => {
  void underWay.finally(() => exit.call(process, code));
};
