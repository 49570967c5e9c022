import { Option } from 'commander';
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
