import { get } from 'node:http';
import { CHALLENGE_PATH, type SharedSecret } from './shared-secret.js';

const answerBytesMax = 1024;

/**
 * The `Authorization` for one request to a server of ours, or null when that server asks for none.
 * Rejects when it cannot be asked.
 */
export async function proofFor(
  secret: SharedSecret | null,
  method: string,
  url: string,
  signal: AbortSignal,
): Promise<string | null> {
  if (secret === null) return null;
  const { origin, pathname } = new URL(url.replace(/^ws/, 'http'));
  const nonce = await challengeOf(new URL(CHALLENGE_PATH, origin), signal);
  return nonce === null ? null : secret.authorization(nonce, method, pathname);
}

function challengeOf(url: URL, signal: AbortSignal): Promise<string | null> {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent: false, signal }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        text += part;
        if (text.length > answerBytesMax) response.destroy();
      });
      response.on('error', reject);
      response.on('close', () => {
        const nonce = response.statusCode === 200 ? text.trim() : '';
        resolve(/^[0-9a-f]{32}$/.test(nonce) ? nonce : null);
      });
    });
    request.on('error', reject);
  });
}
