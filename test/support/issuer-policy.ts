import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The source that tests of issuers speak for, and its credential. */
export const ISSUER_SOURCE = 'https://broker.acme.example/eu1';
export const ISSUER_TOKEN = 'issuer-bearer-token-0001';

/** Writes a policy with one issuer and its secrets file into a folder; gives the path of the policy. */
export function writeIssuerPolicy(folder: string, more: Readonly<Record<string, unknown>> = {}): string {
  const issuer = {
    family: 'ce',
    instance: ISSUER_SOURCE,
    may_speak_for: ['https://broker.acme.example'],
    integrity: 'dense_seq',
    first_sequence: 1,
    credentials: [{ kind: 'bearer', secret: 'issuer' }],
  };
  const { sources = [], ...rest } = more as { sources?: unknown[] };
  const path = join(folder, 'custody.yaml');
  writeFileSync(path, JSON.stringify({ tenant: 'acme', sources: [issuer, ...sources], ...rest }));
  writeFileSync(join(folder, 'custody.secrets.yaml'), `issuer: ${ISSUER_TOKEN}\n`, { mode: 0o600 });
  return path;
}
