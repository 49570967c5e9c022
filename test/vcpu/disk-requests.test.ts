import { expect, it } from 'vitest';
import type { DiskRequest } from '../../src/guest/disk-request.js';
import { DiskRequests } from '../../src/vcpu/disk-requests.js';
import type { V86IdeInterface } from '../../src/vcpu/v86-internals.js';

it('a write is what the guest gave, whatever it does with its buffer afterwards (§3.4)', () => {
  const issued: DiskRequest[] = [];
  const requests = new DiskRequests((request) => issued.push(request));
  const buffer = Uint8Array.of(1, 2, 3);
  const ide = { current_command: 0x30 } as V86IdeInterface;
  requests.write('hda', ide, 512, buffer, () => undefined);
  buffer.fill(9);
  expect(issued).toMatchObject([{ kind: 'diskWrite', data: Uint8Array.of(1, 2, 3) }]);
});
