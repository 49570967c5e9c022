import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { askApi } from '../../src/node/api-client.js';

it('hangs up on an answer that never ends', async () => {
  let sentBytes = 0;
  const server = createServer((_request, response) => {
    const more = (): void => {
      do sentBytes += 65_536;
      while (response.writable && response.write('x'.repeat(65_536)));
      response.once('drain', more);
    };
    more();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  expect(await askApi('GET', `http://127.0.0.1:${port}/status`)).toBeNull();
  expect(sentBytes).toBeLessThan(64 * 1024 * 1024);
});
