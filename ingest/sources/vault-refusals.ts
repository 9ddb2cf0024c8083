import type { Facts } from '../../model/facts.ts';
import { at, getString } from './read.ts';
import type { Doc } from './read.ts';

/**
 * What an answer shows of the token that was refused (sources.md 1.10.1, measured). A token that is revoked, expired, used
 * up or whose parent is gone comes without accessor, policies or metadata, as does one that never was; a living token from
 * an address to which it is not bound keeps its accessor beside the request. Neither has `policy_results`, which every
 * refusal by a policy has. Of request and answer only the answer tells it, so that it is told once.
 */
export function refusedToken(entry: Doc, type: string): NonNullable<Facts['findings']> {
  const isRefused =
    type === 'response' &&
    /permission denied/.test(getString(entry, 'error') ?? '') &&
    getString(entry, 'request', 'client_token') !== undefined &&
    getString(entry, 'auth', 'accessor') === undefined &&
    getString(entry, 'auth', 'token_type') === 'default' &&
    at(entry.json, 'auth', 'policy_results') === undefined;
  if (!isRefused) return [];
  return getString(entry, 'request', 'client_token_accessor') === undefined
    ? [{ kind: 'dead_token', detail: 'a token was presented that is no longer valid, or never was' }]
    : [
        {
          kind: 'token_from_elsewhere',
          detail: 'a living token was presented from an address to which it is not bound: it may be stolen',
        },
      ];
}
