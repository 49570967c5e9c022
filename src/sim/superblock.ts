/** What the counter service knows about one client: its last op, and the count that op was given. */
export interface ClientRow {
  readonly op: number;
  readonly count: number;
  /** It is on the disk, so it may be told. */
  readonly isDurable: boolean;
}

/** Sector 0 of a toy guest's disk: text, `OP:COUNT` per client, then zeros. */
export function writeSuperblock(clients: readonly ClientRow[]): Uint8Array {
  const text = clients.map(({ op, count }) => `${op}:${count}`).join(' ');
  const sector = new Uint8Array(512);
  for (let i = 0; i < text.length; i += 1) sector[i] = text.charCodeAt(i);
  return sector;
}

/** Empty for a disk nobody has counted on. */
export function readSuperblock(sector: Uint8Array): ClientRow[] {
  const end = sector.indexOf(0);
  const text = String.fromCharCode(...sector.subarray(0, end < 0 ? sector.byteLength : end));
  if (text === '') return [];
  return text.split(' ').map((row) => {
    const [op = 0, count = 0] = row.split(':').map(Number);
    return { op, count, isDurable: true };
  });
}
