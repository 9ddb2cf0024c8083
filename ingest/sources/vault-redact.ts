import type { RedactionRule } from './adapter.ts';

// Members of `data` that name things and open nothing: what chains are joined by, where an operator shows them.
const IDENTIFIERS = ['access_key', 'lease_id', 'accessor'];

/**
 * What may hold secrets in an entry (sources.md 1.10, "Redact"). Hashed values stay as they are; what is not hashed in
 * `data` is redacted, for a device that writes raw entries would show everything there.
 */
export const vaultRedactions: readonly RedactionRule[] = [
  { path: ['request', 'client_token'], rule: 'vault_token' },
  { path: ['auth', 'client_token'], rule: 'vault_token' },
  { path: ['response', 'auth', 'client_token'], rule: 'vault_token' },
  { path: ['response', 'wrap_info', 'token'], rule: 'vault_token' },
  { path: ['request', 'data', '**'], rule: 'vault_data', except: IDENTIFIERS },
  { path: ['response', 'data', '**'], rule: 'vault_data', except: IDENTIFIERS },
  { path: ['request', 'path'], rule: 'vault_token', part: 'vault_path' },
  { path: ['request', 'request_uri'], rule: 'vault_token', part: 'vault_path' },
  { path: ['request', 'headers', 'authorization'], rule: 'authorization' },
  { path: ['request', 'headers', 'x-vault-token'], rule: 'vault_token' },
  { path: ['request', 'headers', 'cookie'], rule: 'authorization' },
];
