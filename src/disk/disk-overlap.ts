import { requestRange, type DiskRequest } from '../guest/disk-request.js';

/** Whether two operations touch a byte in common. */
export function overlap(a: DiskRequest, b: DiskRequest): boolean {
  if (a.drive !== b.drive) return false;
  const [x, y] = [requestRange(a), requestRange(b)];
  return x.start < y.end && y.start < x.end;
}
