import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import type { Diagnostics } from '../host/diagnostics.js';
import type { LastWill } from '../host/last-will.js';
import { parseHostPort } from './host-port.js';

/**
 * The last will of this process, kept by two small ones beside it.
 *
 * ```
 * ftvm ──pipe: host port message──▶ cat ──pipe──▶ bash ─ ─UDP─ ─▶ peers
 *        killed ──▶ the kernel kills cat ──▶ the pipe ends ──▶ is our parent's parent dead? then: tell
 * ```
 * Linux closes the sockets of a killed process after it has freed its memory: 10 to 60 ms for one of our
 * size. The signal that a child may ask for at its parent's death comes with the death of the thread that
 * made the child, which is before that: 0.5 to 4 ms. Bash, because its redirections speak UDP; cat, because
 * a trap in the middle of `read` makes bash abort now and then.
 *
 * Shape:  made early: a fork of a process that has grown stops it for long. They take no signal of the
 *         terminal, and end when our end of the pipe closes.
 * Errors: none. Without `setpriv` (util-linux) or `bash` nothing is sent, and peers wait for the kernel.
 * Source: the process-level spies of Falcon (Leners et al., SOSP 2011).
 */
export class ProcessWill implements LastWill {
  readonly #child: ChildProcess;
  /** In the order of their last message. */
  readonly #targets = new Set<string>();
  readonly #ended: Promise<unknown>;
  #isThere = true;

  constructor(diagnostics: Diagnostics) {
    // By its environment, for the sake of those who read the list of processes.
    const args = ['--norc', '-c', 'eval "$SCRIPT"', 'ftvm-last-will'];
    this.#child = spawn('bash', args, {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
      env: { PATH: process.env['PATH'] ?? '', SCRIPT: script },
      cwd: '/',
    });
    this.#ended = new Promise((resolve) => {
      this.#child.once('error', resolve);
      this.#child.once('exit', resolve);
    });
    const gone = (why: string): void => {
      if (!this.#isThere) return;
      this.#isThere = false;
      diagnostics.info(`no last will will be sent for this process: ${why}`);
    };
    this.#child.once('error', (error) => gone(error.message));
    this.#child.once('exit', () => gone('its keeper has ended'));
    this.#child.stdin?.on('error', () => undefined);
    // It keeps nobody from ending.
    this.#child.unref();
  }

  add(to: string, message: string): void {
    const target = parseHostPort(to);
    if (!this.#isThere || target === null || target.port === 0) return;
    if (!hostPattern.test(target.host) || !messagePattern.test(message)) return;
    const place = `${target.host} ${target.port}`;
    this.#child.stdin?.write(`${place} ${message}\n`);
    this.#targets.delete(place);
    const [oldest] = this.#targets.add(place);
    if (this.#targets.size <= targetsMax || oldest === undefined) return;
    this.#targets.delete(oldest);
    this.#child.stdin?.write(`${oldest}\n`);
  }

  /** Whether this host has what the keeper needs. */
  static isPossible(): boolean {
    return (
      spawnSync('setpriv', ['--pdeathsig', 'KILL', '--', 'bash', '--norc', '-c', 'exit']).status ===
      0
    );
  }

  /** Revokes it: who leaves in good order says goodbye himself. Resolves when it is passed on. */
  async close(): Promise<void> {
    this.#isThere = false;
    this.#child.ref();
    this.#child.stdin?.end(`${revoked}\n`);
    await this.#ended;
  }
}

// Every replica that was ever a peer of this process has one.
const targetsMax = 64;
// They come from a peer, and become words of a shell.
const hostPattern = /^[0-9A-Za-z.:-]{1,253}$/;
const messagePattern = /^[0-9A-Za-z ._-]{1,200}$/;

// No host is called that.
const revoked = '!';

/**
 * One peer is heard at one address, so a later message to it replaces an earlier one. An end of the pipe
 * that is not the death of the process that made us changes nothing: its first thread is a zombie (Z) then,
 * or gone. $PPID stays the same in a subshell.
 */
const script = `
trap '' INT HUP QUIT
has_died() {
  local stat i
  for i in {1..220}; do
    read -r stat </proc/$PPID/stat || return 0
    case $stat in *') Z '* | *') X '*) return 0 ;; esac
    # The signal comes first; a core that is taken away between the two makes it long.
    if ((i > 200)); then sleep 0.05; fi
  done
  return 1
}
keep() {
  local -A wills
  local host port message to
  while read -r host port message; do
    if [[ $host == '${revoked}' ]]; then return; fi
    if [[ $message ]]; then wills["$host/$port"]=$message; else unset "wills[$host/$port]"; fi
  done
  has_died || return
  for to in "\${!wills[@]}"; do printf %s "\${wills[$to]}" >"/dev/udp/$to"; done
}
exec > >(keep)
exec setpriv --pdeathsig KILL -- cat
`;
