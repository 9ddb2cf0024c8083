import { describe, expect, test } from 'vitest';
import type { Facts } from '../../../model/facts.ts';
import { createFixture, gitlabUser, PEOPLE } from '../../support/control-fixture.ts';
import type { Fixture } from '../../support/control-fixture.ts';

const WHEN = '2026-03-10T12:00:00Z';

describe('T-36 retention and deletion', () => {
  // The month ends with the period: 400 days before 2026-04-01 is 2025-02-25.
  const source = (from?: string): Record<string, unknown> => ({
    sources: [{ family: 'ce', instance: 'issuer', ...(from === undefined ? {} : { from }) }],
  });
  const held = (first?: string): { sources: { family: string; first_occurred_at?: string }[] } => ({
    sources: [{ family: 'ce', ...(first === undefined ? {} : { first_occurred_at: first }) }],
  });

  test.each([
    ['as old as the policy asks', '2025-02-25T00:00:00Z', undefined, undefined],
    ['a millisecond younger, the connection unknown', '2025-02-25T00:00:00.001Z', undefined, 'connection_unknown'],
    ['as old as the connection', '2026-01-01T12:00:00Z', '2026-01-01T00:00:00Z', undefined],
    ['a day younger than the connection', '2026-01-02T00:00:00Z', '2026-01-01T00:00:00Z', undefined],
    ['more than that younger', '2026-01-02T00:00:00.001Z', '2026-01-01T00:00:00Z', 'not_kept'],
    ['not there at all', undefined, '2026-01-01T00:00:00Z', 'not_kept'],
    ['of a source that is connected later', undefined, '2026-05-01T00:00:00Z', undefined],
  ])('evidence that is %s', (_what, first, from, attribute) => {
    const result = createFixture(source(from)).run('T-36', held(first));
    expect(result.population.count).toBe(1);
    expect(result.items.map((item) => item.attribute)).toEqual(attribute === undefined ? [] : [attribute]);
  });

  const two = [PEOPLE.asker.key, PEOPLE.approver.key];
  const deletion = (part: object): object => ({
    object: 'records/ce',
    at: WHEN,
    recorded_at: '2025-02-03T12:00:00Z',
    authorised_by: two,
    ...part,
  });
  const codes = (part: object, extra: Record<string, unknown> = {}): (string | undefined)[] => {
    const result = createFixture({ sources: [], deletions: [deletion(part)], ...extra }).run('T-36', { sources: [{ family: 'ce', registered: false }] });
    expect(result.population.count).toBe(1);
    return result.items.map((item) => item.attribute);
  }; // prettier-ignore

  test('a deletion after exactly its time, allowed by two people, passes; a millisecond early it does not', () => {
    expect(codes({})).toEqual([]);
    expect(codes({ recorded_at: '2025-02-03T12:00:00.001Z' })).toEqual(['deleted_early']);
  });

  test('one person with two accounts is one, and an unknown account cannot be told apart', () => {
    const both = [PEOPLE.asker.key, gitlabUser(1).key];
    const identities = [{ person: PEOPLE.asker.key, aliases: [gitlabUser(1).key] }];
    expect(codes({ authorised_by: both }, { identities })).toEqual(['not_authorised']);
    expect(codes({ authorised_by: both })).toEqual(['unresolved_identity']);
    expect(codes({ authorised_by: [] })).toEqual(['not_authorised']);
    expect(codes({ authorised_by: [PEOPLE.asker.key] })).toEqual(['not_authorised']);
  });

  test('a legal hold on it, or on what holds it, forbids it while it lasts', () => {
    const hold = (part: object): Record<string, unknown> => ({
      legal_holds: [{ object: 'records', reason: 'case 7', ...part }],
    });
    expect(codes({}, hold({}))).toEqual(['under_legal_hold']);
    expect(codes({}, hold({ to: WHEN }))).toEqual([]);
    expect(codes({}, hold({ object: 'rec' }))).toEqual([]);
  });

  test('months and deletions that come after as-of are not judged', () => {
    const early = { asOf: '2026-03-10T11:59:59.999Z', sources: [{ family: 'ce', registered: false }] };
    const fixture = createFixture({ sources: [], deletions: [deletion({ authorised_by: [] })] });
    expect(fixture.run('T-36', early)).toMatchObject({ population: { count: 0 }, result: 'did_not_operate' });
    expect(fixture.run('T-36', { ...early, asOf: WHEN }).items).toMatchObject([{ attribute: 'not_authorised' }]);
    expect(createFixture(source()).run('T-36', { ...held(), asOf: '2026-03-01T00:00:00Z' }).population.count).toBe(0);
  });

  test('no source and no deletion is no pass', () => {
    expect(createFixture().run('T-36', { sources: [{ family: 'ce', registered: false }] })).toMatchObject({ population: { count: 0 }, result: 'did_not_operate' });
  }); // prettier-ignore
});

describe('T-37 access to the evidence is itself recorded and proper', () => {
  type Told = NonNullable<Facts['evidence_access']>;
  function access(fixture: Fixture, told: Partial<Told>, spec: { outcome?: string; by?: string; about?: string; received?: string } = {}): void {
    const { outcome = 'success', by = PEOPLE.asker.key, about, received = WHEN } = spec;
    fixture.add({
      name: `access-${JSON.stringify(told).length}-${by}-${about ?? ''}`, family: 'custody.self', action: 'evidence.access', at: WHEN, received, outcome,
      actor: { kind: 'human', key: by }, facts: { evidence_access: { action: 'query', object: '/v1/events', allowed: true, ...told } },
      keys: about === undefined ? [] : [['target', about]],
    });
  } // prettier-ignore
  function codes(told: Partial<Told>, spec: Parameters<typeof access>[2] = {}, extra: Record<string, unknown> = {}): (string | undefined)[] {
    const fixture = createFixture(extra);
    access(fixture, told, spec);
    const result = fixture.run('T-37');
    expect(result.population.count).toBe(1);
    return result.items.map(({ attribute }) => attribute);
  } // prettier-ignore

  test('a query of somebody entitled passes, and so does what was refused', () => {
    expect(codes({})).toEqual([]);
    expect(codes({ allowed: false }, { outcome: 'denied', by: '' })).toEqual([]);
  });

  test.each([
    ['nobody named', {}, { by: '' }, 'actor_unknown'],
    ['no entitlement', { allowed: false }, {}, 'not_entitled'],
    ['an entitlement unknown', { allowed: undefined }, {}, 'entitlement_unknown'],
    ['an export without a purpose', { action: 'export', purpose: ' ' }, {}, 'no_purpose'],
    ['a change of an administrator', { action: 'admin', object: 'store' }, {}, 'unapproved_write'],
  ] as const)('%s', (_what, told, spec, attribute) => {
    expect(codes(told as Partial<Told>, spec)).toEqual([attribute]);
  });

  test('an approved change covers an act of administration, to the moment', () => {
    const change = { id: 'CHG-1', event_type: 'evidence.admin', target: 'store', approved_by: 'ciso' };
    const admin = { action: 'admin', object: 'store' } as const;
    expect(codes(admin, {}, { approved_changes: [{ ...change, to: '2026-03-10T12:00:00.001Z' }] })).toEqual([]);
    expect(codes(admin, {}, { approved_changes: [{ ...change, to: WHEN }] })).toEqual(['unapproved_write']);
    expect(codes({ ...admin, change: 'CHG-2' }, {}, { approved_changes: [change] })).toEqual(['unapproved_write']);
  });

  test('nobody exports or judges exceptions of his own, by whichever account', () => {
    const disposition = { action: 'disposition', object: 'T-01 token' } as const;
    const identities = [{ person: PEOPLE.asker.key, aliases: [gitlabUser(1).key] }];
    expect(codes(disposition, { about: PEOPLE.approver.key })).toEqual([]);
    expect(codes(disposition, { about: gitlabUser(1).key }, { identities })).toEqual(['own_exception']);
    expect(codes(disposition, { about: gitlabUser(1).key })).toEqual(['unresolved_identity']);
    expect(codes({ action: 'export', object: 'pack', purpose: 'audit' }, { about: PEOPLE.asker.key })).toEqual([
      'own_exception',
    ]);
  });

  test('an access that is told late counts from then on; none is no pass', () => {
    const fixture = createFixture();
    access(fixture, { allowed: false }, { received: '2026-03-12T00:00:00Z' });
    expect(fixture.run('T-37', { asOf: '2026-03-11T00:00:00Z' })).toMatchObject({ population: { count: 0 }, result: 'did_not_operate' });
    expect(fixture.run('T-37', { asOf: '2026-03-12T00:00:00Z' })).toMatchObject({ exceptions: 1 });
    expect(createFixture().run('T-37', { sources: [{ family: 'ce' }] })).toMatchObject({ result: 'not_in_scope' });
  }); // prettier-ignore
});
