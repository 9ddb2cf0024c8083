import type { ActorRef } from '../model/actor.ts';
import type { Party } from '../model/chain.ts';
import { emailKey } from '../model/keys.ts';
import type { Policy } from '../model/policy.ts';
import type { Micros } from '../model/time.ts';
import type { Truth } from '../model/truth.ts';
import type { StoredEvent } from '../store/stored-event.ts';
import { bondsOfChanges } from './identities/bonds.ts';
import type { Vouched } from './identities/bonds.ts';
import { claimBonds, isExternal, mapExternal, stateBonds } from './identities/external-bonds.ts';
import { mailBonds } from './identities/mail-bonds.ts';
import { sightingsOf } from './identities/parties-of.ts';
import type { Sighting } from './identities/parties-of.ts';
import { explainAccount } from './identities/explain.ts';
import type { Explanation } from './identities/explain.ts';
import { createReach, holds } from './identities/reach.ts';
import type { Reached } from './identities/reach.ts';

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
  /** Why an account is said to be a person's at a moment (now, where none is given), and who else it is said to be. */
  explain(key: string, at?: Micros): Explanation;
  /** Whether two actors are one party, counting an agent as its sponsor; unknown while either is unresolved. */
  sameParty(a: ActorRef, b: ActorRef, at?: Micros): Truth;
}

type Entry = Policy['identities'][number];

/** What events themselves vouch for, of all their parties. Same input, same order. */
export function vouchedBy(events: Iterable<StoredEvent>): Vouched[] {
  const all = [...events];
  return vouchedOf(all.flatMap(sightingsOf), all);
}

/**
 * What is vouched for (sources.md 3.4 `aliases`, 4.1): the aliases by which an issuer names a party, the merges and splits
 * of a register, addresses beside accounts.
 */
export function vouchedOf(sightings: readonly Sighting[], changes: readonly StoredEvent[]): Vouched[] {
  const aliases = new Map<string, Vouched>();
  for (const { actor, event } of sightings)
    for (const alias of actor.aliases ?? []) {
      const id = `${actor.key}\u0000${alias}`;
      if (alias !== actor.key && !isExternal(alias) && !aliases.has(id))
        aliases.set(id, { key: actor.key, other: alias, grade: 'exact', event, method: 'issuer' });
    }
  return [
    ...aliases.values(),
    ...claimBonds(sightings),
    ...stateBonds(changes),
    ...bondsOfChanges(changes),
    ...mailBonds(sightings, changes),
  ];
}

/** Builds the resolver from the policy file's identities, which stand first, and from what events vouch for. */
export function createIdentities(policy: Policy, vouched: readonly Vouched[]): Identities {
  const registered = indexEntries(policy.identities);
  const persons = new Map(policy.identities.map((entry) => [entry.person, entry]));
  const external = mapExternal(vouched, policy);
  const reach = createReach(external.bonds);
  const personOf = (key: string, at?: Micros): Person | undefined => {
    if (key === '') return undefined;
    const reached = reach.reach(key, at);
    for (const step of reached) {
      const entry = registered.get(step.key)?.find((candidate) => isValid(candidate, at));
      if (entry) return personFrom(entry, step, key);
    }
    return ownIdentity(reached, key);
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
  // All whom an actor counts as: the person behind the account, or who answers for it where it is an agent's.
  const partiesOf = (actor: ActorRef, person: Person | undefined, at?: Micros): readonly string[] => {
    const sponsor = actor.sponsor === undefined ? [] : [personOf(actor.sponsor, at)?.person ?? actor.sponsor];
    return person === undefined ? sponsor : [partyKey(person), ...sponsor];
  };
  const isExact = (actor: ActorRef, person: Person | undefined, at?: Micros): boolean =>
    (person === undefined || person.grade === 'exact') &&
    (actor.sponsor === undefined ? person !== undefined : personOf(actor.sponsor, at)?.grade === 'exact');
  return {
    personOf,
    resolve,
    explain(key, at) {
      const person = personOf(key, at);
      const entriesOf = (one: string): readonly Entry[] =>
        (registered.get(one) ?? []).filter((entry) => isValid(entry, at));
      return explainAccount(key, person, {
        reached: reach.reach(key, at),
        entriesOf,
        ownKeys,
        unknownOf: (one) => external.unknownOf(one).filter((bond) => holds(bond, at)),
      });
    },
    partyOf(actor, at) {
      const person = resolve(actor, at);
      const sponsor = actor.sponsor ?? person?.sponsor;
      return partyFrom(actor, person, sponsor && (personOf(sponsor, at)?.person ?? sponsor));
    },
    sameParty(a, b, at) {
      if (a.key !== '' && a.key === b.key) return true;
      const [first, second] = [resolve(a, at), resolve(b, at)];
      const [one, other] = [partiesOf(a, first, at), partiesOf(b, second, at)];
      if (one.length === 0 || other.length === 0) return 'unknown';
      if (one.some((party) => other.includes(party))) return true;
      if (isExact(a, first, at) && isExact(b, second, at)) return false;
      return first && second ? differByEmail(first, second) : 'unknown';
    },
  };
}

// Two persons known by e-mail only: an address may belong to someone else today, but two that both are registered differ.
function differByEmail(a: Person, b: Person): Truth {
  return a.person === b.person ? true : a.kind !== undefined && b.kind !== undefined ? false : 'unknown';
}

function ownIdentity(reached: readonly Reached[], key: string): Person | undefined {
  const [own, next] = ownKeys(reached);
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

// A GitLab user has two keys, `gitlab:user:` and one at the issuer of its host; a provider's own identity goes before.
function ownKeys(reached: readonly Reached[]): readonly Reached[] {
  const users = reached.filter((step) => step.key.startsWith('idp:user:'));
  const keys = new Set(reached.map((step) => step.key));
  const others = users.filter(
    ({ key }) => !key.startsWith('idp:user:https://') || !keys.has(key.replace('idp:user:https://', 'gitlab:user:')),
  );
  return (others.length > 0 ? others : users).toSorted(compare);
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

function partyFrom(actor: ActorRef, person: Person | undefined, sponsor: string | undefined): Party {
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
    ...(sponsor === undefined ? {} : { sponsor }),
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

function isValid(entry: Entry, at: Micros | undefined): boolean {
  if (at === undefined) return true;
  return (
    (entry.from === undefined || entry.from <= at) && (entry.to === undefined || entry.to === null || at < entry.to)
  );
}

function firstOf<T, R>(items: readonly T[], pick: (item: T) => R | undefined): R | undefined {
  for (const item of items) {
    const found = pick(item);
    if (found !== undefined) return found;
  }
  return undefined;
}
