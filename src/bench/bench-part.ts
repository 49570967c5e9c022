/**
 * What can be measured by itself: the guest's own work on its processor (with boot and rest) and on
 * its disk, what its clients see, what a join and a failover cost, and the commands under QEMU.
 */
export const benchParts = ['cpu', 'disk', 'network', 'failover', 'qemu'] as const;
export type BenchPart = (typeof benchParts)[number];
