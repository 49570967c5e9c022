import { closeSync, openSync, writeSync } from 'node:fs';
import { pino, type Logger } from 'pino';
import { FtvmError } from '../errors.js';
import type { Diagnostics, Fields } from '../host/diagnostics.js';
import { diagnosticLine, type DiagnosticLevel } from './diagnostic-line.js';
import { reasonOf } from './errno.js';

/** Takes whole lines, each with its end. */
export interface LineTerminal {
  write(line: string): unknown;
  on(event: 'error', listener: () => void): unknown;
}

export interface PinoDiagnosticsOptions {
  /** Messages below it are left out, on the terminal and in the file. */
  readonly level?: DiagnosticLevel | 'silent';
  /** Also appended there, one JSON object to a line. */
  readonly logFile?: string | undefined;
  /** Where lines for people go: standard error, unless a test wants them. */
  readonly terminal?: LineTerminal;
}

/** The file of `--log-file` cannot be opened. */
export class LogFileError extends FtvmError {
  readonly code = 'FTVM_LOG_FILE';
  readonly remedy = 'Name a file that this user may write, in a directory that exists.';

  constructor(path: string, options?: ErrorOptions) {
    super(`Cannot write diagnostics to ${path}: ${reasonOf(options?.cause)}`, options);
  }
}

/**
 * Diagnostics twice: short lines on standard error, beside the guest's console, and everything as
 * JSON in a file if there is one.
 *
 * Each message is written before the call returns, because the last ones before an exit matter most.
 * Errors: LogFileError from the constructor. Later ones are dropped: a terminal that is gone or a
 *         full disk is no reason to stop a VM.
 */
export class PinoDiagnostics implements Diagnostics {
  readonly #logger: Logger;
  readonly #file: number | null;
  #isFileFailing = false;

  constructor({ level = 'info', logFile, terminal = process.stderr }: PinoDiagnosticsOptions = {}) {
    this.#file = logFile === undefined ? null : openLog(logFile);
    // Without a listener a terminal that went away would end the process.
    terminal.on('error', () => undefined);
    const destination = {
      write: (json: string): void => {
        terminal.write(`${lineOf(JSON.parse(json) as PinoLine)}\n`);
        this.#append(json, terminal);
      },
    };
    this.#logger = pino(
      {
        level,
        base: null,
        formatters: { level: (label) => ({ level: label }) },
        timestamp: pino.stdTimeFunctions.isoTime,
      },
      destination,
    );
  }

  debug(message: string, fields: Fields = {}): void {
    this.#logger.debug(fields, message);
  }

  info(message: string, fields: Fields = {}): void {
    this.#logger.info(fields, message);
  }

  warn(message: string, fields: Fields = {}): void {
    this.#logger.warn(fields, message);
  }

  error(message: string, fields: Fields = {}): void {
    this.#logger.error(fields, message);
  }

  /** Closes the log file; the terminal is not ours. */
  close(): void {
    if (this.#file !== null) closeSync(this.#file);
  }

  #append(json: string, terminal: LineTerminal): void {
    if (this.#file === null) return;
    try {
      writeSync(this.#file, json);
      this.#isFileFailing = false;
    } catch (error) {
      if (!this.#isFileFailing) {
        const why = reasonOf(error);
        terminal.write(`${diagnosticLine('warn', 'the log file misses lines', { why })}\n`);
      }
      this.#isFileFailing = true;
    }
  }
}

/** What pino makes of a message, with the settings above. */
interface PinoLine {
  readonly level: DiagnosticLevel;
  readonly msg: string;
  readonly time: string;
  readonly [field: string]: string | number | boolean | null;
}

/** The same for people, who see the time go by themselves. */
function lineOf(line: PinoLine): string {
  const isField = ([name]: [string, unknown]): boolean => !['level', 'msg', 'time'].includes(name);
  const fields = Object.fromEntries(Object.entries(line).filter(isField));
  return diagnosticLine(line.level, line.msg, fields);
}

function openLog(path: string): number {
  try {
    return openSync(path, 'a');
  } catch (cause) {
    throw new LogFileError(path, { cause });
  }
}
