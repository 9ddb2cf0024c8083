import { describe, expect, test } from 'vitest';
import { addBusinessDays } from '../../../query/controls/business-days.ts';
import { at, createFixture, gitlabUser, person } from '../../support/control-fixture.ts';
import type { Fixture } from '../../support/control-fixture.ts';
import { addRun, openSession, tokenOf } from '../../support/control-story.ts';
import type { ActorRef } from '../../../model/actor.ts';

// Tuesday. Closed at 11:00, so that two business days end on Thursday at 11:00.
const OPENED = '2026-03-10T10:00:00.000Z';
const CLOSED = '2026-03-10T11:00:00.000Z';
const REQUEST = 'access-request:broker:issuer.example/bg-1';
const SESSION = 'aws:accesskey:ASIABREAKGLASS00001';
const USER = person('u-oncall');
const REVIEWER = person('u-reviewer');

function open(spec: { reason?: string; closed?: string | null; role?: Record<string, unknown> } = {}): Fixture {
  const { reason = 'INC-1 payments down', closed = CLOSED } = spec;
  const fixture = createFixture({
    identities: [
      { person: USER.key, aliases: [gitlabUser(31).key] },
      { person: REVIEWER.key, aliases: [gitlabUser(32).key] },
    ],
    ...spec.role,
  });
  addRun(fixture, {
    job: 1, issuedAt: OPENED, creator: USER, runner: USER, lifeS: closed === null ? undefined : 3_600,
    reliedOn: { decided: 'approved', mode: 'break_glass', request: REQUEST },
  }); // prettier-ignore
  const asked = fixture.add({
    name: 'ask', family: 'ce', action: 'token.request', at: '2026-03-10T09:59:00Z', actor: USER,
    facts: { request: { break_glass: true, ...(reason === '' ? {} : { reason }) } }, keys: [['subject', REQUEST]],
  }); // prettier-ignore
  fixture.link(REQUEST, 'authorised', tokenOf(1), asked);
  if (closed !== null)
    fixture.add({
      name: 'revoke',
      family: 'ce',
      action: 'token.revoke',
      at: closed,
      actor: USER,
      keys: [['ends', tokenOf(1)]],
    });
  return fixture;
}

function review(fixture: Fixture, when: string, by: ActorRef, outcome = 'justified', received = when): void {
  fixture.add({
    name: `review-${when}`, family: 'ce', action: 'access.review', at: when, received, actor: by,
    facts: { review: { subject_type: 'break_glass', subject_id: 'bg-1', outcome, at: at(when) } }, keys: [['subject', REQUEST]],
  }); // prettier-ignore
}

/** A session of the token writes at AWS. */
function touch(fixture: Fixture): void {
  openSession(fixture, 1, SESSION, '2026-03-10T10:05:00Z');
  fixture.add({
    name: 'put', family: 'aws.cloudtrail', action: 'api.update', at: '2026-03-10T10:30:00.000Z', credential: SESSION,
    resource: 'aws:resource:arn:aws:s3:::ledger', facts: { call: { service: 's3', operation: 'PutObject', write: true } }, keys: [['uses', SESSION]],
  });
} // prettier-ignore

function verdictOf(fixture: Fixture, options = {}): string {
  const { items, passed } = fixture.run('T-29', options);
  const [item] = items;
  return item ? `${item.verdict} ${item.attribute}` : passed > 0 ? 'pass' : 'none';
}

describe('T-29 break-glass reviewed independently and in time', () => {
  // eps = 2 s + 2 s + 1 ms + 1 ms beyond the deadline.
  test.each([
    ['2026-03-12T11:00:00.000Z', 'pass'],
    ['2026-03-12T11:00:00.001Z', 'undetermined order_within_skew'],
    ['2026-03-12T11:00:04.002Z', 'undetermined order_within_skew'],
    ['2026-03-12T11:00:04.003Z', 'exception late_review'],
  ])('reviewed at %s, due on Thursday at 11:00', (when, verdict) => {
    const fixture = open();
    review(fixture, when, REVIEWER);
    expect(verdictOf(fixture)).toBe(verdict);
  });

  test.each([
    ['nobody', undefined, 'exception no_review'],
    ['whoever used it', USER, 'exception self_review'],
    ['another account of whoever used it', gitlabUser(31), 'exception self_review'],
    ['somebody whom nothing resolves', gitlabUser(99), 'undetermined unresolved_identity'],
  ])('reviewed by %s', (_what, by, verdict) => {
    const fixture = open();
    if (by) review(fixture, '2026-03-11T09:00:00Z', by);
    expect(verdictOf(fixture)).toBe(verdict);
  });

  test('without a reason, and without an outcome', () => {
    const reasonless = open({ reason: '' });
    review(reasonless, '2026-03-11T09:00:00Z', REVIEWER);
    expect(verdictOf(reasonless)).toBe('exception no_reason');
    const open2 = open();
    review(open2, '2026-03-11T09:00:00Z', REVIEWER, '');
    expect(verdictOf(open2)).toBe('exception no_outcome');
  });

  test('before the deadline it is not due, and what is still open is not closed', () => {
    expect(verdictOf(open(), { asOf: '2026-03-12T10:59:00Z' })).toBe('undetermined not_yet_due');
    expect(verdictOf(open(), { asOf: '2026-03-12T11:00:00Z' })).toBe('exception no_review');
    // Open for longer than bg_max (4 h): it counts as closed then, so that leaving it open puts no review off.
    expect(verdictOf(open({ closed: null }), { asOf: '2026-03-10T13:59:59Z' })).toBe('undetermined still_open');
    expect(verdictOf(open({ closed: null }), { asOf: '2026-03-12T13:59:59Z' })).toBe('undetermined not_yet_due');
    expect(verdictOf(open({ closed: null }), { asOf: '2026-03-12T14:00:00Z' })).toBe('exception no_review');
    const reviewed = open({ closed: null });
    review(reviewed, '2026-03-12T14:00:00.000Z', REVIEWER);
    expect(verdictOf(reviewed)).toBe('pass');
  });

  // Touched at AWS at 10:30 by the session that the token opened; eps = 4.002 s on either side.
  test.each([
    ['2026-03-10T10:29:55.997Z', 'exception review_before_touch'],
    ['2026-03-10T10:29:55.998Z', 'undetermined order_within_skew'],
    ['2026-03-10T10:30:04.002Z', 'undetermined order_within_skew'],
    ['2026-03-10T10:30:04.003Z', 'pass'],
  ])('reviewed at %s, touched at 10:30', (when, verdict) => {
    const fixture = open();
    touch(fixture);
    review(fixture, when, REVIEWER);
    expect(verdictOf(fixture)).toBe(verdict);
  });

  // A register has no clock that could be off: 2 s + 1 ms of AWS, and its own microsecond.
  test.each([
    ['2026-03-10T10:29:57.998998Z', 'exception review_before_touch'],
    ['2026-03-10T10:30:02.001001Z', 'undetermined order_within_skew'],
    ['2026-03-10T10:30:02.001002Z', 'pass'],
  ])('reviewed at %s by the register, touched at 10:30', (when, verdict) => {
    const entry = { subject_type: 'break_glass', subject_id: 'bg-1', reviewer: REVIEWER.key, at: when, outcome: 'ok' };
    const fixture = open({ role: { reviews: [entry] } });
    touch(fixture);
    expect(verdictOf(fixture)).toBe(verdict);
  });

  test('a review before the last touch is made good by one after it, which must be in time itself', () => {
    const early = '2026-03-10T10:10:00.000Z';
    const notYet = open();
    touch(notYet);
    review(notYet, early, REVIEWER);
    expect(verdictOf(notYet, { asOf: '2026-03-12T10:59:59Z' })).toBe('undetermined not_yet_due');
    review(notYet, '2026-03-11T09:00:00Z', REVIEWER);
    expect(verdictOf(notYet)).toBe('pass');
    const late = open();
    touch(late);
    review(late, early, REVIEWER);
    review(late, '2026-03-13T09:00:00Z', REVIEWER);
    expect(verdictOf(late)).toBe('exception late_review');
  });

  test('a review of the register counts, and one that arrives late counts from then on', () => {
    const entry = {
      subject_type: 'break_glass',
      subject_id: 'bg-1',
      reviewer: REVIEWER.key,
      at: '2026-03-11T09:00:00Z',
      outcome: 'ok',
    };
    expect(verdictOf(open({ role: { reviews: [entry] } }))).toBe('pass');
    const late = open();
    review(late, '2026-03-11T09:00:00Z', REVIEWER, 'justified', '2026-03-20T00:00:00Z');
    expect(verdictOf(late, { asOf: '2026-03-19T00:00:00Z' })).toBe('exception no_review');
    expect(verdictOf(late)).toBe('pass');
  });

  test('without an emergency it did not operate', () => {
    const fixture = createFixture();
    addRun(fixture, { job: 1, issuedAt: OPENED });
    expect(fixture.run('T-29')).toMatchObject({ result: 'did_not_operate', population: { count: 0 } });
  });

  test('business days go from Monday to Friday, UTC', () => {
    expect(addBusinessDays(at('2026-03-13T11:00:00Z'), 2)).toBe(at('2026-03-17T11:00:00Z'));
    expect(addBusinessDays(at('2026-03-14T11:00:00Z'), 1)).toBe(at('2026-03-16T11:00:00Z'));
    expect(addBusinessDays(at('2026-03-14T11:00:00Z'), 0)).toBe(at('2026-03-14T11:00:00Z'));
  });
});
