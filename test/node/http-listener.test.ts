import { request, type IncomingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import { hostname } from 'node:os';
import { describe, expect, it, onTestFinished } from 'vitest';
import { HttpListener, type HttpListenerOptions } from '../../src/node/http-listener.js';
import { listenError } from '../../src/node/listen-error.js';
import { rejection } from './scratch.js';
import { SilentDiagnostics } from './silent-diagnostics.js';

const anyPort = { host: '127.0.0.1', port: 0 };

async function listen(options: Partial<HttpListenerOptions> = {}): Promise<{
  readonly http: HttpListener;
  readonly diagnostics: SilentDiagnostics;
}> {
  const diagnostics = new SilentDiagnostics();
  const http = await HttpListener.listen(diagnostics, { ...anyPort, ...options });
  onTestFinished(() => http.close());
  return { http, diagnostics };
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

function ask(
  http: HttpListener,
  method: string,
  path: string,
  { headers = {}, body = '' }: { headers?: Record<string, string>; body?: string } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(`http://${http.address}${path}`, { method, headers, agent: false });
    sent.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => (text += part));
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text });
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

describe('requests', () => {
  it('reach the handler with method, path and body; its answer comes back', async () => {
    const { http } = await listen();
    http.serve((method, path, body) => ({
      status: 201,
      type: 'text/plain',
      body: `${method} ${path} ${Buffer.from(body).toString()}`,
    }));
    const answer = await ask(http, 'POST', '/stop?now=1', { body: 'please' });
    expect(answer).toMatchObject({ status: 201, body: 'POST /stop please' });
    expect(answer.headers['content-type']).toBe('text/plain');
    expect(answer.headers['cache-control']).toBe('no-store');
  });

  it('may be answered later, with bytes', async () => {
    const { http } = await listen();
    http.serve(async () => {
      await Promise.resolve();
      return { status: 200, type: 'application/octet-stream', body: Uint8Array.of(0x41, 0x42) };
    });
    expect((await ask(http, 'GET', '/')).body).toBe('AB');
    expect(await ask(http, 'HEAD', '/')).toMatchObject({ status: 200, body: '' });
  });

  it('that nobody knows get 404', async () => {
    const { http } = await listen();
    expect((await ask(http, 'GET', '/nothing')).status).toBe(404);
    http.serve(() => null);
    expect((await ask(http, 'GET', '/nothing')).status).toBe(404);
  });

  it('whose handler fails get 500, and only diagnostics say why', async () => {
    const { http, diagnostics } = await listen();
    http.serve(() => {
      throw new Error('secret');
    });
    const answer = await ask(http, 'GET', '/');
    expect(answer.status).toBe(500);
    expect(answer.body).not.toContain('secret');
    expect(diagnostics.messages).toEqual(['error request failed']);
  });

  it.each([{ 'content-length': '11' }, { 'transfer-encoding': 'chunked' }])(
    'with a body over the limit get 413: %j',
    async (headers) => {
      const { http } = await listen({ bodyBytesMax: 10 });
      let served = 0;
      http.serve((_method, _path, body) => {
        served += 1;
        return { status: 200, type: 'text/plain', body: `${body.byteLength}` };
      });
      const answer = await ask(http, 'POST', '/', { headers, body: 'elevenbytes' });
      expect(answer.status).toBe(413);
      expect(served).toBe(0);
      expect((await ask(http, 'POST', '/', { body: 'exactly10!' })).body).toBe('10');
    },
  );

  it('that break off do no harm', async () => {
    const { http, diagnostics } = await listen();
    http.serve(() => ({ status: 200, type: 'text/plain', body: 'ok' }));
    const port = Number(http.address.split(':')[1]);
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    await new Promise((resolve) => {
      socket.write('POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 50\r\n\r\nhalf', resolve);
    });
    socket.destroy();
    expect((await ask(http, 'GET', '/')).body).toBe('ok');
    expect(diagnostics.messages).toEqual([]);
  });
});

describe('requests that a browser makes for a strange page', () => {
  it.each([
    [{ origin: 'https://evil.example' }, 403],
    [{ origin: 'null' }, 403],
    [{ host: 'evil.example', origin: 'http://evil.example' }, 403],
    [{ host: `${hostname()}x:1`, origin: `http://${hostname()}x:1` }, 403],
    [{ host: 'localhost:1', origin: 'http://localhost:1' }, 200],
    [{ host: '[::1]:1', origin: 'http://[::1]:1' }, 200],
    [{ host: `${hostname()}:1`, origin: `http://${hostname()}:1` }, 200],
    // No browser: it may know us by an alias.
    [{ host: 'alias.example' }, 200],
  ])('are told by their headers: %j gets %i', async (headers, status) => {
    const { http } = await listen();
    http.serve(() => ({ status: 200, type: 'text/plain', body: 'ok' }));
    expect((await ask(http, 'POST', '/stop', { headers })).status).toBe(status);
  });

  it('are served when the page is one of ours', async () => {
    const { http } = await listen();
    http.serve(() => ({ status: 200, type: 'text/plain', body: 'ok' }));
    const headers = { origin: `http://${http.address}` };
    expect((await ask(http, 'POST', '/stop', { headers })).status).toBe(200);
  });

  it('cannot open a WebSocket either', async () => {
    const { http } = await listen();
    let upgrades = 0;
    http.onUpgrade('/console', () => (upgrades += 1));
    const headers = { upgrade: 'websocket', connection: 'Upgrade', origin: 'https://evil.example' };
    expect((await ask(http, 'GET', '/console', { headers })).status).toBe(403);
    expect(upgrades).toBe(0);
  });
});

describe('listening', () => {
  it('is told apart by its reasons to fail', async () => {
    const { http } = await listen();
    const port = Number(http.address.split(':')[1]);
    const diagnostics = new SilentDiagnostics();
    const taken = await rejection(HttpListener.listen(diagnostics, { ...anyPort, port }));
    expect(taken).toMatchObject({ code: 'FTVM_PORT_TAKEN' });
    expect(String(taken)).toContain(`127.0.0.1:${port}`);
    // TEST-NET-3, which no machine has.
    const elsewhere = { host: '203.0.113.1', port: 0 };
    expect(await rejection(HttpListener.listen(diagnostics, elsewhere))).toMatchObject({
      code: 'FTVM_ADDRESS_NOT_LOCAL',
    });
    expect(
      await rejection(HttpListener.listen(diagnostics, { ...anyPort, port: 70_000 })),
    ).toMatchObject({ code: 'FTVM_LISTEN' });
  });

  it('may be forbidden', () => {
    const cause = Object.assign(new Error('EACCES'), { code: 'EACCES' });
    const error = listenError({ host: '::1', port: 80 }, cause);
    expect(error).toMatchObject({ code: 'FTVM_PORT_FORBIDDEN', cause });
    expect(error.message).toContain('[::1]:80');
  });

  it('ends at once, kept-alive and idle connections included, and frees the port', async () => {
    const { http } = await listen();
    const port = Number(http.address.split(':')[1]);
    const idle = connect(port, '127.0.0.1');
    await new Promise((resolve) => idle.once('connect', resolve));
    const closed = new Promise((resolve) => idle.once('close', resolve));
    idle.on('error', () => undefined);
    await http.close();
    await closed;
    await (await HttpListener.listen(new SilentDiagnostics(), { ...anyPort, port })).close();
  });
});
