import type { ActorRef } from '../model/actor.ts';
import type { Party } from '../model/chain.ts';
import { emailKey } from '../model/keys.ts';
import type { Policy } from '../model/policy.ts';
import type { Micros } from '../model/time.ts';
import type { Truth } from '../model/truth.ts';
import type { StoredEvent } from '../store/stored-event.ts';

/** Two keys that one event says are the same party. An issuer's alias is exact, an e-mail beside an account asserted. */
export interface Vouched {
  readonly key: string;
  readonly other: string;
  readonly grade: 'exact' | 'asserted';
  readonly event: string;
}

/** Who stands behind an account, and how that is known. */
export interface Person {
  /** Canonical key: the one that the policy file gives, else the identity at the provider. */
  readonly person: string;
  readonly kind?: ActorRef['kind'];
  readonly display?: string;
  readonly aliases: readonly string[];
  readonly grade: 'exact' | 'asserted';
  readonly how: string;
  /** The person who answers for an agent; an agent and its sponsor are one party. */
  readonly sponsor?: string;
}

/** Resolves accounts to persons. Everything is fixed when it is created, so every answer is a pure function. */
export interface Identities {
  /** The person behind a key at a moment; undefined where nothing ties the account to one. */
  personOf(key: string, at?: Micros): Person | undefined;
  /** A party as a chain shows it. */
  partyOf(actor: ActorRef, at?: Micros): Party;
  /** The person behind an actor, by its key, by the aliases that its event vouches for, last by its e-mail. */
  resolve(actor: ActorRef, at?: Micros): Person | undefined;
  /** Whether two actors are one party, counting an agent as its sponsor; unknown while either is unresolved. */
  sameParty(a: ActorRef, b: ActorRef, at?: Micros): Truth;
}

type Entry = Policy['identities'][number];

/** Aliases that events themselves vouch for (sources.md 3.4 `aliases`, 4.1). Same input, same order. */
export function vouchedBy(events: Iterable<StoredEvent>): Vouched[] {
  const found = new Map<string, Vouched>();
  for (const event of events) {
    for (const actor of actorsOf(event)) {
      const email = emailKey(actor.email)?.key;
      for (const alias of actor.aliases ?? [])
        add(found, { key: actor.key, other: alias, grade: 'exact', event: event.event });
      if (email !== undefined) add(found, { key: actor.key, other: email, grade: 'asserted', event: event.event });
    }
  }
  return [...found.values()];
}

/** Builds the resolver from the policy file's identities, which stand first, and from what events vouch for. */
export function createIdentities(policy: Policy, vouched: readonly Vouched[]): Identities {
  const registered = indexEntries(policy.identities);
  const persons = new Map(policy.identities.map((entry) => [entry.person, entry]));
  const links = indexLinks(vouched);
  const memo = new Map<string, readonly Reached[]>();
  const reachedFrom = (key: string): readonly Reached[] => {
    const known = memo.get(key) ?? reach(links, key);
    memo.set(key, known);
    return known;
  };
  const personOf = (key: string, at?: Micros): Person | undefined => {
    if (key === '') return undefined;
    for (const step of reachedFrom(key)) {
      const entry = registered.get(step.key)?.find((candidate) => isValid(candidate, at));
      if (entry) return personFrom(entry, step, key);
    }
    return ownIdentity(reachedFrom(key), key);
  };
  const resolve = (actor: ActorRef, at?: Micros): Person | undefined => {
    const direct = personOf(actor.key, at) ?? firstOf(actor.aliases ?? [], (alias) => personOf(alias, at));
    if (direct) return direct;
    const email = emailKey(actor.email)?.key;
    const byEmail = email === undefined ? undefined : personOf(email, at);
    return byEmail && { ...byEmail, grade: 'asserted', how: `e-mail address only; ${byEmail.how}` };
  };
  const partyKey = (person: Person): string => {
    const sponsor = person.sponsor ?? persons.get(person.person)?.sponsor;
    return sponsor === undefined || sponsor === null ? person.person : (personOf(sponsor)?.person ?? sponsor);
  };
  return {
    personOf,
    resolve,
    partyOf: (actor, at) => partyFrom(actor, resolve(actor, at)),
    sameParty(a, b, at) {
      if (a.key !== '' && a.key === b.key) return true;
      const [first, second] = [resolve(a, at), resolve(b, at)];
      if (!first || !second) return 'unknown';
      if (partyKey(first) === partyKey(second)) return true;
      return first.grade === 'exact' && second.grade === 'exact' ? false : differByEmail(first, second);
    },
  };
}

// Two persons known by e-mail only: an address may belong to someone else today, but two that both are registered differ.
function differByEmail(a: Person, b: Person): Truth {
  return a.person === b.person ? true : a.kind !== undefined && b.kind !== undefined ? false : 'unknown';
}

interface Reached {
  readonly key: string;
  readonly grade: 'exact' | 'asserted';
  readonly event?: string;
}

/** Keys that are the same party as `key`: itself, then over exact links, then over asserted ones, nearest first. */
function reach(links: ReadonlyMap<string, readonly Reached[]>, key: string): readonly Reached[] {
  const found = new Map<string, Reached>([[key, { key, grade: 'exact' }]]);
  for (const grade of ['exact', 'asserted'] as const) {
    const queue = [...found.values()];
    for (const step of queue) {
      // What else bears an e-mail address is somebody's claim: only the provider's own identity is taken through it.
      const throughEmail = step.key.startsWith('email:') && step.key !== key;
      for (const next of links.get(step.key) ?? []) {
        if (next.grade !== grade || found.has(next.key) || found.size > 64) continue;
        if (throughEmail && !next.key.startsWith('idp:user:')) continue;
        const reached = { ...next, grade: step.grade === 'exact' ? grade : 'asserted' } as const;
        found.set(next.key, reached);
        queue.push(reached);
      }
    }
  }
  return [...found.values()];
}

function ownIdentity(reached: readonly Reached[], key: string): Person | undefined {
  const [own, next] = reached.filter((step) => step.key.startsWith('idp:user:')).toSorted((a, b) => compare(a, b));
  // Two identities that only an e-mail address ties to the account: it is not known which of them it is.
  if (!own || (own.grade === 'asserted' && next !== undefined)) return undefined;
  const how = own.event === undefined ? 'its own identity at the provider' : `vouched for by ${own.event}`;
  return {
    person: own.key,
    aliases: reached.map((step) => step.key).filter((alias) => alias !== key),
    grade: own.grade,
    how,
  };
}

function compare(a: Reached, b: Reached): number {
  if (a.grade !== b.grade) return a.grade === 'exact' ? -1 : 1;
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
}

function personFrom(entry: Entry, step: Reached, key: string): Person {
  const listed = `policy file (${entry.method})`;
  return {
    person: entry.person,
    kind: entry.kind,
    ...(entry.display === undefined ? {} : { display: entry.display }),
    aliases: [entry.person, ...entry.aliases].filter((alias) => alias !== key),
    grade: step.grade,
    how: step.event === undefined ? listed : `${listed}, through ${step.event}`,
    ...(typeof entry.sponsor === 'string' ? { sponsor: entry.sponsor } : {}),
  };
}

function partyFrom(actor: ActorRef, person: Person | undefined): Party {
  const email = emailKey(actor.email)?.key;
  const aliases = new Set([
    ...(person?.aliases ?? []),
    ...(actor.aliases ?? []),
    ...(email === undefined ? [] : [email]),
  ]);
  if (person) aliases.add(person.person);
  aliases.delete(actor.key);
  const display = person?.display ?? actor.display;
  const kind = actor.kind === 'unknown' || person?.kind === 'ai_agent' ? (person?.kind ?? actor.kind) : actor.kind;
  return {
    key: actor.key,
    kind,
    ...(display === undefined ? {} : { display }),
    ...(person === undefined ? {} : { person: person.person, how: person.how }),
    aliases: [...aliases].toSorted(),
  };
}

function indexEntries(entries: readonly Entry[]): ReadonlyMap<string, readonly Entry[]> {
  const map = new Map<string, Entry[]>();
  for (const entry of entries) {
    for (const key of new Set([entry.person, ...entry.aliases])) {
      const list = map.get(key);
      if (list) list.push(entry);
      else map.set(key, [entry]);
    }
  }
  return map;
}

function indexLinks(vouched: readonly Vouched[]): ReadonlyMap<string, readonly Reached[]> {
  const map = new Map<string, Reached[]>();
  const link = (key: string, other: string, from: Vouched): void => {
    const list = map.get(key) ?? [];
    list.push({ key: other, grade: from.grade, event: from.event });
    map.set(key, list);
  };
  for (const entry of vouched) {
    link(entry.key, entry.other, entry);
    link(entry.other, entry.key, entry);
  }
  return map;
}

function isValid(entry: Entry, at: Micros | undefined): boolean {
  if (at === undefined) return true;
  return (
    (entry.from === undefined || entry.from <= at) && (entry.to === undefined || entry.to === null || at < entry.to)
  );
}

function actorsOf(event: StoredEvent): readonly ActorRef[] {
  const others = [event.onBehalfOf, event.initiator].filter((actor) => actor !== undefined);
  return [event.actor, ...others, ...event.actChain].filter((actor) => actor.key !== '');
}

function add(found: Map<string, Vouched>, entry: Vouched): void {
  if (entry.key === entry.other) return;
  const id = `${entry.key}\u0000${entry.other}`;
  const held = found.get(id);
  if (!held || (held.grade === 'asserted' && entry.grade === 'exact')) found.set(id, entry);
}

function firstOf<T, R>(items: readonly T[], pick: (item: T) => R | undefined): R | undefined {
  for (const item of items) {
    const found = pick(item);
    if (found !== undefined) return found;
  }
  return undefined;
}
