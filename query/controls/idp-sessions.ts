import type { Micros } from '../../model/time.ts';
import type { StoredEvent } from '../../store/stored-event.ts';
import { compareRefs } from '../chains/order.ts';
import type { ControlContext } from './control-test.ts';

/** A login at the identity provider, with the factors that were shown in it. */
export interface IdpSession {
  readonly key: string;
  readonly person: string;
  /** The first that was seen of it. */
  readonly start: StoredEvent;
  readonly end?: StoredEvent;
  /** Events by which a second factor was shown, in order of time. */
  readonly factors: readonly StoredEvent[];
}

export interface IdpSessions {
  /** The session that an event names as its own. */
  named(event: StoredEvent): IdpSession | undefined;
  /** Sessions of a person that cover a moment, the latest first. */
  covering(person: string, at: Micros): readonly IdpSession[];
}

const remembered = new WeakMap<ControlContext, IdpSessions>();

/** The logins of a graph by session and by person; made once. A failed login opens nothing. */
export function idpSessionsOf(context: ControlContext): IdpSessions {
  const known = remembered.get(context);
  if (known) return known;
  const sessions = new Map<string, IdpSession>();
  for (const [key, events] of groupBySession(context)) {
    const logins = events.filter((event) => event.action === 'session.login' && event.outcome === 'success');
    const [start] = logins;
    const person = start && context.identities.resolve(start.actor, start.occurredAt)?.person;
    if (!start || person === undefined) continue;
    const end = events.find((event) => event.action === 'session.logout' && event.outcome === 'success');
    const factors = logins.filter((event) => event.facts.login?.mfa === true);
    sessions.set(key, { key, person, start, factors, ...(end === undefined ? {} : { end }) });
  }
  const byPerson = new Map<string, IdpSession[]>();
  for (const session of sessions.values())
    byPerson.set(session.person, [...(byPerson.get(session.person) ?? []), session]);
  const limit = context.policy.parameters.idp_session_max_s * 1_000_000;
  const made: IdpSessions = {
    named: (event) => {
      const key = sessionKeyOf(event);
      return key === undefined ? undefined : sessions.get(key);
    },
    covering: (person, at) =>
      (byPerson.get(person) ?? [])
        .filter(
          ({ start, end }) => start.occurredAt <= at && at < start.occurredAt + limit && !(end && end.occurredAt < at),
        )
        .toSorted((a, b) => b.start.occurredAt - a.start.occurredAt || compareRefs(b.start.ref, a.start.ref)),
  };
  remembered.set(context, made);
  return made;
}

function groupBySession({ graph }: ControlContext): ReadonlyMap<string, readonly StoredEvent[]> {
  const groups = new Map<string, StoredEvent[]>();
  for (const event of graph.events.values()) {
    if (event.action !== 'session.login' && event.action !== 'session.logout') continue;
    const key = event.disposition === 'accepted' ? sessionKeyOf(event) : undefined;
    if (key === undefined) continue;
    const list = groups.get(key);
    if (list) list.push(event);
    else groups.set(key, [event]);
  }
  for (const list of groups.values()) list.sort((a, b) => a.occurredAt - b.occurredAt || compareRefs(a.ref, b.ref));
  return groups;
}

function sessionKeyOf(event: StoredEvent): string | undefined {
  return event.keys.find((key) => /^(?:okta|entra|keycloak|idp):session:/.test(key.key))?.key;
}
