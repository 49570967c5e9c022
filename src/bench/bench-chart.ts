import { ratioOf, type BenchReport, type BenchRow } from './bench-report.js';

const names: Readonly<Record<string, string>> = {
  cpu: 'Processor',
  disk: 'Disk',
  network: 'Network',
};

const width = 860;
const labelWidth = 260;
const valueWidth = 64;
const rowHeight = 24;
const barHeight = 14;
const headHeight = 74;
const groupHeight = 34;
const footLineHeight = 18;

/**
 * The ratios of a report as a picture: a bar per row for the protected guest, a tick for ftvm alone,
 * a line where plain v86 is.
 *
 * Shape:  one SVG document without scripts, fonts or links, readable on light and dark pages.
 */
export function chartOf(report: BenchReport): string {
  const rows = report.rows.filter(({ ratio }) => Number.isFinite(ratio));
  const scaleMax = Math.max(1.25, ...rows.flatMap((row) => [row.ratio, aloneOf(row)]));
  const x = (ratio: number): number =>
    labelWidth + (ratio / scaleMax) * (width - labelWidth - valueWidth);
  const groups = [...new Set(rows.map(({ part }) => part))];
  const lines: string[] = [];
  let y = headHeight;
  for (const group of groups) {
    lines.push(text(16, y + 22, names[group] ?? group, 'group'));
    y += groupHeight;
    for (const row of rows.filter(({ part }) => part === group)) {
      lines.push(...barOf(row, y, x));
      y += rowHeight;
    }
  }
  const foot = footOf(report);
  const height = y + 26 + footLineHeight * foot.length;
  const plainAt = x(1).toFixed(1);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="Speed of a protected guest beside plain v86">
<style>${style}</style>
<rect class="page" width="${width}" height="${height}" rx="8"/>
${text(16, 30, 'Speed of a protected guest, plain v86 = 1', 'title')}
${text(16, 52, 'bar: with a backup in sync, tick: ftvm alone; longer is better', 'note')}
${lines.join('\n')}
<line class="plain" x1="${plainAt}" y1="${headHeight}" x2="${plainAt}" y2="${y + 6}"/>
${text(Number(plainAt) + 6, headHeight + 10, 'plain v86', 'note')}
${foot.map((line, i) => text(16, y + 28 + footLineHeight * i, line, 'note')).join('\n')}
</svg>
`;
}

function barOf(row: BenchRow, y: number, x: (ratio: number) => number): string[] {
  const alone = x(aloneOf(row)).toFixed(1);
  const barWidth = (x(row.ratio) - labelWidth).toFixed(1);
  return [
    text(labelWidth - 10, y + 15, row.name, 'label'),
    `<rect class="bar" x="${labelWidth}" y="${y + 4}" width="${barWidth}" height="${barHeight}" rx="2"/>`,
    `<line class="alone" x1="${alone}" y1="${y + 1}" x2="${alone}" y2="${y + 21}"/>`,
    text(width - 16, y + 15, row.ratio.toFixed(2), 'value'),
  ];
}

function footOf({ machine, repetitions, failover }: BenchReport): string[] {
  const waits = failover
    .filter(({ name }) => name.startsWith('client waits') || name.startsWith('guest pauses'))
    .map(({ name, p50, max }) => `${name}: ${Math.round(p50)} ms (${Math.round(max)} at most)`);
  const where = `${machine['cpu']}, ${machine['cores']} cores, Node ${machine['node']}; medians of ${repetitions}`;
  return [...waits, where];
}

function aloneOf({ unit, alone, plain }: BenchRow): number {
  const ratio = ratioOf(unit, alone, plain);
  return Number.isFinite(ratio) ? ratio : 0;
}

function text(x: number, y: number, words: string, style: string): string {
  return `<text class="${style}" x="${x}" y="${y}">${escaped(words)}</text>`;
}

function escaped(words: string): string {
  return words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

const style = `
text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;font-size:13px;fill:#1f2328}
.page{fill:#ffffff;stroke:#d0d7de}
.title{font-size:17px;font-weight:600}.group{font-weight:600}
.label,.value{text-anchor:end}.value{font-variant-numeric:tabular-nums}
.note{font-size:12px;fill:#59636e}
.bar{fill:#2f81f7}
.alone{stroke:#bc4c00;stroke-width:2.5}
.plain{stroke:#59636e;stroke-dasharray:4 3}
@media (prefers-color-scheme:dark){
text{fill:#e6edf3}.page{fill:#0d1117;stroke:#30363d}.note{fill:#9198a1}
.bar{fill:#388bfd}.alone{stroke:#f0883e}.plain{stroke:#9198a1}}`;
