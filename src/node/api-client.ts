import { request } from 'node:http';
import { proofFor } from './secret-proof.js';
import type { SharedSecret } from './shared-secret.js';

/** What a replica's control API answered; null if it could not be asked. */
export interface ApiAnswer {
  readonly status: number;
  readonly body: string;
}

// A status is a few kilobytes; whoever says more is none of ours.
const ANSWER_BYTES_MAX = 4 * 1024 * 1024;

/** One request to `http://host:port/path`. A connection that fails, is silent or never stops talking answers null. */
export async function askApi(
  method: 'GET' | 'POST',
  url: string,
  options: {
    readonly timeoutMs?: number;
    readonly secret?: SharedSecret | null;
    readonly body?: string;
  } = {},
): Promise<ApiAnswer | null> {
  const { timeoutMs = 2000, secret = null } = options;
  const headers: Record<string, string> = { connection: 'close' };
  try {
    const proof = await proofFor(secret, method, url, AbortSignal.timeout(timeoutMs));
    if (proof !== null) headers.authorization = proof;
  } catch {
    return null;
  }
  return new Promise((resolve) => {
    const asked = request(
      url,
      { method, timeout: timeoutMs, agent: false, headers },
      (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (text: string) => {
          body += text;
          if (body.length > ANSWER_BYTES_MAX) response.destroy(new Error('too long an answer'));
        });
        response.on('error', () => resolve(null));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      },
    );
    asked.on('timeout', () => asked.destroy(new Error('no answer')));
    asked.on('error', () => resolve(null));
    asked.end(options.body);
  });
}
