import { describe, expect, test } from 'vitest';
import { keycloakEvent } from '../../../ingest/sources/keycloak-event.ts';
import { matchKeycloak } from '../../../ingest/sources/keycloak-match.ts';
import type { AuditEvent } from '../../../model/event.ts';
import { inputOf } from '../../support/adapter-input.ts';

const BASE = Date.UTC(2026, 7, 20, 9, 15, 40);

function eventOf(json: unknown): AuditEvent {
  const parsed = keycloakEvent.parse(inputOf(json, { instance: 'sso.acme.example/realms/acme' }));
  const event = parsed.ok ? parsed.events[0] : undefined;
  if (!event) throw new Error(JSON.stringify(parsed));
  return event;
}

function rest(id: string, ms: number, username: string): AuditEvent {
  const details = { auth_method: 'openid-connect', username };
  return eventOf({ id, time: BASE + ms, type: 'LOGIN_ERROR', realmId: 'r', clientId: 'cli', ipAddress: '192.0.2.9', error: 'user_not_found', details }); // prettier-ignore
}

function line(sequence: number, ms: number, username: string): AuditEvent {
  const message = `type="LOGIN_ERROR", realmId="r", realmName="acme", clientId="cli", userId="null", ipAddress="192.0.2.9", error="user_not_found", auth_method="openid-connect", username="${username}"`;
  return eventOf({
    timestamp: new Date(BASE + ms).toISOString(),
    sequence,
    loggerName: 'org.keycloak.events',
    message,
  });
}

const names = (events: readonly AuditEvent[]): readonly string[] => events.map((event) => event.nativeId);

describe('log and REST of Keycloak', () => {
  test('of events that say the same, the first line belongs to the first event', () => {
    const log = [line(2, 20, 'nobody'), line(1, 10, 'nobody')];
    const { pairs, onlyLog, onlyRest } = matchKeycloak(log, [rest('b', 9, 'nobody'), rest('a', 1, 'nobody')]);
    expect(pairs.map((pair) => [pair.log.sequence ?? pair.log.nativeId.split('/')[1], pair.rest.nativeId])).toEqual([
      ['1', 'a'],
      ['2', 'b'],
    ]);
    expect([...onlyLog, ...onlyRest]).toEqual([]);
  });

  test('what only one tells is told', () => {
    const { pairs, onlyLog, onlyRest } = matchKeycloak([line(1, 10, 'a')], [rest('x', 5, 'b')]);
    expect([pairs.length, names(onlyLog).length, names(onlyRest)]).toEqual([0, 1, ['x']]);
  });

  test.each([
    ['before the event', -5],
    ['long after it', 1_500],
  ])('a line that was written %s is another', (_, distance) => {
    expect(matchKeycloak([line(1, 100 + distance, 'a')], [rest('x', 100, 'a')]).pairs).toEqual([]);
  });

  test('what would break a line became a space in it', () => {
    expect(matchKeycloak([line(1, 2, 'e  v')], [rest('x', 0, 'e\r\nv')]).pairs.length).toBe(1);
  });
});
