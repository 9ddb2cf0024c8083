import { clockBefore } from '../../model/time.ts';
import { and, not } from '../../model/truth.ts';
import type { Truth } from '../../model/truth.ts';
import type { StoredEvent } from '../../store/stored-event.ts';
import { compareRefs, happenedBeforeMoment } from '../chains/order.ts';
import { clockAt } from '../chains/rules.ts';
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
  /** Sessions of a person that cover an act, or may: those that certainly do first, of these the latest first. */
  covering(person: string, act: StoredEvent): readonly CoveringSession[];
}

/** `unknown`: the clocks do not tell whether the act lies within the session. */
export interface CoveringSession {
  readonly session: IdpSession;
  readonly covers: true | 'unknown';
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
  const made: IdpSessions = {
    named: (event) => {
      const key = sessionKeyOf(event);
      return key === undefined ? undefined : sessions.get(key);
    },
    covering: (person, act) =>
      (byPerson.get(person) ?? [])
        .flatMap((session): readonly CoveringSession[] => {
          const covers = coversAct(session, act, context);
          return covers === false ? [] : [{ session, covers }];
        })
        .toSorted((a, b) => Number(b.covers === true) - Number(a.covers === true) || byStart(b.session, a.session)),
  };
  remembered.set(context, made);
  return made;
}

/** Whether an act lies between login and logout, and within the longest time of a session after its login. */
function coversAct(
  { start, end }: IdpSession,
  act: StoredEvent,
  { graph, rules, policy }: Pick<ControlContext, 'graph' | 'rules' | 'policy'>,
): Truth {
  const decidedAt = act.facts.decision?.at;
  const at = decidedAt ?? act.occurredAt;
  const last = start.occurredAt + policy.parameters.idp_session_max_s * 1_000_000;
  const expired = at <= last ? false : clockBefore(clockAt(rules, start, last), clockAt(rules, act, at));
  const left = end === undefined ? false : happenedBeforeMoment(graph, end, act, decidedAt, rules);
  return and(happenedBeforeMoment(graph, start, act, decidedAt, rules), not(expired), not(left));
}

function byStart(a: IdpSession, b: IdpSession): number {
  return a.start.occurredAt - b.start.occurredAt || compareRefs(a.start.ref, b.start.ref);
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
