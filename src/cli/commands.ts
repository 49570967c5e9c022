import type { Command } from 'commander';

/**
 * Adds what `ftvm` can do, in the order `--help` lists it; if `word` is one of these commands, that
 * one alone: most of the program is code that `ftvm status` does not need, and loading it takes longer
 * than asking.
 */
export async function addCommands(program: Command, word: string | undefined): Promise<void> {
  const named = families.filter(({ commands }) => word !== undefined && commands.includes(word));
  for (const { add } of named.length > 0 ? named : families) await add(program);
}

/** Commands that live in one file. */
interface Family {
  readonly commands: readonly string[];
  readonly add: (program: Command) => Promise<void>;
}

const families: readonly Family[] = [
  {
    commands: ['demo'],
    add: async (program) => (await import('./demo-command.js')).addDemoCommand(program),
  },
  {
    commands: ['run'],
    add: async (program) => (await import('./run-command.js')).addRunCommand(program),
  },
  {
    commands: ['status'],
    add: async (program) => (await import('./status-command.js')).addStatusCommand(program),
  },
  {
    commands: ['console'],
    add: async (program) => (await import('./console-command.js')).addConsoleCommand(program),
  },
  {
    commands: ['failover'],
    add: async (program) => (await import('./failover-command.js')).addFailoverCommand(program),
  },
  {
    commands: ['pause', 'resume', 'reset', 'poweroff'],
    add: async (program) => (await import('./operate-commands.js')).addOperateCommands(program),
  },
  {
    commands: ['stop'],
    add: async (program) => (await import('./stop-command.js')).addStopCommand(program),
  },
  {
    commands: ['switch'],
    add: async (program) => (await import('./switch-command.js')).addSwitchCommand(program),
  },
  {
    commands: ['arbiter'],
    add: async (program) => (await import('./arbiter-command.js')).addArbiterCommand(program),
  },
  {
    commands: ['record'],
    add: async (program) => (await import('./record-command.js')).addRecordCommand(program),
  },
  {
    commands: ['replay'],
    add: async (program) => (await import('./replay-command.js')).addReplayCommand(program),
  },
  {
    commands: ['disk'],
    add: async (program) => (await import('./disk-command.js')).addDiskCommand(program),
  },
  {
    commands: ['doctor'],
    add: async (program) => (await import('./doctor-command.js')).addDoctorCommand(program),
  },
  {
    commands: ['bench'],
    add: async (program) => (await import('./bench-command.js')).addBenchCommand(program),
  },
  {
    commands: ['chaos'],
    add: async (program) => (await import('./chaos-command.js')).addChaosCommand(program),
  },
  {
    commands: ['simulate'],
    add: async (program) => (await import('./simulate-command.js')).addSimulateCommand(program),
  },
];
