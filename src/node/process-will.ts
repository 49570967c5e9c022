import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import type { Diagnostics } from '../host/diagnostics.js';
import type { LastWill } from '../host/last-will.js';
import { parseHostPort } from './host-port.js';

/**
 * The last will of this process, kept by a small one beside it.
 *
 * ```
 * ftvm ──pipe: host port message──▶ bash, asleep      kill -9 ftvm ─▶ SIGTERM ─▶ bash ──UDP──▶ peers
 * ```
 * Linux closes the sockets of a killed process after it has freed its memory: 10 to 60 ms for one of our
 * size. The signal that a child may ask for at its parent's death comes with the death of the thread that
 * made the child, which is before that: 0.5 to 4 ms. Bash, because its redirections speak UDP.
 *
 * Shape:  one child per process, made early: a fork of a process that has grown stops it for long.
 *         It takes no signal of the terminal, and ends when our end of the pipe closes.
 * Errors: none. Without `setpriv` (util-linux) or `bash` nothing is sent, and peers wait for the kernel.
 * Source: the process-level spies of Falcon (Leners et al., SOSP 2011).
 */
export class ProcessWill implements LastWill {
  readonly #child: ChildProcess;
  /** In the order of their last message. */
  readonly #targets = new Set<string>();
  #isThere = true;

  constructor(diagnostics: Diagnostics) {
    const args = [
      '--pdeathsig',
      'TERM',
      '--',
      'bash',
      '--norc',
      '-c',
      'eval "$SCRIPT"',
      'ftvm-last-will',
    ];
    this.#child = spawn('setpriv', args, {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
      // By its environment, for the sake of those who read the list of processes.
      env: { PATH: process.env['PATH'] ?? '', SCRIPT: script },
      cwd: '/',
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
      spawnSync('setpriv', ['--pdeathsig', 'TERM', '--', 'bash', '--norc', '-c', 'exit']).status ===
      0
    );
  }

  /** Revokes it: who leaves in good order says goodbye himself. */
  close(): void {
    this.#isThere = false;
    this.#child.kill('SIGKILL');
  }
}

// Every replica that was ever a peer of this process has one.
const targetsMax = 64;
// They come from a peer, and become words of a shell.
const hostPattern = /^[0-9A-Za-z.:-]{1,253}$/;
const messagePattern = /^[0-9A-Za-z ._-]{1,200}$/;

/**
 * One peer is heard at one address, so a later message to it replaces an earlier one. A signal that is not
 * our parent's death changes nothing: a thread that has died leads a process that is a zombie (Z) or gone.
 */
const script = `
trap '' INT HUP QUIT
declare -A wills
parent_has_died() {
  local stat i
  for i in {1..200}; do
    read -r stat </proc/$PPID/stat || return 0
    case $stat in *') Z '* | *') X '*) return 0 ;; esac
  done
  return 1
}
tell() {
  local to
  parent_has_died || return
  for to in "\${!wills[@]}"; do printf %s "\${wills[$to]}" >"/dev/udp/$to"; done
  exit
}
trap tell TERM
while read -r host port message; do
  if [[ $message ]]; then wills["$host/$port"]=$message; else unset "wills[$host/$port]"; fi
done
`;
