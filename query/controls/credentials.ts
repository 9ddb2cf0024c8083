import type { Clocked, Micros } from '../../model/time.ts';
import type { StoredEvent } from '../../store/stored-event.ts';
import { environmentOf } from '../chains/environments.ts';
import type { Graph } from '../chains/graph.ts';
import { judgeEdges } from '../chains/judge-edges.ts';
import type { Judge } from '../chains/judge-edges.ts';
import { anchorsOf, isJobKey, levelOf } from '../chains/levels.ts';
import { compareRefs } from '../chains/order.ts';
import { clockAt, clockOf } from '../chains/rules.ts';
import type { Rules } from '../chains/rules.ts';

/** A key of this level stands for something that whoever holds it can act with. */
const CREDENTIAL_LEVEL = 4;
const MAX_LINEAGE = 1_000;

/** When a credential stopped being good, and which event says so. */
export interface CredentialEnd {
  readonly kind: 'expiry' | 'revocation';
  readonly clock: Clocked;
  readonly event: StoredEvent;
}

/** What is recorded of a credential's life, as it stood at a moment. */
export interface CredentialLife {
  /** The first issue; undefined if the birth was not seen. */
  readonly birth?: StoredEvent;
  readonly issuedAt?: Micros;
  /** The end by time that held then: of the last renewal before that moment, else of the birth. */
  readonly expiry?: CredentialEnd;
  readonly revocation?: CredentialEnd;
}

/** The credentials of a graph: how each was born, from what, how long it lives, and for which environment. */
export interface Credentials {
  /** Issues and renewals that name this very key, in order of time. */
  birthsOf(key: string): readonly StoredEvent[];
  /** The key and every credential that it was derived from, nearest first. A broker's own credential is not climbed to. */
  lineageOf(key: string): readonly string[];
  /** Keys that are the same credential under another name (a cluster's id of a token), itself first. */
  sameAs(key: string): readonly string[];
  /** What is recorded of the credential that an event used. */
  lifeOf(key: string, use: StoredEvent): CredentialLife;
  /** Environments for which the credential that an event used, or its forebears, were made; empty if nothing says so. */
  originsOf(key: string, use: StoredEvent): readonly { readonly key: string; readonly environment: string }[];
}

/** Indexes the credentials of a graph once; everything after is a look-up. Refused attempts give birth to nothing. */
export function createCredentials(graph: Graph, rules: Rules): Credentials {
  const births = new Map<string, StoredEvent[]>();
  const ends = new Map<string, StoredEvent[]>();
  for (const event of [...graph.events.values()].toSorted(
    (a, b) => a.occurredAt - b.occurredAt || compareRefs(a.ref, b.ref),
  )) {
    if (event.outcome !== 'success') continue;
    if (event.facts.credential) push(births, event.facts.credential.key, event);
    if (event.stage === 'revoke') for (const key of event.keys) if (key.role === 'ends') push(ends, key.key, event);
  }
  const judge = judgeEdges(graph, rules);
  const lineages = new Map<string, readonly string[]>();
  const lineageOf = (key: string): readonly string[] => {
    const known = lineages.get(key) ?? climb(judge, key);
    lineages.set(key, known);
    return known;
  };
  const birthsOf = (key: string): readonly StoredEvent[] => births.get(key) ?? [];
  const sameAs = (key: string): readonly string[] => partners(judge, key);
  return {
    birthsOf,
    lineageOf,
    sameAs,
    lifeOf(key, use) {
      const names = sameAs(key);
      const births = names.flatMap(birthsOf);
      return lifeAt(
        judge.isContested(key) ? births.filter((birth) => haveCommonJob(birth, use)) : births,
        names.flatMap((name) => ends.get(name) ?? []),
        use.occurredAt,
        rules,
      );
    },
    originsOf(key, use) {
      // Two jobs claim it: the job that the call itself names says whose it is (sources.md 1.9.1).
      if (judge.isContested(key))
        return anchorsOf(use, judge.isContested)
          .filter(isJobKey)
          .flatMap((job) => originOfJob(graph, job, rules));
      const lineage = lineageOf(key);
      const stated = lineage.flatMap((forebear) => originOfBirth(forebear, birthsOf(forebear), rules));
      if (stated.length > 0) return stated;
      const jobs = lineage.flatMap((forebear) =>
        judge
          .up(forebear)
          .map((edge) => edge.parent)
          .filter(isJobKey),
      );
      return [...new Set(jobs)].flatMap((job) => originOfJob(graph, job, rules));
    },
  };
}

/** Whether two events name the same job: how the tokens that share one id are told apart. */
function haveCommonJob(one: StoredEvent, other: StoredEvent): boolean {
  const jobs = new Set(one.keys.filter((key) => isJobKey(key.key)).map((key) => key.key));
  return other.keys.some((key) => jobs.has(key.key));
}

function lifeAt(
  births: readonly StoredEvent[],
  ends: readonly StoredEvent[],
  at: Micros,
  rules: Rules,
): CredentialLife {
  const birth = births.find((event) => event.facts.credential?.renewed !== true);
  const last = births.findLast((event) => event.occurredAt <= at) ?? births[0];
  const revoked = ends[0];
  const issuedAt = birth?.facts.credential?.issued_at ?? birth?.occurredAt;
  const expiresAt = last && expiryOf(last);
  return {
    ...(birth === undefined ? {} : { birth }),
    ...(issuedAt === undefined ? {} : { issuedAt }),
    ...(last === undefined || expiresAt === undefined
      ? {}
      : { expiry: { kind: 'expiry', clock: clockAt(rules, last, expiresAt), event: last } }),
    ...(revoked === undefined
      ? {}
      : { revocation: { kind: 'revocation', clock: clockOf(rules, revoked), event: revoked } }),
  };
}

/** The end that an issue or renewal states, microseconds UTC; undefined if it states none. */
export function expiryOf(event: StoredEvent): Micros | undefined {
  const stated = event.facts.credential;
  if (stated === undefined) return undefined;
  if (stated.expires_at !== undefined) return stated.expires_at;
  return stated.ttl_s === undefined || stated.ttl_s === 0
    ? undefined
    : (stated.issued_at ?? event.occurredAt) + stated.ttl_s * 1_000_000;
}

function climb(judge: Judge, start: string): readonly string[] {
  const found = new Set([start]);
  for (const key of found) {
    if (found.size >= MAX_LINEAGE) break;
    for (const edge of judge.up(key)) if (levelOf(edge.parent) === CREDENTIAL_LEVEL) found.add(edge.parent);
    for (const name of partners(judge, key)) found.add(name);
  }
  return [...found];
}

function partners(judge: Judge, start: string): readonly string[] {
  const found = new Set([start]);
  for (const key of found) {
    if (found.size > 64) break;
    for (const edge of [...judge.up(key), ...judge.down(key)]) {
      const other = edge.parent === key ? edge.child : edge.parent;
      if (edge.relation === 'same_as' && levelOf(other) === CREDENTIAL_LEVEL) found.add(other);
    }
  }
  return [...found];
}

function originOfBirth(
  key: string,
  births: readonly StoredEvent[],
  rules: Rules,
): readonly { key: string; environment: string }[] {
  const birth = births.find((event) => event.facts.credential?.renewed !== true);
  const environment = birth && environmentOf(birth, rules);
  return environment === undefined ? [] : [{ key, environment }];
}

/** Where nothing says what a credential is for: the environment of the job that it was given to, as GitLab states it. */
function originOfJob(graph: Graph, job: string, rules: Rules): readonly { key: string; environment: string }[] {
  return graph.namesOf(job).flatMap((name) => {
    const event = graph.events.get(name.ref);
    if (!event?.family.startsWith('gitlab.') || name.role === 'mentions') return [];
    const environment = event.facts.job || event.facts.deployment ? environmentOf(event, rules) : undefined;
    return environment === undefined ? [] : [{ key: job, environment }];
  });
}

function push(map: Map<string, StoredEvent[]>, key: string, event: StoredEvent): void {
  const list = map.get(key);
  if (list) list.push(event);
  else map.set(key, [event]);
}
