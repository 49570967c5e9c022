import type { HypervisorStatus } from './status.js';

/** A status in the Prometheus text format, version 0.0.4. */
export function metricsText(status: HypervisorStatus): string {
  const lines: string[] = [];
  const gauge = (
    name: string,
    help: string,
    rows: readonly [labels: string, value: number][],
  ): void => {
    lines.push(`# HELP ftvm_${name} ${help}`, `# TYPE ftvm_${name} gauge`);
    for (const [labels, value] of rows) lines.push(`ftvm_${name}${labels} ${value}`);
  };
  const one = (value: number): [string, number][] => [['', value]];
  gauge('generation', 'Generation this replica knows.', one(status.generation));
  gauge('is_live', '1 on the replica whose output leaves.', one(status.role === 'primary' ? 1 : 0));
  gauge(
    'is_protected',
    '1 while a backup is in sync.',
    one(status.protection === 'protected' ? 1 : 0),
  );
  gauge('backups_wished', 'Backups the VM is meant to have.', one(status.backupsWished));
  gauge('backups_in_sync', 'Backups that may go live.', one(status.backupsInSync));
  gauge(
    'is_paused',
    '1 while the operator has paused the guest.',
    one(status.primary?.paused ? 1 : 0),
  );
  gauge('epoch', 'Last epoch run.', one(status.primary?.epoch ?? 0));
  gauge('log_bytes_per_second', 'Log sent to backups.', one(status.log.bytesPerSecond));
  gauge(
    'log_bytes_total',
    'Log sent to backups since this replica started.',
    one(status.log.bytesTotal),
  );
  gauge('log_buffer_bytes', 'Records kept for a peer.', one(status.log.bufferBytes));
  gauge(
    'cpu_share_percent',
    'Share of time the vCPU may run.',
    one(status.primary?.sharePercent ?? 100),
  );
  gauge('held_outputs', 'Outputs waiting for acks.', one(status.primary?.heldOutputs ?? 0));
  gauge(
    'commit_delay_ms_mean',
    'Mean wait of an output.',
    one(status.primary?.commitDelayMsMean ?? 0),
  );
  gauge(
    'commit_delay_ms_max',
    'Longest wait of an output.',
    one(status.primary?.commitDelayMsMax ?? 0),
  );
  gauge(
    'backup_lag_ms',
    'Execution lag of a backup, end to end.',
    status.backups.map(({ replica, lagMs }) => [`{replica="${replica}"}`, lagMs]),
  );
  gauge(
    'backup_in_sync',
    '1 if output waits for this backup and it may go live.',
    status.backups.map(({ replica, inSync }) => [`{replica="${replica}"}`, inSync ? 1 : 0]),
  );
  lines.push(
    '# HELP ftvm_divergences_total Replicas seen to differ from their primary.',
    '# TYPE ftvm_divergences_total counter',
    `ftvm_divergences_total ${status.replay.divergences}`,
  );
  gauge(
    'disk_chain_length',
    'Files that a read of a disk may have to look into.',
    status.disks.map(({ drive, chainLength }) => [`{drive="${drive}"}`, chainLength]),
  );
  gauge(
    'disk_layer_bytes',
    'What lies on the image of a disk.',
    status.disks.map(({ drive, layerBytes }) => [`{drive="${drive}"}`, layerBytes]),
  );
  return `${lines.join('\n')}\n`;
}
