import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The newest are kept. */
const reportsMax = 16;

/**
 * Keeps what is known of a divergence in a file of `dir`: `TIME-REPLICA.json`, the time such that
 * names sort by age. Answers its path. Errors: the file system's.
 */
export async function writeDivergenceReport(
  dir: string,
  report: { readonly at: string; readonly replica: string },
): Promise<string> {
  await mkdir(dir, { recursive: true });
  const path = join(dir, `${report.at.replaceAll(/[-:]/g, '')}-${report.replica}.json`);
  await writeFile(path, `${JSON.stringify(report, null, 2)}\n`);
  const names = (await readdir(dir)).filter((name) => name.endsWith('.json')).sort();
  for (const name of names.slice(0, -reportsMax)) await rm(join(dir, name), { force: true });
  return path;
}
