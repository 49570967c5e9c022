// usage: node pack.mjs WORK IMAGES
// Takes what the other scripts made in WORK and writes what is committed under IMAGES: compressed files with a manifest each,
// the licence texts, and which version of which Debian package everything came from.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';

const [work, images] = process.argv.slice(2).map((dir) => resolve(dir));
const debian = join(work, 'debian');

// --- Packages: name, version, and the source package with the version that corresponds.
const packages = readdirSync(join(work, 'pool'))
  .filter((name) => name.endsWith('.deb'))
  .map((name) => {
    const field = (key) =>
      execFileSync('dpkg-deb', ['-f', join(work, 'pool', name), key], { encoding: 'utf8' }).trim();
    const [, source, sourceVersion] = /^(\S+)?(?: \((.*)\))?$/.exec(field('Source'));
    const version = field('Version');
    return {
      package: field('Package'),
      version,
      source: source ?? field('Package'),
      // A rebuild of the same source (+b1) has the version of its source.
      sourceVersion: sourceVersion ?? version.replace(/\+b\d+$/, ''),
    };
  })
  .sort((a, b) => (a.package < b.package ? -1 : 1));
const bios = ['seabios', 'vgabios'];
const licenceTextsOnly = ['base-files', 'gcc-12-base'];
const shipped = packages.filter((each) => !licenceTextsOnly.includes(each.package));

// --- Files.
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** Copies `from` as it is; `files` entry for the manifest. */
function plain(from, dir, name) {
  const bytes = readFileSync(from);
  writeFileSync(join(dir, name), bytes);
  return { [name]: { bytes: bytes.length, sha256: sha256(bytes) } };
}

function compressed(from, dir, name) {
  const bytes = readFileSync(from);
  const packed = brotliCompressSync(bytes, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
      [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
    },
  });
  writeFileSync(join(dir, name), packed);
  return {
    [name]: {
      bytes: packed.length,
      sha256: sha256(packed),
      uncompressedBytes: bytes.length,
      uncompressedSha256: sha256(bytes),
    },
  };
}

function directory(name) {
  const dir = join(images, name);
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
  return dir;
}

const writeJson = (path, value) => writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`);

// --- images/bios
const biosDir = directory('bios');
writeJson(join(biosDir, 'bios.json'), {
  name: 'bios',
  description:
    'BIOS and VGA BIOS, for kernels, disks and CDs of your own. The shipped image needs neither.',
  bios: 'bios.bin',
  vgaBios: 'vgabios.bin',
  files: {
    ...plain(join(debian, 'usr/share/seabios/bios.bin'), biosDir, 'bios.bin'),
    ...plain(join(debian, 'usr/share/vgabios/vgabios.bin'), biosDir, 'vgabios.bin'),
  },
  sources: shipped.filter((each) => bios.includes(each.package)),
});

// --- images/linux
const linuxDir = directory('linux');
const files = {
  ...compressed(join(work, 'out/vmlinuz'), linuxDir, 'vmlinuz.br'),
  ...compressed(join(work, 'out/rootfs.ext4'), linuxDir, 'rootfs.ext4.br'),
};
writeJson(join(linuxDir, 'image.json'), {
  ...JSON.parse(readFileSync(new URL('image.json', import.meta.url), 'utf8')),
  files,
  sources: shipped.filter((each) => !bios.includes(each.package)),
});

// --- images/licences: what each package says of itself, and the texts those files point to.
const licencesDir = directory('licences');
const pointedTo = new Set();
for (const { package: name, source } of shipped) {
  // Packages of one source have the same text.
  const text = readFileSync(join(debian, 'usr/share/doc', name, 'copyright'), 'utf8');
  writeFileSync(join(licencesDir, `${source}.txt`), text);
  for (const [, title] of text.matchAll(/common-licenses\/([A-Za-z]+(?:-\d+(?:\.\d+)*)?)/g))
    pointedTo.add(title);
}
mkdirSync(join(licencesDir, 'common-licenses'));
for (const title of pointedTo) {
  // A name without a version is a link to the newest one.
  const text = realpathSync(join(debian, 'usr/share/common-licenses', title));
  copyFileSync(text, join(licencesDir, 'common-licenses', basename(text)));
}
const column = (text, width) => text.padEnd(width);
writeFileSync(
  join(licencesDir, 'SOURCES'),
  [
    'The files of these images come from Debian 12 (bookworm), from the packages below. The corresponding source is the',
    'Debian source package of that name and version, which Debian keeps. What we changed or added is in ../recipe: a one-line',
    'change to the kernel (kernel.sh), one byte of busybox (rootfs.sh), a stand-in for libsystemd (src/libsystemd.c).',
    'What each source package says of its licence is in the file of its name beside this one.',
    '',
    `${column('package', 20)} ${column('version', 28)} ${column('source package', 20)} source version`,
    ...shipped.map(
      (each) =>
        `${column(each.package, 20)} ${column(each.version, 28)} ${column(each.source, 20)} ${each.sourceVersion}`,
    ),
    '',
  ].join('\n'),
);

for (const [name, { bytes, uncompressedBytes }] of Object.entries(files)) {
  console.log(`${name}: ${bytes} bytes (${uncompressedBytes} uncompressed)`);
}
