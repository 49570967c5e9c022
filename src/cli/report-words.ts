import type { RoleReport } from '../role/role-effect.js';
import { unreachable } from '../unreachable.js';

const ms = (value: number): string => `${value.toFixed(value < 10 ? 1 : 0)} ms`;
const mib = (bytes: number): string => `${(bytes / (1024 * 1024)).toFixed(0)} MiB`;

/** A milestone of a replica as one line for a person. */
export function wordsOf(report: RoleReport): string {
  switch (report.kind) {
    case 'backupJoining':
      return `a backup is joining (${report.replica})`;
    case 'backupRejoining':
      return `a backup joins again (${report.replica}), from the log behind epoch ${report.epoch}: no state goes over`;
    case 'stateCut':
      return `state cut: the guest paused for ${ms(report.pauseMs)} (${mib(report.stateBytes)})`;
    case 'snapshotCut':
      return `a snapshot for the journal: the guest paused for ${ms(report.pauseMs)} (${mib(report.stateBytes)})`;
    case 'backupInSync':
      return `protected: backup ${report.replica} is in sync, ${ms(report.joinMs)} after it joined`;
    case 'backupLost':
      return `backup ${report.replica} is lost: ${report.why}`;
    case 'backupDiverged':
      return `DIVERGED: backup ${report.replica} is not what this guest was after epoch ${report.epoch}: ${report.difference}`;
    case 'joinRefused':
      return `a backup was refused: ${report.why}`;
    case 'storageUnreachable':
      return `the shared disk cannot be reached, waiting: ${report.why}`;
    case 'generationClaimed':
      return `generation ${report.generation} is ours`;
    case 'wokeUp':
      return `this process did not run for ${ms(report.sleptMs)}; checking that it is still live`;
    case 'diskFailed':
      return `disk request ${report.requestId} failed; the guest was told`;
    case 'rebooted':
      return `the guest rebooted at epoch ${report.epoch}`;
    case 'folding':
      return `the guest's writes go into the image of ${report.drive}: ${mib(report.doneBytes)} of ${mib(report.totalBytes)}`;
    case 'welcomed':
      return `joined primary ${report.replica} (generation ${report.generation})`;
    case 'rejoined':
      return `rejoined from the log at epoch ${report.epoch}: the machine here goes on`;
    case 'stateArriving':
      return `receiving the state of the guest: ${mib(report.doneBytes)} of ${mib(report.totalBytes)}`;
    case 'stateReceived':
      return `state received: epoch ${report.epoch}, ${mib(report.bytes)}`;
    case 'diskComparing':
      return `comparing the disk with the primary's: ${mib(report.doneBytes)} of ${mib(report.totalBytes)}`;
    case 'diskSynced':
      return `disk compared with the primary's: ${mib(report.differentBytes)} of ${mib(report.comparedBytes)} differed`;
    case 'inSync':
      return `in sync with the primary (generation ${report.generation}): this replica goes live if it dies`;
    case 'waitingForMembers': {
      const { votes, needed } = report;
      const missing = report.missing.map(({ pid, host }) => `process ${pid} on ${host}`);
      return `output waits for a majority in this VM, so ${needed} backups must have lost the primary before one may go live; ${votes} have, waiting for ${missing.join(', ')}`;
    }
    case 'primaryLost':
      return `the primary is lost: ${report.why}`;
    case 'wentLive':
      return `LIVE at epoch ${report.epoch}, ${ms(report.sinceLostMs)} after the primary was lost; input typed just before may be lost`;
    case 'resuming':
      return `resuming from the journal: ${report.through - report.from} epochs to replay, from ${report.from === 0 ? 'power-on' : `the snapshot of epoch ${report.from}`} to epoch ${report.through}`;
    case 'resumeProgress':
      return `replayed to epoch ${report.epoch} of ${report.through}`;
    case 'resumed':
      return `LIVE again at epoch ${report.epoch}, from the journal: ${report.epochs} epochs replayed in ${(report.tookMs / 1000).toFixed(1)} s`;
    default:
      return unreachable(report);
  }
}
