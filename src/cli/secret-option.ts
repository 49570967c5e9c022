import { Option } from 'commander';
import { isLoopback, type HostPort } from '../node/host-port.js';
import { AddressExposedError } from '../node/listen-error.js';
import { SharedSecret } from '../node/shared-secret.js';

export interface SecretArguments {
  readonly secretFile?: string;
}

export function secretOption(): Option {
  return new Option('--secret-file <file>', 'what all hosts know; to listen beyond loopback').env(
    'FTVM_SECRET_FILE',
  );
}

export async function secretOf({ secretFile }: SecretArguments): Promise<SharedSecret | null> {
  return secretFile === undefined ? null : SharedSecret.read(secretFile);
}

/** Before anything is made or opened: where other machines reach us, they have to prove who they are. */
export async function checkSecret(
  parsed: SecretArguments,
  addresses: readonly (HostPort | undefined)[],
): Promise<void> {
  if ((await secretOf(parsed)) !== null) return;
  const exposed = addresses.find((address) => address && !isLoopback(address.host));
  if (exposed) throw new AddressExposedError(exposed);
}
