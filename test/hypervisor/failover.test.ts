import { describe, expect, it } from 'vitest';
import { protectedPair } from './small-world.js';

describe('a primary that dies', () => {
  it('is replaced, and its console goes on to the byte', async () => {
    const { world, a, b } = await protectedPair();
    a.type('hello ');
    await world.pass(50);
    expect(a.console).toBe('hello ');
    a.kill();
    await world.pass(100);
    expect(b.isReleasing).toBe(true);
    b.type('world');
    await world.pass(50);
    expect(b.console).toBe('hello world');
    expect(world.latest).toMatchObject({ generation: 2, reason: 'takeover', inSync: [] });
  });
});
