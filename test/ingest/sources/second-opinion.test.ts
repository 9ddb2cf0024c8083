import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { AuditEvent } from '../../../model/event.ts';
import { SHARED } from '../../support/adapter-input.ts';
import { agreementOf, compareOpinion, describeAgreement, publishedOpinions } from '../../support/compare-opinions.ts';
import type { Compared } from '../../support/compare-opinions.ts';
import { EXPLAINED } from '../../support/explained-opinions.ts';
import { FIELDS } from '../../support/second-opinion.ts';
import type { Field } from '../../support/second-opinion.ts';

const isHere = existsSync(join(SHARED, 'corpus'));

/**
 * Where the publishers of the corpus give their own reading of a line, ours is compared with it on who, what, when,
 * outcome and address. Each disagreement is explained by name (test/support/explained-opinions.ts), and its explanation
 * is held against the record, the publisher's reading and what we say.
 */
describe.skipIf(!isHere)(`second opinion${isHere ? '' : ' (skipped: needs ../shared/corpus)'}`, () => {
  const all = isHere ? [...publishedOpinions()] : [];
  const verdicts = all.map((one) => ({ one, verdict: compareOpinion(one) }));

  test('every disagreement with a publisher is explained by name, and no explanation is for what agrees', () => {
    const found = verdicts
      .filter(({ verdict }) => verdict !== 'same')
      .map(({ one }) => `${one.file} ${one.field} ${one.line}`);
    const named = EXPLAINED.flatMap((one) => one.lines.map((line) => `${one.file} ${one.field} ${line}`));
    expect(found.toSorted()).toEqual(named.toSorted());
    expect(verdicts.filter(({ verdict }) => verdict === 'unexplained').map(({ one }) => `${one.file} ${one.line} ${one.field}`)).toEqual([]); // prettier-ignore
  });

  test.each(FIELDS)('%s: at least 98 of 100 statements about the record are ours too', (field) => {
    const agreement = agreementOf(verdicts.filter(({ one }) => one.field === field).map(({ verdict }) => verdict));
    process.stdout.write(`${field}: ${describeAgreement(agreement)}\n`);
    const { all: told, same, otherWords, noOpinion } = agreement;
    expect(told).toBeGreaterThan(40);
    expect((same + otherWords) / (told - noOpinion)).toBeGreaterThanOrEqual(0.98);
    // What is set aside is the exception: it must not make the figure.
    expect(noOpinion / told).toBeLessThanOrEqual(0.05);
  });

  test('as it was measured, so that no adapter becomes worse in silence', () => {
    const figures = FIELDS.map((field) => {
      const { all: told, same, otherWords, noOpinion } = agreementOf(verdicts.filter(({ one }) => one.field === field).map(({ verdict }) => verdict)); // prettier-ignore
      return `${field} ${same}/${told}, other words ${otherWords}, no opinion ${noOpinion}`;
    });
    expect(figures).toEqual([
      'who 78/78, other words 0, no opinion 0',
      'what 89/101, other words 11, no opinion 1',
      'when 110/111, other words 0, no opinion 1',
      'outcome 80/83, other words 0, no opinion 3',
      'ip 43/45, other words 1, no opinion 1',
    ]);
  });

  test('a wrong answer of an adapter is neither agreed with nor explained away', () => {
    const passed = all.flatMap((one) =>
      WRONG[one.field](one)
        .filter((wrong) => compareOpinion(one, wrong) !== 'unexplained')
        .map((wrong) => `${one.file} ${one.line} ${one.field}: ${wrong.type} ${wrong.outcome} ${wrong.sourceIp}`),
    );
    expect(passed).toEqual([]);
    expect(new Set(all.map(({ field }) => field)).size).toBe(FIELDS.length);
  });
});

/** Each field as an adapter could have got it wrong: said otherwise, taken from a neighbour, or lost. */
const WRONG: Record<Field, (one: Compared) => readonly AuditEvent[]> = {
  who: ({ event: { onBehalfOf: _onBehalfOf, resource: _resource, ...event } }) => [
    { ...event, actor: { kind: 'human', key: 'idp:user:https://idp.example/mallory' }, keys: [] },
    { ...event, actor: { kind: 'unknown', key: 'unknown' }, keys: [] },
  ],
  what: ({ event }) =>
    ['signIn.user', 'signIn.servicePrincipal', 'graph.POST', 'risk.other', 's3:PutObject', 'create pods', '']
      .filter((type) => type !== event.type && !event.type.split(/[: ]/).some((part) => type.split(/[: ]/).includes(part)))
      .map((type) => ({ ...event, type, resource: { type: 'other', key: 'other' } })),
  when: ({ event: { observed: _observed, ...event } }) =>
    [2_000_000, 3_600_000_000, 400 * 86_400_000_000].map((late) => ({
      ...event,
      occurred: { ...event.occurred, at: event.occurred.at + late },
    })),
  // A publisher knows success and failure alone: of those that are no success we are held to one only by an explanation.
  outcome: ({ event, opinion }) => {
    const outcome = opinion.outcome === 'success' ? 'denied' : 'success';
    return outcome === event.outcome ? [{ ...event, outcome: 'failure' }] : [{ ...event, outcome }];
  },
  ip: ({ event: { sourceIp: _sourceIp, ...event } }) => [
    { ...event, sourceIp: '203.0.113.250' },
    event,
  ],
}; // prettier-ignore
