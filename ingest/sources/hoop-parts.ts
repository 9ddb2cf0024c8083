import { createHash } from 'node:crypto';
import type { ActorRef } from '../../model/actor.ts';
import { canonicalJson } from '../../model/canonical-json.ts';
import type { AuditEvent, KeyRole } from '../../model/event.ts';
import type { Facts } from '../../model/facts.ts';
import { identifier, keyOf } from '../../model/key.ts';
import type { Key } from '../../model/key.ts';
import { emailKey, idpUserKey } from '../../model/keys.ts';
import { stampFromMillis } from '../../model/time.ts';
import type { Stamp } from '../../model/time.ts';
import type { ParseInput } from './adapter.ts';
import { addEdge, addKey, compact } from './draft.ts';
import type { Draft } from './draft.ts';
import { at, getStamp, getString } from './read.ts';
import type { Doc, Path } from './read.ts';

/** One hoop record on its way to an event. */
export interface Hoop {
  readonly doc: Doc;
  readonly input: ParseInput;
  readonly host: string;
  readonly draft: Draft;
}

/** What a kind of hoop record tells; source, instance, keys and edges are added for all kinds alike. */
export type HoopEvent = Omit<AuditEvent, 'family' | 'source' | 'instance' | 'keys' | 'edges' | 'unread'>;

export type Decision = NonNullable<Facts['decision']>;

/**
 * A person or machine (sources.md 1.12.1). The id is the identity provider's bare subject, or "<connection>|<subject>",
 * and the e-mail under local login; hoop never names the issuer. It stands in the policy file (`jwt_issuer` of the
 * source); without it the e-mail is the identity, and where there is neither the id is kept apart as hoop's own.
 */
export function hoopParty(
  hoop: Hoop,
  person: {
    readonly id?: string | undefined;
    readonly email?: string | undefined;
    readonly name?: string | undefined;
    readonly type?: string | undefined;
  },
): ActorRef {
  const email = emailKey(person.email) ?? emailKey(person.id);
  const subject = emailKey(person.id) ? undefined : identifier(person.id?.slice(person.id.lastIndexOf('|') + 1));
  const issuer = hoop.input.settings?.jwt_issuer;
  const own = idpUserKey(issuer ?? `hoop://${hoop.host}`, subject);
  const key = issuer === undefined ? (email ?? own) : (own ?? email);
  const isMachine = /machine|service/.test(person.type ?? '');
  const kind = isMachine ? 'service' : /agent/.test(person.type ?? '') ? 'ai_agent' : email ? 'human' : 'unknown';
  const aliases = [own, email].flatMap((alias) => (alias && alias.key !== key?.key ? [alias.key] : []));
  return compact<ActorRef>({
    kind,
    key: key?.key ?? '',
    display: person.name || person.email || undefined,
    email: email?.key.slice('email:'.length),
    aliases: aliases.length > 0 ? aliases : undefined,
  });
}

/** Adds the hub keys of a party. */
export function addParty(hoop: Hoop, party: ActorRef, role: KeyRole, field: string): void {
  for (const text of [party.key, ...(party.aliases ?? [])]) {
    const key = text.startsWith('email:') ? emailKey(text.slice(6)) : hubOf(text);
    addKey(hoop.draft, key, role, field, text.startsWith('email:') ? 'asserted' : 'exact');
  }
}

/** Adds session, review and connection, and the edge E32 where one record names both review and session. */
export function addFlow(
  hoop: Hoop,
  flow: {
    readonly session?: string | undefined;
    readonly sessionRole?: KeyRole;
    readonly review?: string | undefined;
    readonly reviewRole?: KeyRole;
    readonly connection?: string | undefined;
    readonly fields: readonly [session: string, review: string];
  },
): void {
  const { draft, host } = hoop;
  const session = addKey(
    draft,
    keyOf('hoop:session', host, flow.session),
    flow.sessionRole ?? 'subject',
    flow.fields[0],
  );
  const review = addKey(draft, keyOf('hoop:review', host, flow.review), flow.reviewRole ?? 'uses', flow.fields[1]);
  addEdge(draft, review, session, { relation: 'authorised', rule: 'E32' });
  addKey(draft, keyOf('hoop:connection', host, flow.connection), 'place', 'connection');
}

/** The connection that was used or asked for (sources.md 2.5). Hoop has no id for it but its name. */
export function connectionResource(hoop: Hoop, name: string | undefined): HoopEvent['resource'] {
  return name === undefined
    ? undefined
    : { type: 'connection', key: `hoop://${hoop.host}/connection/${name}`, display: name };
}

/** A time that hoop writes as text, or in milliseconds. */
export function getTime(doc: Doc, ...path: Path): Stamp | undefined {
  return stampFromMillis(at(doc.json, ...path)) ?? getStamp(doc, ...path);
}

/** When a message was sent that states no time: the stamp that its sender signed (sources.md 1.12), if there is one. */
export function sentTime(hoop: Hoop): Stamp | undefined {
  const { headers } = hoop.input;
  const seconds = Number(headers['svix-timestamp'] ?? headers['webhook-timestamp']);
  return Number.isSafeInteger(seconds) && seconds > 0 ? stampFromSeconds(seconds) : undefined;
}

/** The same, or when it arrived. */
export function messageTime(hoop: Hoop): Stamp {
  return sentTime(hoop) ?? { at: hoop.input.receivedAt, precision: 's' };
}

function stampFromSeconds(seconds: number): Stamp | undefined {
  const stamp = stampFromMillis(seconds * 1_000);
  return stamp && { at: stamp.at, precision: 's' };
}

/** What tells two versions of a row apart, which hoop overwrites in place: 12 hex digits of the SHA-256 of the row. */
export function versionOf(row: unknown): string {
  return createHash('sha256').update(canonicalJson(row)).digest('hex').slice(0, 12);
}

/** The text at a path of which "" means nothing. */
export function getText(doc: Doc, ...path: Path): string | undefined {
  return getString(doc, ...path) || undefined;
}

function hubOf(text: string): Key | undefined {
  return text.startsWith('idp:user:') ? { key: text, type: 'idp:user', class: 'hub' } : undefined;
}
