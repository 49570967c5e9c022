import { expect, it } from 'vitest';
import { FileLayerFiles } from '../../src/node/file-layer-files.js';
import { scratchDir } from './scratch.js';

it('reads no more than there is, whatever a damaged length asks for', async () => {
  const files = new FileLayerFiles(`${scratchDir()}/hda.layers`);
  await files.create('layer-1', new Uint8Array(1000).fill(7));
  const file = await files.open('layer-1');
  expect(await file.read(0, 2 ** 40)).toEqual(new Uint8Array(1000).fill(7));
  expect(await file.read(2 ** 30, 2 ** 40)).toHaveLength(0);
  await file.close();
});
