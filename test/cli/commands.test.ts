import { Command } from 'commander';
import { expect, it } from 'vitest';
import { addCommands } from '../../src/cli/commands.js';

async function added(word?: string): Promise<string[]> {
  const program = new Command('ftvm');
  await addCommands(program, word);
  return program.commands.map((command) => command.name());
}

it('a command is loaded alone, and is what it is among all of them', async () => {
  const all = await added();
  expect(all).toEqual(expect.arrayContaining(['demo', 'run', 'status', 'simulate']));
  expect(new Set(all).size).toBe(all.length);
  for (const name of all) {
    const some = await added(name);
    expect(some).toContain(name);
    expect(all).toEqual(expect.arrayContaining(some));
    // Pause, resume, reset and the power button are one family.
    expect(some.length, name).toBeLessThanOrEqual(4);
  }
});

it.each([undefined, '--help', 'help', 'stat', ''])(
  '%s is answered from all of them',
  async (word) => {
    expect(await added(word)).toEqual(await added());
  },
);
