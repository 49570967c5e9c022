import type { SectorStore } from '../host/sector-store.js';
import type { ExtentMap } from './extent-map.js';
import type { Layer } from './layer.js';
import { sectorBytes } from './layer-batch.js';

/** Reads whole sectors, each from where its newest content is. */
export async function readThrough(
  map: ExtentMap<Layer>,
  image: SectorStore,
  offsetBytes: number,
  lengthBytes: number,
): Promise<Uint8Array> {
  const parts = map.find(offsetBytes / sectorBytes, lengthBytes / sectorBytes);
  const read = ({ sector, sectors, file, fileSector }: (typeof parts)[number]) =>
    file ? file.read(fileSector, sectors) : image.read(sector * sectorBytes, sectors * sectorBytes);
  const [only] = parts;
  if (only && parts.length === 1) return read(only);
  const data = new Uint8Array(lengthBytes);
  await Promise.all(
    parts.map(async (part) => {
      data.set(await read(part), part.sector * sectorBytes - offsetBytes);
    }),
  );
  return data;
}
