import { request } from 'node:http';

/** What a replica's control API answered; null if it could not be asked. */
export interface ApiAnswer {
  readonly status: number;
  readonly body: string;
}

/** One request to `http://host:port/path`. A connection that fails or is silent answers null. */
export function askApi(
  method: 'GET' | 'POST',
  url: string,
  { timeoutMs = 2000 }: { readonly timeoutMs?: number } = {},
): Promise<ApiAnswer | null> {
  return new Promise((resolve) => {
    const asked = request(
      url,
      { method, timeout: timeoutMs, agent: false, headers: { connection: 'close' } },
      (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (text: string) => (body += text));
        response.on('error', () => resolve(null));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      },
    );
    asked.on('timeout', () => asked.destroy(new Error('no answer')));
    asked.on('error', () => resolve(null));
    asked.end();
  });
}
