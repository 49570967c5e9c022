import { spawn } from 'node:child_process';
import { createServer, type AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { addSwitchCommand } from '../../src/cli/switch-command.js';
import { Command } from 'commander';

const program = fileURLToPath(new URL('switch-process.mjs', import.meta.url));

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command; `onOutput` is called with what it has said so far. */
function run(
  words: string[],
  onOutput?: (stdout: string, stop: () => void) => void,
): Promise<Outcome> {
  const child = spawn(process.execPath, [program, 'switch', ...words]);
  let stdout = '';
  let stderr = '';
  let isStopping = false;
  child.stdout.on('data', (text: Buffer) => {
    stdout += text.toString();
    onOutput?.(stdout, () => {
      if (!isStopping) child.kill('SIGINT');
      isStopping = true;
    });
  });
  child.stderr.on('data', (text: Buffer) => (stderr += text.toString()));
  return new Promise((resolve) => {
    child.once('close', (status) => resolve({ status, stdout, stderr }));
  });
}

it('says where it listens, as JSON, answers there, and ends with 130 at Ctrl-C', async () => {
  let status: unknown = null;
  const words = ['--listen', '127.0.0.1:0', '--json', '--forward', '127.0.0.1:0:80'];
  const outcome = await run(
    [...words, '--forward', '127.0.0.1:0:10.0.2.16:53/udp'],
    (text, stop) => {
      if (!text.endsWith('\n')) return;
      const told = JSON.parse(text) as { status: string };
      void fetch(told.status)
        .then((response) => response.json())
        .then((body) => (status = body))
        .finally(stop);
    },
  );
  expect(outcome.status).toBe(130);
  const told = JSON.parse(outcome.stdout) as Record<string, unknown>;
  expect(told).toMatchObject({
    subnet: '10.0.2.0/24',
    gateway: '10.0.2.2',
    guest: '10.0.2.15',
    forwards: [
      { host: '127.0.0.1', guestIp: '10.0.2.15', guestPort: 80, protocol: 'tcp' },
      { host: '127.0.0.1', guestIp: '10.0.2.16', guestPort: 53, protocol: 'udp' },
    ],
  });
  expect(status).toMatchObject({ url: told.url, gateway: { connectionCount: 0 } });
});

it('names the forward whose port is taken', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const outcome = await run(['--listen', '127.0.0.1:0', '--forward', `127.0.0.1:${port}:80`]);
  server.close();
  expect(outcome.stderr).toContain(`Cannot serve --forward 127.0.0.1:${port}:80`);
  expect(outcome.stderr).toContain('the port is taken');
  expect(outcome.status).toBe(4);
});

it.each([
  [['--listen', '0.0.0.0:0'], 'Refused to listen on 0.0.0.0:0', 4],
  [['--listen', 'somewhere'], '--listen', 2],
  [['--forward', '8080:80'], 'HOST:PORT:GUESTPORT', 2],
  [['--uplink', 'passt'], 'stream:unix:PATH', 2],
  [['--subnet', '10.0.2.0/31'], '/29', 2],
  [['--uplink', 'stream:unix:/x', '--forward', '127.0.0.1:0:80'], '--gateway', 2],
])('refuses %s and says what to do', async (words, said, status) => {
  const outcome = await run(words);
  expect(outcome.stderr).toContain(said);
  expect(outcome.status).toBe(status);
});

it('explains itself', () => {
  const root = new Command('ftvm');
  addSwitchCommand(root);
  const help = root.commands[0]!.helpInformation();
  for (const option of [
    '--listen',
    '--forward',
    '--uplink',
    '--subnet',
    '--allow-remote',
    '--json',
  ]) {
    expect(help).toContain(option);
  }
  expect(help).toContain('127.0.0.1:7500');
});
