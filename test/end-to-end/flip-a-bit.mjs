import { V86Vcpu } from '../../dist/vcpu/v86-vcpu.js';

// Loaded before the program: SIGUSR2 changes one bit of the memory of this process's guest, as a
// cosmic ray would. The place is high in a guest of 32 MiB, where nothing has been put yet.
let vcpu;
for (const method of ['replay', 'goLive']) {
  const original = V86Vcpu.prototype[method];
  V86Vcpu.prototype[method] = function (...words) {
    vcpu = this;
    return original.apply(this, words);
  };
}
process.on('SIGUSR2', () => vcpu.flipBit(0x1d00123, 5));
