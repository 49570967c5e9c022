import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { diagnosticLine } from '../../src/node/diagnostic-line.js';
import { LogFileError, PinoDiagnostics } from '../../src/node/pino-diagnostics.js';
import { scratchDir } from './scratch.js';

/** A terminal that keeps what is written to it. */
function terminal(): Writable & { readonly text: () => string } {
  let text = '';
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      text += chunk.toString();
      done();
    },
  });
  return Object.assign(stream, { text: () => text });
}

describe('a line for people', () => {
  it('reads like a sentence, units after their numbers', () => {
    expect(diagnosticLine('info', 'backup joined', { tookMs: 412, generation: 3 })).toBe(
      'ftvm: backup joined (took 412 ms, generation 3)',
    );
    expect(diagnosticLine('warn', 'slow', { sharePercent: 90, inSync: true, peer: null })).toBe(
      'ftvm: warning: slow (share 90 %, in sync: yes, peer: none)',
    );
    expect(diagnosticLine('error', 'no room', { logBufferBytes: 7 })).toBe(
      'ftvm: error: no room (log buffer 7 bytes)',
    );
  });

  it('lets nobody move the cursor or forge a line', () => {
    const line = diagnosticLine('info', 'refused\nftvm: all well', { why: '\u001b[2J\u009bx\r' });
    expect(line).toBe('ftvm: refused?ftvm: all well (why: ?[2J?x?)');
  });
});

describe('diagnostics', () => {
  it('are written, to both places, before the call returns', () => {
    const logFile = join(scratchDir(), 'ftvm.log');
    const screen = terminal();
    const diagnostics = new PinoDiagnostics({ logFile, terminal: screen });
    diagnostics.info('backup joined', { tookMs: 412 });
    expect(screen.text()).toBe('ftvm: backup joined (took 412 ms)\n');
    const [line, end] = readFileSync(logFile, 'utf8').split('\n');
    expect(JSON.parse(line ?? '')).toMatchObject({
      level: 'info',
      msg: 'backup joined',
      tookMs: 412,
      time: expect.stringMatching(/^\d{4}-.*Z$/) as string,
    });
    expect(end).toBe('');
    diagnostics.close();
  });

  it('leave out what is below their level', () => {
    const screen = terminal();
    const diagnostics = new PinoDiagnostics({ level: 'warn', terminal: screen });
    diagnostics.debug('a');
    diagnostics.info('b');
    diagnostics.warn('c');
    diagnostics.error('d');
    expect(screen.text()).toBe('ftvm: warning: c\nftvm: error: d\n');
    const silent = terminal();
    new PinoDiagnostics({ level: 'silent', terminal: silent }).error('e');
    expect(silent.text()).toBe('');
  });

  it('append to a log file that is there', () => {
    const logFile = join(scratchDir(), 'ftvm.log');
    for (const message of ['first', 'second']) {
      const diagnostics = new PinoDiagnostics({ logFile, terminal: terminal() });
      diagnostics.info(message);
      diagnostics.close();
    }
    expect(readFileSync(logFile, 'utf8').trim().split('\n')).toHaveLength(2);
  });

  it('have a typed error for a log file that cannot be opened', () => {
    const logFile = join(scratchDir(), 'missing', 'ftvm.log');
    const open = (): unknown => new PinoDiagnostics({ logFile, terminal: terminal() });
    expect(open).toThrow(LogFileError);
    expect(open).toThrow(logFile);
  });

  it.skipIf(!existsSync('/dev/full'))('go on, and say so once, when the log file is full', () => {
    const screen = terminal();
    const diagnostics = new PinoDiagnostics({ logFile: '/dev/full', terminal: screen });
    diagnostics.info('one');
    diagnostics.info('two');
    expect(screen.text().split('\n')).toEqual([
      'ftvm: one',
      expect.stringContaining('ftvm: warning: the log file misses lines (why: ENOSPC'),
      'ftvm: two',
      '',
    ]);
    diagnostics.close();
  });

  it('survive a terminal that has gone away', () => {
    const gone = terminal();
    const diagnostics = new PinoDiagnostics({ terminal: gone });
    gone.emit('error', Object.assign(new Error('EPIPE'), { code: 'EPIPE' }));
    diagnostics.info('still here');
  });
});
