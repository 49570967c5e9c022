import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { AcceptLink, LinkListener } from '../../src/host/link.js';
import { OverlayDrive } from '../../src/disk/overlay-drive.js';
import { ArbiterHost } from '../../src/node/arbiter-host.js';
import { FileGenerationStore } from '../../src/node/file-generation-store.js';
import { FileLayerFiles } from '../../src/node/file-layer-files.js';
import { FileSectorStore } from '../../src/node/file-sector-store.js';
import { HttpGenerationStore } from '../../src/node/http-generation-store.js';
import { HttpListener } from '../../src/node/http-listener.js';
import { NodeClock } from '../../src/node/node-clock.js';
import { WsConnector } from '../../src/node/ws-connector.js';
import { WsListener } from '../../src/node/ws-listener.js';
import { scratchDir } from '../node/scratch.js';
import { SilentDiagnostics } from '../node/silent-diagnostics.js';
import { generationRecord, generationStoreContract } from './generation-store-contract.js';
import { linkContract } from './link-contract.js';
import { sectorStoreContract } from './sector-store-contract.js';

const subprotocol = 'ftvm-test.v1';

/** A listener on a port of its own, which goes with it. */
async function listen(accept: AcceptLink): Promise<LinkListener> {
  const address = { host: '127.0.0.1', port: 0 };
  const http = await HttpListener.listen(new SilentDiagnostics(), address);
  const links = new WsListener(http, { subprotocol }, accept);
  return {
    endpoint: links.endpoint,
    close: async () => {
      await links.close();
      await http.close();
    },
  };
}

linkContract('WebSockets on loopback', () => ({
  connector: new WsConnector({ subprotocol }),
  listen,
}));

generationStoreContract('files in a directory', () => {
  const dir = scratchDir();
  return { open: () => new FileGenerationStore(dir) };
});

generationStoreContract('an arbiter', () => {
  const host = ArbiterHost.open(new SilentDiagnostics(), {
    host: '127.0.0.1',
    port: 0,
    dir: scratchDir(),
  });
  onTestFinished(async () => (await host).close());
  const vm = generationRecord(1, 'a').vm;
  // The port is known later than the store is wanted.
  const store = async () => new HttpGenerationStore({ url: (await host).url, vm });
  return {
    open: () => ({
      claim: async (record) => (await store()).claim(record),
      latest: async () => (await store()).latest(),
      read: async (generation) => (await store()).read(generation),
    }),
  };
});

sectorStoreContract('a file', async (byteLength) => {
  const path = join(scratchDir(), 'disk.img');
  writeFileSync(path, '');
  truncateSync(path, byteLength);
  return { open: () => FileSectorStore.open({ path }) };
});

sectorStoreContract('a file under layers', async (byteLength) => {
  const dir = scratchDir();
  const path = join(dir, 'disk.img');
  writeFileSync(path, '');
  truncateSync(path, byteLength);
  let generation = 0;
  return {
    open: async () => {
      const image = await FileSectorStore.open({ path });
      onTestFinished(() => image.close());
      const drive = new OverlayDrive({
        clock: new NodeClock(),
        files: new FileLayerFiles(join(dir, 'hda.layers')),
        image,
        writer: `writer ${generation}`,
        nonce: () => Math.floor(Math.random() * 2 ** 32),
        onTrouble: (what, error) => {
          throw new Error(what, { cause: error });
        },
      });
      generation += 1;
      await drive.begin(generation);
      return drive;
    },
  };
});
