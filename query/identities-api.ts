import type { FastifyInstance } from 'fastify';
import { emailKey } from '../model/keys.ts';
import { Problem } from '../model/problem.ts';
import { formatMicros } from '../model/time.ts';
import type { Micros } from '../model/time.ts';
import { identitiesQuery, identityQuery, read } from './api-schemas.ts';
import { NO_AS_OF_MS } from './chains/load-graph.ts';
import { accountsOf, readSightings } from './identities/accounts.ts';
import type { Account } from './identities/accounts.ts';
import { buildDirectory } from './identities/directory.ts';
import type { ShownPerson } from './identities/directory.ts';
import { pageOf } from './identities/identities-answers.ts';
import type { AccountAnswer } from './identities/identities-answers.ts';
import { answerText, pageText } from './identities/identities-text.ts';
import { createIdentities, vouchedOf } from './identity.ts';
import type { Identities } from './identity.ts';
import type { QueryApiDeps } from './query-api.ts';
import { rememberUntilChange } from './remember.ts';

interface Known {
  readonly accounts: readonly Account[];
  readonly identities: Identities;
  readonly cut: boolean;
}

const MAX_PAGE = 1_000;

/**
 * `GET /v1/identities?view=persons|unresolved|conflicts&kind&at&as_of&limit&after&format` and
 * `GET /v1/identities/{key}?with&at&as_of&format`: who is who, and why. What is known of accounts is read once for each
 * state of the store: the first question after something arrived reads the parties of all events.
 */
export function addIdentitiesRoutes(app: FastifyInstance, know: Know): void {
  app.get('/v1/identities', async (request, reply) => {
    const { view, format, at, as_of: asOf, after, kind, limit } = read(identitiesQuery, request.query);
    const { accounts, identities, cut } = await know(asOf);
    const directory = buildDirectory(accounts, identities, { cut, ...(at === undefined ? {} : { at }) });
    const page = pageOf(directory, view, {
      limit: Math.min(limit ?? 100, MAX_PAGE),
      ...(after === undefined ? {} : { after }),
      ...(kind === undefined ? {} : { kind }),
    });
    return format === 'text' ? reply.type('text/plain; charset=utf-8').send(pageText(page)) : page;
  });
  app.get<{ Params: { '*': string } }>('/v1/identities/*', async (request, reply) => {
    const { with: other, format, at, as_of: asOf } = read(identityQuery, request.query);
    const known = await know(asOf);
    const answer = answerFor(known, keyFrom(request.params['*']), other === undefined ? undefined : keyFrom(other), at);
    return format === 'text' ? reply.type('text/plain; charset=utf-8').send(answerText(answer)) : answer;
  });
}

/** What is known of accounts as of a moment; read once for each state of the store, whoever asks. */
export type Know = (asOf: Micros | undefined) => Promise<Known>;

/** Knows nothing before the first question. */
export function createKnow({ reader, policy }: Pick<QueryApiDeps, 'reader' | 'policy'>): Know {
  return rememberUntilChange(reader, async (asOf) => {
    const asOfMs = asOf === undefined ? NO_AS_OF_MS : Math.floor(asOf / 1_000);
    const { sightings, changes, cut } = await readSightings(reader, policy.tenant, asOfMs);
    return {
      accounts: accountsOf(sightings),
      identities: createIdentities(policy, vouchedOf(sightings, changes)),
      cut,
    };
  });
}

function answerFor(
  { accounts, identities }: Known,
  key: string,
  other: string | undefined,
  at: Micros | undefined,
): AccountAnswer {
  // prettier-ignore
  const explanation = identities.explain(key, at);
  const named = new Set([key, ...explanation.reasons.flatMap((reason) => [reason.from, reason.to])]);
  if (
    explanation.person === undefined &&
    explanation.unknown.length === 0 &&
    !accounts.some((account) => named.has(account.key))
  )
    throw new Problem('not_found', 'No event and no entry of the policy file names this account.');
  const person = explanation.person && personWith(explanation.person.person, accounts, identities, at);
  const same = other === undefined ? undefined : identities.sameParty({ kind: 'unknown', key }, { kind: 'unknown', key: other }, at); // prettier-ignore
  return {
    ...(at === undefined ? {} : { at: formatMicros(at) }),
    explanation,
    ...(person === undefined ? {} : { person }),
    ...(other === undefined || same === undefined
      ? {}
      : { compared: { key: other, same, explanation: identities.explain(other, at) } }),
  };
}

/** One person with every account that is the same at the moment, seen in events or only listed. */
function personWith(
  person: string,
  accounts: readonly Account[],
  identities: Identities,
  at: Micros | undefined,
): ShownPerson {
  const own = buildDirectory(
    accounts.filter((account) => identities.personOf(account.key, at)?.person === person),
    identities,
    at === undefined ? {} : { at },
  ).persons.find((one) => one.person === person);
  if (own) return own;
  const listed = identities.personOf(person, at);
  return {
    person,
    kind: listed?.kind ?? 'unknown',
    ...(listed?.display === undefined ? {} : { display: listed.display }),
    ...(listed?.sponsor === undefined ? {} : { sponsor: listed.sponsor }),
    accounts: [],
  };
}

/** An account as it is asked for: a key, or an e-mail address as people write it. */
function keyFrom(text: string): string {
  if (text === '' || text.length > 2_048) throw new Problem('invalid_request', 'A key has 1 to 2048 characters.');
  if (text.includes(':')) return text;
  const email = emailKey(text)?.key;
  if (email === undefined)
    throw new Problem(
      'invalid_request',
      'An account is a key, such as gitlab:user:gitlab.example/316 or idp:user:https://idp.example/00u1, or an e-mail address.',
    );
  return email;
}
