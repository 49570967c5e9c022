import { expect, it } from 'vitest';
import { ExecutionLag } from '../../src/channel/execution-lag.js';
import { FlowControl } from '../../src/channel/flow-control.js';

it('lowers the share a little per period, however often it is asked (§3.2)', () => {
  const flow = new FlowControl(100);
  for (let ms = 0; ms < 100; ms += 1) flow.adjust(5000, ms);
  expect(flow.sharePercent).toBe(97);
  expect(flow.adjust(5000, 100)).toBe(94);
});

it('gives it back as lag falls, up to all of it', () => {
  const flow = new FlowControl(100);
  for (let i = 0; i < 10; i += 1) flow.adjust(200, i * 100);
  expect(flow.sharePercent).toBe(70);
  for (let i = 10; i < 60; i += 1) flow.adjust(10, i * 100);
  expect(flow.sharePercent).toBe(100);
});

it('leaves it alone where a slight lag remains', () => {
  const flow = new FlowControl(100);
  flow.adjust(200, 0);
  for (let i = 1; i < 50; i += 1) flow.adjust(80, i * 100);
  expect(flow.sharePercent).toBe(97);
});

it('goes no lower than a tenth', () => {
  const flow = new FlowControl(100);
  for (let i = 0; i < 100; i += 1) flow.adjust(1e6, i * 100);
  expect(flow.sharePercent).toBe(10);
});

it('measures from the record to the news that it has run', () => {
  const lag = new ExecutionLag();
  lag.recorded(1, 0);
  lag.recorded(2, 10);
  lag.recorded(3, 20);
  lag.ran(2, 25);
  expect(lag.lagMs(25)).toBe(15);
  expect(lag.epochCount).toBe(1);
});

it('grows while nothing is heard', () => {
  const lag = new ExecutionLag();
  lag.recorded(1, 0);
  expect(lag.lagMs(700)).toBe(700);
});

it('keeps nothing of what has run', () => {
  const lag = new ExecutionLag();
  for (let epoch = 1; epoch <= 10_000; epoch += 1) {
    lag.recorded(epoch, epoch);
    lag.ran(epoch - 3, epoch);
  }
  expect(lag.epochCount).toBe(3);
});
