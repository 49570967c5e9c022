import { setFlagsFromString } from 'node:v8';

// V8 collects all of a heap when it has grown by a factor that can be little above 1, and it counts
// buffers as growth that live for a millisecond: one for each read of a socket, each frame, each
// message. With the largest factor it would choose itself, the young generation's collections come
// first (after 32 MiB of buffers), and find nearly all of them dead.
const growthPercent = 300;
// An engine without the flag would complain on stderr.
const newestNodeMajor = 24;

/**
 * For the switch, which moves bulk data and keeps little: keeps the engine from marking its whole heap for every 20 MB
 * that come and go, which takes four threads and stops the one that moves the data for milliseconds.
 */
export function tolerateShortLivedBuffers(): void {
  if (Number.parseInt(process.versions.node, 10) > newestNodeMajor) return;
  setFlagsFromString(`--heap-growing-percent=${growthPercent}`);
}
