import { describe, expect, test } from 'vitest';
import type { Chain } from '../../../model/chain.ts';
import type { SourceState } from '../../../model/control.ts';
import { buildChain } from '../../../query/chains/build-chain.ts';
import { createRules } from '../../../query/chains/rules.ts';
import { createIdentities } from '../../../query/identity.ts';
import { sourceState } from '../../support/control-fixture.ts';
import { chainA, commonRows, exchangeRow, graphOf, told, workedPolicy } from '../../support/worked-chains.ts';

const policy = workedPolicy();
const rules = createRules(policy);
const all = (part: Partial<SourceState>): SourceState[] =>
  policy.sources.map(({ family, instance }) => sourceState({ family, instance, ...part }));
const late = '2026-08-21T09:00:00.000000Z';

function judge(sources: readonly SourceState[], asOf?: string): Chain {
  const context = { identities: createIdentities(policy, []), sources };
  return buildChain(graphOf(chainA()), 'event:aws.cloudtrail/13', rules, asOf === undefined ? context : { ...context, asOf: Date.parse(asOf) * 1_000 }); // prettier-ignore
}

describe('the evidence verdict', () => {
  test('complete once every source was read past the end and its lateness', () => {
    expect(judge(all({ last_received_at: late })).evidence).toBe('complete');
  });

  test.each([
    ['a source was not read that far', all({ last_received_at: '2026-08-20T09:30:00.000000Z' }), undefined],
    [
      'the question is asked as of a moment within the lateness',
      all({ last_received_at: late }),
      '2026-08-20T09:30:00Z',
    ],
    ['a source that told of it is not known', [], undefined],
  ])('open while %s', (_, sources, asOf) => {
    const chain = judge(sources, asOf);
    expect(chain.evidence).toBe('open');
    expect(chain.evidence_reasons.length).toBeGreaterThan(0);
  });

  test('complete with gaps where a source has a hole in the time of the flow', () => {
    const gap = (from: string, to: string): SourceState[] =>
      all({ last_received_at: late, gaps: [{ from, to, reason: 'numbers 4 to 9 never came' }] });
    expect(judge(gap('2026-08-20T09:00:00.000000Z', '2026-08-20T09:01:00.000000Z')).evidence).toBe(
      'complete_with_gaps',
    );
    expect(judge(gap('2026-08-20T10:00:00.000000Z', '2026-08-20T11:00:00.000000Z')).evidence).toBe('complete');
  });

  test('unprovable where no source that would tell a needed stage is connected', () => {
    const events = [exchangeRow(), told({ id: 'u', family: 'ce', at: '2026-08-20T09:16:00Z', action: 'token.use', keys: [['uses', 'token:jti:https://broker.example/b1']] })]; // prettier-ignore
    const sources = [sourceState({ family: 'ce', instance: 'https://broker.example/eu1', last_received_at: late })];
    const chain = buildChain(graphOf(events), 'event:ce/u', rules, {
      identities: createIdentities(policy, []),
      sources,
    });
    expect(chain.stages.find((stage) => stage.stage === 'ran')?.state).toBe('not_observable');
    expect(chain.evidence).toBe('unprovable');
  });
});

describe('authorization', () => {
  const chainOf = (rows: ReturnType<typeof commonRows>): Chain =>
    buildChain(graphOf([...rows, exchangeRow()]), 'event:ce/9', rules, { identities: createIdentities(policy, []), sources: [] }); // prettier-ignore
  const without = (...ids: string[]): ReturnType<typeof commonRows> =>
    commonRows().filter((event) => !ids.includes(event.nativeId));
  const shifted = (id: string, to: string): ReturnType<typeof commonRows> =>
    commonRows().map((event) => {
      if (event.nativeId !== id) return event;
      const at = Date.parse(to) * 1_000;
      return { ...event, occurred: { ...event.occurred, at }, facts: { decision: { ...event.facts.decision, decided: 'approved' as const, at } } };
    }); // prettier-ignore

  test('either approval is enough, and both are shown', () => {
    expect(chainOf(without('7')).authorization).toBe('complete');
    expect(chainOf(without('3')).authorization).toBe('complete');
    expect(chainOf(without('3', '7')).authorization).toBe('approval_missing');
  });

  test('an approval after the issue, or too close to say, is shown and does not count', () => {
    for (const [time, finding] of [['2026-08-20T09:16:30Z', 'approved_after_issue'], ['2026-08-20T09:15:37Z', 'order_undetermined']] as const) {
      const rows = shifted('7', time).filter((event) => event.nativeId !== '3');
      const chain = chainOf(rows);
      expect(chain.authorization).toBe('approval_missing');
      expect(chain.approvers).toHaveLength(1);
      expect(chain.findings.map((one) => one.kind)).toContain(finding);
    } // prettier-ignore
  });

  test('what the issuer says it relied on comes before the clocks', () => {
    const relied = exchangeRow();
    const issue = { ...relied, facts: { ...relied.facts, relied_on: { decided: 'approved' as const, request: 'access-request:okta:idp.example/reqA1b2C3' } } }; // prettier-ignore
    const rows = shifted('3', '2026-08-20T09:15:39Z').filter((event) => event.nativeId !== '7');
    const chain = buildChain(graphOf([...rows, issue]), 'event:ce/9', rules, {
      identities: createIdentities(policy, []),
      sources: [],
    });
    expect(chain.authorization).toBe('complete');
  });

  test('who approves what they asked for is named in a finding', () => {
    const rows = commonRows().map((event) => (event.nativeId === '3' ? { ...event, actor: (commonRows()[1] ?? event).actor, facts: { decision: { decided: 'approved' as const, mode: 'human' as const } } } : event)); // prettier-ignore
    expect(chainOf(rows).findings.map((one) => one.kind)).toContain('own_approval');
  });

  test('a flow for an unprotected environment needs none; touching production is told', () => {
    const staging = workedPolicy({
      roles: [{ role: 'arn:aws:iam::111122223333:role/deploy', environment: 'staging' }],
    });
    const context = { identities: createIdentities(staging, []), sources: [] };
    const chain = buildChain(graphOf(chainA().filter((event) => !['3', '7'].includes(event.nativeId))), 'event:aws.cloudtrail/13', createRules(staging), context); // prettier-ignore
    expect(chain.authorization).toBe('no_approval_required');
    expect(chain.findings.filter((one) => one.kind === 'production_touched')).toHaveLength(3);
  });
});
