import { expect, it } from 'vitest';
import { Challenges, SharedSecret } from '../../src/node/shared-secret.js';

const secret = new SharedSecret(Buffer.from('0123456789abcdef'));
const handedOut = (): { challenges: Challenges; proof: string } => {
  const challenges = new Challenges(secret);
  return { challenges, proof: secret.authorization(challenges.issue(0), 'POST', '/stop') };
};

it('a proof is good for one request: whoever overheard it has nothing', () => {
  const { challenges, proof } = handedOut();
  expect(challenges.accepts(proof, 'POST', '/stop', 5)).toBe(true);
  expect(challenges.accepts(proof, 'POST', '/stop', 6)).toBe(false);
});

it('a proof is good for one method and path, and a guess takes the nonce with it', () => {
  for (const [method, path] of [
    ['GET', '/stop'],
    ['POST', '/leave'],
  ] as const) {
    const { challenges, proof } = handedOut();
    expect(challenges.accepts(proof, method, path, 5)).toBe(false);
    expect(challenges.accepts(proof, 'POST', '/stop', 6)).toBe(false);
  }
});

it('a proof is good for ten seconds', () => {
  const { challenges, proof } = handedOut();
  expect(challenges.accepts(proof, 'POST', '/stop', 10_001)).toBe(false);
});

it('a nonce of somebody else, and a secret of somebody else, prove nothing', () => {
  const { challenges } = handedOut();
  const foreign = new Challenges(secret).issue(0);
  expect(challenges.accepts(secret.authorization(foreign, 'GET', '/'), 'GET', '/', 1)).toBe(false);
  const other = new SharedSecret(Buffer.from('fedcba9876543210'));
  const nonce = challenges.issue(0);
  expect(challenges.accepts(other.authorization(nonce, 'GET', '/'), 'GET', '/', 1)).toBe(false);
});
