import type { Diagnostics } from '../../src/host/diagnostics.js';

/** Keeps messages for a test to look at. */
export class SilentDiagnostics implements Diagnostics {
  readonly messages: string[] = [];

  debug(message: string): void {
    this.messages.push(`debug ${message}`);
  }

  info(message: string): void {
    this.messages.push(`info ${message}`);
  }

  warn(message: string): void {
    this.messages.push(`warn ${message}`);
  }

  error(message: string): void {
    this.messages.push(`error ${message}`);
  }
}
