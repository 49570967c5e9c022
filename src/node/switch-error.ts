import { FtvmError } from '../errors.js';
import { formatIp, type Subnet } from '../network/ipv4-address.js';

/** A forward cannot listen; the cause says why. */
export class ForwardError extends FtvmError {
  readonly code = 'FTVM_FORWARD';
  readonly remedy: string;

  constructor(forward: string, cause: FtvmError) {
    super(`Cannot serve --forward ${forward}: ${lowerFirst(cause.message)}`, { cause });
    this.remedy = cause.remedy;
  }
}

/** A forward names a guest that cannot be on this switch. */
export class ForwardGuestError extends FtvmError {
  readonly code = 'FTVM_FORWARD_GUEST';
  readonly remedy: string;

  constructor(forward: string, { base, prefixBits }: Subnet) {
    const subnet = `${formatIp(base)}/${prefixBits}`;
    super(`Cannot serve --forward ${forward}: its guest is not in ${subnet}`);
    this.remedy = 'Name a guest address of the subnet, or give --subnet the one it is in.';
  }
}

/** The switch would be open to everybody who can reach that address. */
export class SwitchExposedError extends FtvmError {
  readonly code = 'FTVM_SWITCH_EXPOSED';
  readonly remedy =
    'Listen on 127.0.0.1, or give --allow-remote where only trusted hosts can reach the port ' +
    '(a private network, a tunnel).';

  constructor(address: string) {
    super(
      `Refused to listen on ${address}: frames carry no proof of who sent them, so whoever ` +
        'reaches this port can speak as any guest',
    );
  }
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
