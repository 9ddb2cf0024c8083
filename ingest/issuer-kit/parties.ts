import { createHash } from 'node:crypto';
import { TOKEN_BOUNDS } from '../../model/token-event.ts';
import type { PartyRef } from './event-types.ts';
import { IssuerKitError } from './kit-error.ts';

/** Claims of a verified token, as far as parties are concerned (RFC 8693 `act`, `sub_profile` of ID-JAG). */
export interface PartyClaims {
  readonly iss?: string;
  readonly sub?: string | number;
  readonly sub_profile?: string;
  readonly client_id?: string;
  readonly act?: PartyClaims;
}

const KINDS: Readonly<Record<string, PartyRef['kind']>> = {
  human: 'human',
  user: 'human',
  service: 'service',
  ai_agent: 'ai_agent',
  system: 'system',
};

/**
 * Whose rights and who acts, from the claims of a token that the caller has verified: `sub` is the subject, `act` the
 * current actor, each `act` inside it an earlier one (RFC 8693 section 4.1; sources.md 3.5). `may_act` is a permission
 * and no fact, so it is left out. Throws `invalid_event` for a chain of more than 16 or a party without iss and sub.
 */
export function partiesOf(claims: PartyClaims): { readonly subject: PartyRef; readonly actors: readonly PartyRef[] } {
  const actors: PartyRef[] = [];
  for (let act = claims.act; act !== undefined; act = act.act) {
    if (actors.length === TOKEN_BOUNDS.actors)
      throw broken(
        'act',
        `is nested deeper than ${TOKEN_BOUNDS.actors}`,
        'Refuse such a token: no flow needs so many.',
      );
    actors.push(partyOf(act, claims.iss, `act (level ${actors.length + 1})`));
  }
  return { subject: partyOf(claims, claims.iss, 'sub'), actors };
}

function partyOf(claims: PartyClaims, issuer: string | undefined, where: string): PartyRef {
  const iss = claims.iss ?? issuer;
  if (iss === undefined || iss === '' || claims.sub === undefined || claims.sub === '')
    throw broken(where, 'needs iss and sub', 'Take them from the verified token; without them nobody is named.');
  return {
    kind: KINDS[claims.sub_profile ?? ''] ?? 'unknown',
    iss,
    sub: String(claims.sub),
    ...(claims.client_id === undefined ? {} : { client_id: claims.client_id }),
  };
}

/**
 * The SHA-256 by which a token without `jti` is named: over the exact text that is sent in the header, for a JWT the
 * whole compact serialisation. Throws `invalid_event` for fewer than 22 characters: less than 128 bits could be guessed
 * from the hash (sources.md 3.1 rule 1). Whether a longer one was made at random only its maker knows.
 */
export function tokenHash(token: string): string {
  if (token.length < 22)
    throw broken(
      'token.sha256',
      'would be of a token with less than 128 bits',
      'Name such a token by an id of its own.',
    );
  return createHash('sha256').update(token, 'ascii').digest('hex');
}

function broken(path: string, message: string, remedy: string): IssuerKitError {
  return new IssuerKitError('invalid_event', `${path} ${message}. ${remedy}`, {
    faults: [{ path, code: 'contract', message, remedy }],
  });
}
