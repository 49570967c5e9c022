import { describe, expect, it } from 'vitest';
import { RefusedError, refusalOf } from '../../src/channel/handshake.js';
import { PROTOCOL_VERSION } from '../../src/channel/wire-message.js';
import { build, helloOf, settingsOf } from '../role/settings.js';

const hello = helloOf('b');
const { self } = settingsOf('p');

it('takes a backup of the same machine and build', () => {
  expect(refusalOf(hello, self)).toBeNull();
});

it('does not mind another Node: a log recorded on one replays on another', () => {
  expect(refusalOf({ ...hello, build: { ...build, node: '24', ftvm: '0.1.1' } }, self)).toBeNull();
});

describe('a difference is refused by its name, with both values', () => {
  it.each([
    [
      'protocol',
      { ...hello, protocol: 9 },
      'FTVM_PROTOCOL_VERSION',
      'protocol version 9',
      `speaks ${PROTOCOL_VERSION}`,
    ],
    ['VM', { ...hello, vm: 'other' }, 'FTVM_ANOTHER_VM', 'VM other', 'VM vm'],
    ['replica', helloOf('p'), 'FTVM_SELF', 'the primary itself', ''],
    [
      'log version',
      { ...hello, build: { ...build, logVersion: build.logVersion + 1 } },
      'FTVM_BUILD_DIFFERS',
      'log version 2',
      'has 1',
    ],
    [
      'v86',
      { ...hello, build: { ...build, v86: '0.6' } },
      'FTVM_BUILD_DIFFERS',
      'v86 0.6',
      '0.5.462',
    ],
    [
      'wasm',
      { ...hello, build: { ...build, v86Wasm: 'def' } },
      'FTVM_BUILD_DIFFERS',
      'v86.wasm def',
      'abc',
    ],
    [
      'architecture',
      { ...hello, build: { ...build, architecture: 'arm64' } },
      'FTVM_BUILD_DIFFERS',
      'CPU architecture arm64',
      'x64',
    ],
    [
      'memory',
      { ...hello, machine: { memoryMiB: '2' } },
      'FTVM_MACHINE_DIFFERS',
      'memoryMiB 2',
      'has 1',
    ],
    [
      'a missing field',
      { ...hello, machine: {} },
      'FTVM_MACHINE_DIFFERS',
      'memoryMiB unset',
      'has 1',
    ],
    [
      'an extra field',
      { ...hello, machine: { memoryMiB: '1', gpu: 'yes' } },
      'FTVM_MACHINE_DIFFERS',
      'gpu yes',
      'unset',
    ],
  ])('%s', (_what, theirs, code, said, ours) => {
    const refusal = refusalOf(theirs, self);
    expect(refusal?.code).toBe(code);
    expect(refusal?.why).toContain(said);
    expect(refusal?.why).toContain(ours);
    expect(refusal?.remedy).not.toBe('');
  });
});

it('is an error of the backup, with the code of the primary or a code of our own', () => {
  const refusal = { kind: 'refusal', code: 'FTVM_SELF', why: 'w', remedy: 'r' } as const;
  expect(new RefusedError(refusal)).toMatchObject({ code: 'FTVM_SELF', remedy: 'r' });
  expect(new RefusedError({ ...refusal, code: 'rm -rf' }).code).toBe('FTVM_REFUSED');
});
