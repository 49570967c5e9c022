import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AcceptLink, LinkListener } from '../../src/host/link.js';
import { FileGenerationStore } from '../../src/node/file-generation-store.js';
import { FileSectorStore } from '../../src/node/file-sector-store.js';
import { HttpListener } from '../../src/node/http-listener.js';
import { WsConnector } from '../../src/node/ws-connector.js';
import { WsListener } from '../../src/node/ws-listener.js';
import { scratchDir } from '../node/scratch.js';
import { SilentDiagnostics } from '../node/silent-diagnostics.js';
import { generationStoreContract } from './generation-store-contract.js';
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

sectorStoreContract('a file', async (byteLength) => {
  const path = join(scratchDir(), 'disk.img');
  writeFileSync(path, '');
  truncateSync(path, byteLength);
  return { open: () => FileSectorStore.open({ path }) };
});
