import { InvalidArgumentError } from 'commander';
import { formatHostPort, parseHostPort, type HostPort } from '../node/host-port.js';

/** Parsers for commander: what they throw is a usage error that names the option. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(`It is a whole number from ${min} to ${max}.`);
    }
    return value;
  };
}

export function hostPort(text: string): HostPort {
  const address = parseHostPort(text);
  if (!address) throw new InvalidArgumentError('It is HOST:PORT, for example 127.0.0.1:7000.');
  return address;
}

/** `host:port` alone is taken for what it must mean. */
export function webSocketUrl(text: string): string {
  const address = parseHostPort(text.replace(/^ws:\/\//, '').replace(/\/$/, ''));
  if (!address || address.port === 0) {
    throw new InvalidArgumentError('It is ws://HOST:PORT, for example ws://127.0.0.1:7000.');
  }
  return `ws://${formatHostPort(address)}`;
}

/** A relay may have a path, or stand behind TLS. */
export function switchUrl(text: string): string {
  if (parseHostPort(text)) return webSocketUrl(text);
  const url = URL.canParse(text) ? new URL(text) : null;
  if (!url || !/^wss?:$/.test(url.protocol)) {
    throw new InvalidArgumentError('It is ws://HOST:PORT, for example ws://127.0.0.1:7500.');
  }
  return url.href;
}

export function httpUrl(text: string): string {
  const address = parseHostPort(text.replace(/^http:\/\//, '').replace(/\/$/, ''));
  if (!address || address.port === 0) {
    throw new InvalidArgumentError('It is http://HOST:PORT, for example http://127.0.0.1:7400.');
  }
  return `http://${formatHostPort(address)}`;
}

export function nameList(text: string): string[] {
  return text.split(',').filter((name) => name !== '');
}
