import { expect, it } from 'vitest';
import { live, prompt, VmUnderTest } from './vm-under-test.js';

it('tells who is live, who protects it, and how well', async () => {
  const vm = new VmUnderTest();
  const primary = vm.primary('--api', '127.0.0.1:0');
  await primary.stdout.until(prompt);
  expect(await vm.status()).toMatchObject({
    backupsWished: 1,
    backupsInSync: 0,
    generation: 1,
    role: 'primary',
    protection: 'unprotected',
    reason: expect.stringContaining('ftvm run --backup'),
    primary: { pid: primary.pid },
    backups: [],
  });

  const backup = await vm.protect();
  const status = await vm.status();
  expect(status).toEqual({
    vm: expect.stringMatching(/^[0-9a-f-]{36}$/),
    name: 'vm',
    replica: expect.any(String),
    role: 'primary',
    backupsWished: 1,
    backupsInSync: 1,
    commit: 'all',
    acksAwaited: 1,
    generation: 1,
    protection: 'protected',
    reason: '1 backup in sync',
    primary: expect.objectContaining({
      pid: primary.pid,
      host: expect.any(String),
      endpoint: expect.stringMatching(/^ws:\/\/127\.0\.0\.1:\d+$/),
      api: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
      epoch: expect.any(Number),
    }),
    backups: [
      expect.objectContaining({
        pid: backup.pid,
        state: 'inSync',
        inSync: true,
        lagMs: expect.any(Number),
      }),
    ],
    log: {
      bytesPerSecond: expect.any(Number),
      bytesTotal: expect.any(Number),
      bufferBytes: expect.any(Number),
    },
    seat: null,
    takeover: null,
    lastJoin: { pauseMs: expect.any(Number), totalMs: expect.any(Number) },
    replay: { digestsCompared: expect.any(Number), divergences: 0 },
    lastDivergence: null,
    network: null,
    // The image and the layer of the first generation.
    disks: [{ drive: 'hda', chainLength: 2, layerBytes: expect.any(Number) }],
  });

  const { api } = status.primary!;
  const metrics = await (await fetch(`${api}/metrics`)).text();
  expect(metrics).toMatch(/^ftvm_\w+(\{.*\})? [\d.e+-]+$/m);
  expect((await fetch(`${api}/healthz`)).status).toBe(200);
  expect((await fetch(`${api}/nothing`)).status).toBe(404);
  expect((await fetch(`${api}/stop`)).status).toBe(404);
  // The backup answers for itself, and stops nothing.
  const its = status.backups[0]!.api;
  expect(await (await fetch(`${its}/status`)).json()).toMatchObject({
    role: 'backup',
    primary: { pid: primary.pid },
  });
  expect((await fetch(`${its}/stop`, { method: 'POST' })).status).toBe(409);
  const table = await vm.run('status', vm.dir);
  expect(table.stdout).toMatch(/PROTECTED[^]*primary +process \d+[^]*backup +process \d+/);

  await primary.kill();
  await live(backup);
  const after = await vm.status();
  expect(after).toMatchObject({ generation: 2, role: 'primary', primary: { pid: backup.pid } });
  expect(after.takeover!.liveAtMs).toBeGreaterThanOrEqual(after.takeover!.primaryLostAtMs);
  await backup.kill();
  const nobody = await vm.run('status', vm.dir, '--json');
  expect(nobody.status).toBe(0);
  expect(JSON.parse(nobody.stdout)).toMatchObject({
    generation: 2,
    primary: null,
    protection: 'unprotected',
    reason: expect.stringContaining(`process ${backup.pid}`),
  });
});

it('a console from elsewhere stays through a failover, and ends with the VM', async () => {
  const vm = new VmUnderTest();
  const primary = vm.primary('--headless');
  await primary.stderr.until(/primary of/);
  const screen = vm.start('console', vm.dir);
  const backup = await vm.protect('--headless');
  await screen.stdout.until(prompt);
  expect(await screen.shell('echo $((6 * 7))')).toBe('42');
  screen.type('i=0; while i=$((i+1)); do echo line $i; done\n');
  await screen.stdout.until(/line 200\r\n/);
  await primary.kill();
  await screen.stdout.until(/line 800\r\n/);
  await screen.ask('\x03', prompt);
  const shown = [...screen.stdout.text.matchAll(/^line (\d+)\r$/gm)].map(([, n]) => Number(n));
  expect(shown).toEqual(shown.map((_number, at) => at + 1));
  screen.type('poweroff\n');
  expect(await backup.ended).toBe(0);
  expect(await screen.ended).toBe(0);
  expect(screen.stdout.text).toContain('System halted');
  expect(screen.stderr.text).toMatch(/is off\n$/);
  const late = await vm.run('console', vm.dir);
  expect(late.status).toBe(4);
  expect(late.stderr).toContain('is not running');
});
