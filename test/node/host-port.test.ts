import { expect, it } from 'vitest';
import { hostname } from 'node:os';
import { dialableHost, formatHostPort, parseHostPort } from '../../src/node/host-port.js';

it.each([
  ['127.0.0.1:8080', { host: '127.0.0.1', port: 8080 }],
  ['[::1]:0', { host: '::1', port: 0 }],
  ['node1.example:65535', { host: 'node1.example', port: 65535 }],
])('reads %s and writes it back', (text, address) => {
  expect(parseHostPort(text)).toEqual(address);
  expect(formatHostPort(address)).toBe(text);
});

it.each([
  '',
  '8080',
  ':8080',
  'host',
  'host:',
  'host:65536',
  'host:-1',
  '::1:80',
  '[::1]',
  'a b:1',
])('refuses %j', (text) => {
  expect(parseHostPort(text)).toBeNull();
});

it('gives peers a name to dial where all interfaces are bound', () => {
  expect(dialableHost('0.0.0.0')).toBe(hostname());
  expect(dialableHost('::')).toBe(hostname());
  expect(dialableHost('10.0.0.7')).toBe('10.0.0.7');
});
