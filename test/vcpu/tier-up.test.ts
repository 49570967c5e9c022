import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';

it('asks the engine for nothing that it does not know', () => {
  const tierUp = new URL('../../dist/vcpu/tier-up.js', import.meta.url).href;
  const emptyModule = 'Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0)';
  const program = `
    import { compileEmulator, compileForSpeed, endCompilingForSpeed } from '${tierUp}';
    compileEmulator(${emptyModule});
    compileForSpeed(${emptyModule});
    endCompilingForSpeed();`;
  const words = ['--input-type=module', '--eval', program];
  const { status, stdout, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8' });
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' });
});
