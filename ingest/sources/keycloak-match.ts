import type { AuditEvent, Twin } from '../../model/event.ts';
import { canonicalJson } from '../../model/canonical-json.ts';
import { at, isObject } from './read.ts';

/** Which events of Keycloak's log and of its REST API are one, and what only one of the two tells. */
export interface KeycloakMatch {
  readonly pairs: readonly { readonly log: AuditEvent; readonly rest: AuditEvent }[];
  readonly onlyLog: readonly AuditEvent[];
  readonly onlyRest: readonly AuditEvent[];
}

/**
 * Matches what Keycloak's log and its REST API tell of one server. They share no id: an event of REST has a UUID, a line
 * has none (sources.md 1.7.1). They are one if they say the same and the line was written within a second after; of
 * several that say the same, the first line belongs to the first event. What only REST has was lost on the way of the
 * log; what only the log has was not stored, or was cleared, of which nothing else tells.
 */
export function matchKeycloak(log: readonly AuditEvent[], rest: readonly AuditEvent[]): KeycloakMatch {
  const lines = new Map<string, AuditEvent[]>();
  for (const event of log.toSorted(byTime)) {
    const said = signatureOf(event);
    const held = lines.get(said);
    if (held) held.push(event);
    else lines.set(said, [event]);
  }
  const pairs: { log: AuditEvent; rest: AuditEvent }[] = [];
  const onlyRest: AuditEvent[] = [];
  const matched = new Set<AuditEvent>();
  for (const event of rest.toSorted(byTime)) {
    const line = (lines.get(signatureOf(event)) ?? []).find((one) => !matched.has(one) && isSoonAfter(event, one));
    if (!line) {
      onlyRest.push(event);
      continue;
    }
    matched.add(line);
    pairs.push({ log: line, rest: event });
  }
  return { pairs, onlyLog: log.filter((event) => !matched.has(event)), onlyRest };
}

// 0.9 to 45 ms were measured; the event's own time is cut to milliseconds.
const WITHIN_US = 1_000_000;
const BEFORE_US = 1_000;
// The worker pairs what it has so far, so it looks less far: the next event that says the same may be here before the right
// one. Five times the longest that was measured.
const TWIN_US = 250_000;

/**
 * How the worker finds the other form of the same event: by what both say, and a line soon after. `form` is
 * that of the event.
 */
export function twinOf(event: Omit<AuditEvent, 'twin'>, form: 'log' | 'rest'): Twin {
  const said = signatureOf(event);
  const { at: time } = event.occurred;
  const [from, to] = form === 'rest' ? [time - BEFORE_US, time + TWIN_US] : [time - TWIN_US, time + BEFORE_US];
  const other = form === 'rest' ? 'log' : 'rest';
  return { own: [form, event.instance, said], other: [other, event.instance, said], from: Math.max(0, from), to };
}

function isSoonAfter(event: AuditEvent, line: AuditEvent): boolean {
  const distance = line.occurred.at - event.occurred.at;
  return distance >= -BEFORE_US && distance <= WITHIN_US;
}

function byTime(a: AuditEvent, b: AuditEvent): number {
  return a.occurred.at - b.occurred.at;
}

// What both forms say. The line names the actor's realm where REST names the one that was acted on, and the door takes
// more out of it (representation, queries), so those are left out.
function signatureOf(event: Pick<AuditEvent, 'type' | 'content'>): string {
  const { content } = event;
  const text = (...path: readonly string[]): unknown => flat(at(content, ...path));
  const isAdmin = at(content, 'operationType') !== undefined;
  const who = isAdmin ? ['authDetails'] : [];
  const named = ['clientId', 'userId', 'ipAddress'].map((name) => text(...who, name));
  const details = at(content, 'details');
  const said = isObject(details) ? Object.entries(details).filter(([name]) => !LOG_ONLY.test(name)) : [];
  const rest = Object.fromEntries(said.map(([name, value]) => [name, withoutQuery(name, flat(value))]));
  return canonicalJson([
    event.type,
    text('error'),
    text('sessionId'),
    text('resourcePath'),
    named,
    isAdmin ? null : rest,
  ]);
}

// REST lacks the code's id where an event was stored before it was known (OAUTH2_DEVICE_VERIFY_USER_CODE).
const LOG_ONLY = /^(?:authSession\w*|code_id)$/;

// The line turns what would break it into spaces, and says "null" for nothing.
function flat(value: unknown): unknown {
  if (value === undefined || value === null || value === 'null') return null;
  return typeof value === 'string' ? value.replace(/[\r\n\t\u00a0\u2028]/g, ' ') : value;
}

function withoutQuery(name: string, value: unknown): unknown {
  return name === 'redirect_uri' && typeof value === 'string' ? value.replace(/\?.*$/s, '') : value;
}
