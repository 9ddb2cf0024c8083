import { describe, expect, test } from 'vitest';
import type { Chain } from '../../../model/chain.ts';
import type { AuditEvent } from '../../../model/event.ts';
import { buildChain } from '../../../query/chains/build-chain.ts';
import { createGraph } from '../../../query/chains/graph.ts';
import { createRules } from '../../../query/chains/rules.ts';
import { createIdentities, vouchedBy } from '../../../query/identity.ts';
import { addToGraph } from '../../support/memory-graph.ts';
import { callRows, chainA, chainB, chainC, commonRows, exchangeRow, graphOf, JON, KEYS, MARA, nameOf, sessionRow, told, workedPolicy } from '../../support/worked-chains.ts'; // prettier-ignore

const policy = workedPolicy();
const rules = createRules(policy);

function chainOf(events: readonly AuditEvent[], focal: string): Chain {
  const graph = graphOf(events);
  const identities = createIdentities(policy, vouchedBy(graph.events.values()));
  return buildChain(graph, focal, rules, { identities, sources: [] });
}

const ids = (names: readonly string[]): string[] => names.map((name) => name.slice(name.indexOf('/') + 1));

describe('chain A: request, approval, pipeline, job, token, session, calls', () => {
  const chain = chainOf(chainA(), 'event:aws.cloudtrail/13');

  test('holds every row of the worked chain, in order', () => {
    expect(ids(chain.events.map((event) => event.event))).toEqual([
      '1',
      '2',
      '3',
      '4',
      '5',
      '6',
      '7',
      '8',
      '9',
      '10',
      '11',
      '12',
      '13',
    ]);
    expect(chain.root).toBe(KEYS.AR);
    expect(chain.touched.map((name) => name.split('/')[1])).toEqual(['11', '12', '13']);
    expect(chain.credentials).toEqual(expect.arrayContaining([KEYS.T1, KEYS.B1, KEYS.AS, KEYS.AK]));
    expect(chain.job).toBe(KEYS.J);
  });

  test('names who asked, approved, started and ran it, each person once', () => {
    expect(chain.requester?.person).toBe(MARA.key);
    expect(chain.initiator?.person).toBe(MARA.key);
    expect(chain.runner?.person).toBe(MARA.key);
    expect(chain.approvers.map((party) => party.person)).toEqual([JON.key]);
    expect(chain.authorization).toBe('complete');
    expect(chain.environment).toBe('production');
  });

  const keys = Object.values(KEYS).filter((key) =>
    chainA().some((event) => event.keys.some((one) => one.key === key && key !== KEYS.S)),
  );
  test.each([...chainA().slice(1).map(nameOf), ...keys])('is the same chain from %s', (focal) => {
    const other = chainOf(chainA(), focal);
    const said = ({ id, root, job, touched, authorization, requester, runner, approvers, events }: Chain): unknown => ({ id, root, job, touched, authorization, requester, runner, approvers, events: events.map((event) => event.event) }); // prettier-ignore
    expect(said(other)).toEqual(said(chain));
  });

  test('an act with one credential on another is the act of the one that was used', () => {
    const mine = 'vault:accessor:vault-prod/tidy';
    const rows = [...chainC(), told({ id: 'renew:response', family: 'vault.audit', at: '2026-08-20T09:18:00.000001Z', action: 'token.renew', keys: [['uses', mine], ['subject', KEYS.VA]] })]; // prettier-ignore
    expect(chainOf(rows, 'event:vault.audit/renew:response').job).toBeUndefined();
    expect(ids(chainOf(rows, 'event:aws.cloudtrail/13c').events.map((event) => event.event))).toContain(
      'renew:response',
    );
  });

  test('takes of a browser session only its login', () => {
    const more = told({
      id: 'day',
      family: 'okta.log',
      at: '2026-08-20T10:00:00Z',
      action: 'session.login',
      actor: MARA,
      keys: [['uses', KEYS.S]],
    });
    const day = told({
      id: 'later',
      family: 'okta.log',
      at: '2026-08-20T11:00:00Z',
      action: 'user.change',
      actor: MARA,
      keys: [['uses', KEYS.S]],
    });
    expect(
      ids(chainOf([...chainA(), more, day], 'event:aws.cloudtrail/13').events.map((event) => event.event)),
    ).not.toContain('later');
  });

  test('a late event needs no repair: with it the chain is the same as if it had been there from the start', () => {
    const [first, ...rest] = chainA();
    const late = chainOf([...rest, first as AuditEvent], 'event:aws.cloudtrail/13');
    expect(late.events.map((event) => event.event)).toEqual(chain.events.map((event) => event.event));
  });

  test('tells a use after the birth of what it used, whatever the clocks say', () => {
    const early = callRows().map((event) => ({
      ...event,
      occurred: { ...event.occurred, at: event.occurred.at - 21_000_000 },
    }));
    const told = chainOf(
      [...commonRows(), exchangeRow(), sessionRow({ broker: true }), ...early],
      'event:aws.cloudtrail/13',
    );
    const order = ids(told.events.map((event) => event.event));
    expect(order.indexOf('10')).toBeLessThan(order.indexOf('11'));
  });
});

describe('a session name is a claim', () => {
  const direct = (options: Parameters<typeof sessionRow>[0]): AuditEvent[] => [
    ...commonRows(),
    sessionRow(options),
    ...callRows(),
  ];

  test('borne out by provider, subject and time it makes the chain asserted', () => {
    const chain = chainOf(direct({ broker: false }), 'event:aws.cloudtrail/13');
    expect(chain.job).toBe(KEYS.J);
    expect(chain.authorization).toBe('complete_asserted');
    expect(chain.stages.find((stage) => stage.stage === 'credential')).toMatchObject({
      state: 'present',
      grade: 'asserted',
    });
  });

  test.each([
    ['another project', { broker: false, subject: 'project_path:shop/other:ref_type:branch:ref:main' }],
    ['another ref', { broker: false, subject: 'project_path:shop/payments:ref_type:branch:ref:feature' }],
    ['a time before the job', { broker: false, at: '09:15:20' }],
    ['a time after the job', { broker: false, at: '09:20:11' }],
  ])('contradicted by %s it is not walked, and the reader is told', (_, options) => {
    const chain = chainOf(direct(options), 'event:aws.cloudtrail/13');
    expect(chain.job).toBeUndefined();
    expect(chain.approvers).toEqual([]);
    expect(chain.authorization).toBe('approval_missing');
    expect(chain.findings.map((finding) => finding.kind)).toContain('session_name_conflict');
  });

  test('may be given up to ten seconds before and after the job', () => {
    expect(chainOf(direct({ broker: false, at: '09:15:22' }), 'event:aws.cloudtrail/13').job).toBe(KEYS.J);
    expect(chainOf(direct({ broker: false, at: '09:20:10' }), 'event:aws.cloudtrail/13').job).toBe(KEYS.J);
  });

  test('borrowed by another project leads neither way', () => {
    const thief = sessionRow({
      broker: false,
      id: 'thief',
      subject: 'project_path:shop/other:ref_type:branch:ref:main',
      key: 'aws:accesskey:ASIATHIEF00000000001',
    });
    const call = told({
      id: 'loot',
      family: 'aws.cloudtrail',
      at: '2026-08-20T09:17:00Z',
      action: 'secret.read',
      keys: [
        ['uses', 'aws:accesskey:ASIATHIEF00000000001'],
        ['uses', KEYS.AS],
      ],
      facts: { call: { service: 's3', operation: 'GetObject', write: false, account: '111122223333' } },
    });
    const events = [...direct({ broker: false }), thief, call];
    expect(ids(chainOf(events, 'event:aws.cloudtrail/13').touched)).toEqual(['11', '12', '13']);
    const stolen = chainOf(events, 'event:aws.cloudtrail/loot');
    expect(stolen.job).toBeUndefined();
    expect(ids(stolen.touched)).toEqual(['loot']);
  });
});

describe('chain B: Kubernetes', () => {
  test('follows a token minted in the cluster', () => {
    const chain = chainOf(chainB(), 'event:k8s.audit/11b');
    expect(ids(chain.touched)).toEqual(['9b', '11b']);
    expect(chain.root).toBe(KEYS.AR);
    expect(chain.authorization).toBe('complete');
  });

  test('a jti that two jobs carry belongs to neither: the job id decides whose a call is', () => {
    const other = 'gitlab:job:gitlab.example/666';
    const rows = [
      ...chainB(),
      told({ id: 'job666', family: 'gitlab.hook', at: '2026-08-20T09:10:00Z', action: 'job.start', actor: JON, facts: { job: { status: 'running' } }, keys: [['subject', other]] }),
      told({ id: 'replay', family: 'k8s.audit', at: '2026-08-20T09:18:00.000001Z', action: 'api.delete', facts: { call: { service: 'apps', operation: 'delete', write: true } }, keys: [['uses', KEYS.K], ['uses', KEYS.T2], ['uses', other]], edges: [[other, 'issued_to', KEYS.T2, 'E13']] }),
    ]; // prettier-ignore
    const mine = chainOf(rows, 'event:k8s.audit/9b');
    expect(ids(mine.touched)).toContain('9b');
    expect(ids(mine.touched)).not.toContain('replay');
    expect(mine.credentials).not.toContain(KEYS.T2);
    expect(mine.findings.map((finding) => finding.kind)).toContain('contested_credential');
    expect(mine.evidence).toBe('unprovable');
    const theirs = chainOf(rows, 'event:k8s.audit/replay');
    expect(theirs.job).toBe(other);
    expect(ids(theirs.touched)).toEqual(['replay']);
  });
});

describe('chain C: Vault to AWS', () => {
  const chain = chainOf(chainC(), 'event:aws.cloudtrail/13c');

  test('counts a request and its answer as one touch, the answer, and no login', () => {
    expect(ids(chain.touched)).toEqual(['req10:response', 'req11:response', '13c']);
  });

  test("does not climb the broker's own credential", () => {
    expect(chain.credentials).not.toContain(KEYS.VAULT_KEY);
    expect(ids(chain.events.map((event) => event.event))).not.toContain('99c');
    expect(ids(chain.events.map((event) => event.event))).toContain('14c:response');
    expect(chain.root).toBe(KEYS.AR);
  });
});

describe('bounds', () => {
  test('another pipeline on the same approval lends no touches', () => {
    const [pipeline, job, token] = [
      'gitlab:pipeline:gitlab.example/1',
      'gitlab:job:gitlab.example/2',
      'token:jti:https://broker.example/other',
    ];
    const rows = [
      ...chainA(),
      told({ id: 'p2', family: 'gitlab.hook', at: '2026-08-20T10:00:00Z', action: 'pipeline.update', actor: JON, keys: [['subject', pipeline], ['uses', KEYS.AR]], edges: [[KEYS.AR, 'authorised', pipeline, 'E5', 'asserted'], [pipeline, 'contains', job, 'E10']] }),
      told({ id: 'i2', family: 'ce', at: '2026-08-20T10:01:00Z', action: 'token.issue', keys: [['creates', token], ['uses', job]], edges: [[job, 'issued_to', token, 'E13']] }),
      told({ id: 'u2', family: 'ce', at: '2026-08-20T10:02:00Z', action: 'token.use', keys: [['uses', token]] }),
    ]; // prettier-ignore
    expect(ids(chainOf(rows, 'event:aws.cloudtrail/13').touched)).toEqual(['11', '12', '13']);
    expect(ids(chainOf(rows, 'event:ce/u2').touched)).toEqual(['u2']);
    expect(ids(chainOf(rows, KEYS.AR).touched)).toEqual(['11', '12', '13', 'u2']);
  });

  test('a chain deeper than the bound is cut, and says so', () => {
    const link = (index: number): string => `token:jti:https://broker.example/n${index}`;
    const rows = Array.from({ length: 60 }, (_, index) =>
      told({ id: `x${index}`, family: 'ce', at: '2026-08-20T10:00:00Z', action: 'token.exchange', keys: [['uses', link(index)], ['creates', link(index + 1)]], edges: [[link(index), 'exchanged', link(index + 1), 'E14']] }),
    ); // prettier-ignore
    const chain = chainOf(rows, link(0));
    expect(chain.credentials.length).toBeLessThan(60);
    expect(chain.findings.map((finding) => finding.kind)).toContain('cut_off');
  });

  test('a key with too many links is shown and not followed', () => {
    const graph = createGraph();
    for (const [offset, event] of chainA().entries()) addToGraph(graph, event, String(offset), event.occurred.at);
    graph.addFinding({ kind: 'fan_out', key: KEYS.AR, detail: 'too many links' });
    const chain = buildChain(graph, 'event:aws.cloudtrail/13', rules, {
      identities: createIdentities(policy, []),
      sources: [],
    });
    expect(chain.root).toBe(KEYS.P);
    expect(chain.requests).toEqual([]);
  });

  test('nothing known is a problem, not an empty chain', () => {
    expect(() => chainOf(chainA(), 'gitlab:job:gitlab.example/1')).toThrow(/Nothing is known/);
  });
});
