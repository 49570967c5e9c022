import { V86Vcpu } from '../../dist/vcpu/v86-vcpu.js';

// Loaded before the program in a backup's process: SIGUSR2 changes one bit of its guest's memory, as
// a cosmic ray would. The place is high in a guest of 32 MiB, where nothing has been put yet.
let vcpu;
const { replay } = V86Vcpu.prototype;
V86Vcpu.prototype.replay = function (records) {
  vcpu = this;
  replay.call(this, records);
};
process.on('SIGUSR2', () => vcpu.flipBit(0x1d00123, 5));
