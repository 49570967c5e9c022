import { FtvmError } from '../errors.js';
import { errnoOf, reasonOf } from './errno.js';
import { formatHostPort, type HostPort } from './host-port.js';

/** Another process listens there. */
export class PortTakenError extends FtvmError {
  readonly code = 'FTVM_PORT_TAKEN';
  readonly remedy = 'Stop the process that listens there, or choose another port (0 takes any).';

  constructor(address: HostPort, options?: ErrorOptions) {
    super(`Cannot listen on ${formatHostPort(address)}: the port is taken`, options);
  }
}

/** The operating system does not let this user listen there. */
export class PortForbiddenError extends FtvmError {
  readonly code = 'FTVM_PORT_FORBIDDEN';
  readonly remedy = 'Choose a port of 1024 or above, or give the process the right to bind it.';

  constructor(address: HostPort, options?: ErrorOptions) {
    super(`Cannot listen on ${formatHostPort(address)}: permission denied`, options);
  }
}

/** The host is no address of this machine. */
export class AddressNotLocalError extends FtvmError {
  readonly code = 'FTVM_ADDRESS_NOT_LOCAL';
  readonly remedy = 'Use an address of this machine; 127.0.0.1 serves this machine only.';

  constructor(address: HostPort, options?: ErrorOptions) {
    super(
      `Cannot listen on ${formatHostPort(address)}: ${address.host} is no address of this machine`,
      options,
    );
  }
}

/** Other machines can reach the address, and nothing would keep them from the VM. */
export class AddressExposedError extends FtvmError {
  readonly code = 'FTVM_ADDRESS_EXPOSED';
  readonly remedy =
    'Give every host the same --secret-file FILE (openssl rand -hex 32), or listen on 127.0.0.1.';

  constructor(address: HostPort) {
    super(
      `Refused to listen on ${formatHostPort(address)} without a secret: whoever reaches it could ` +
        'stop the VM, type at its console, or read its memory as a backup',
    );
  }
}

/** Any other reason not to listen. */
export class ListenError extends FtvmError {
  readonly code = 'FTVM_LISTEN';
  readonly remedy = 'Check the address, given as HOST:PORT with a port from 0 to 65535.';

  constructor(address: HostPort, options?: ErrorOptions) {
    super(`Cannot listen on ${formatHostPort(address)}: ${reasonOf(options?.cause)}`, options);
  }
}

/** What binding `address` ran into, as an error an operator can act on. */
export function listenError(address: HostPort, cause: unknown): FtvmError {
  switch (errnoOf(cause)) {
    case 'EADDRINUSE':
      return new PortTakenError(address, { cause });
    case 'EACCES':
      return new PortForbiddenError(address, { cause });
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new AddressNotLocalError(address, { cause });
    default:
      return new ListenError(address, { cause });
  }
}
