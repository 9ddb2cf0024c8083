import { describe, expect, test } from 'vitest';
import type { ActorRef } from '../../../model/actor.ts';
import type { Facts } from '../../../model/facts.ts';
import { policySchema } from '../../../model/policy.ts';
import { actChainBreak, findActBreaks } from '../../../query/chains/act-chain.ts';
import type { ActChain } from '../../../query/chains/act-chain.ts';
import { createIdentities } from '../../../query/identity.ts';
import { addToGraph } from '../../support/memory-graph.ts';
import { createGraph } from '../../../query/chains/graph.ts';
import { flattenAct } from '../../../ingest/sources/act-claims.ts';
import { told } from '../../support/worked-chains.ts';

const MARA: ActorRef = { kind: 'human', key: 'idp:user:https://idp.example/mara' };
const JON: ActorRef = { kind: 'human', key: 'idp:user:https://idp.example/jon' };
const AGENT: ActorRef = { kind: 'ai_agent', key: 'idp:user:https://agents.example/release' };
const JOB: ActorRef = { kind: 'service', key: 'idp:user:https://git.example/project_path:a/b' };
const BROKER: ActorRef = { kind: 'service', key: 'idp:user:https://broker.example/broker' };
const same = (a: ActorRef, b: ActorRef): boolean => a.key === b.key;
const chain = (actors: readonly ActorRef[], subject?: ActorRef): ActChain => ({ actors, ...(subject && { subject }) });

describe('the chain of actors at an exchange (sources.md 3.5)', () => {
  test.each<readonly [string, ActChain, ActChain, boolean, RegExp | undefined]>([
    ['delegation: one new actor at the head', chain([], MARA), chain([AGENT], MARA), false, undefined],
    ['the same actors again', chain([AGENT], MARA), chain([AGENT], MARA), false, undefined],
    ['a second delegation', chain([AGENT], MARA), chain([BROKER, AGENT], MARA), false, undefined],
    ['a new subject with an approval', chain([], JOB), chain([AGENT, JOB], MARA), true, undefined],
    ['a new subject without one', chain([], JOB), chain([AGENT, JOB], MARA), false, /speaks for .*mara, and no approval/],
    ['an actor went missing', chain([AGENT], MARA), chain([BROKER], MARA), true, /agents\.example\/release .*gone/],
    ['the subject was replaced', chain([AGENT], MARA), chain([AGENT], JON), true, /mara .*gone/],
    ['actors changed places', chain([BROKER, AGENT], MARA), chain([AGENT, BROKER], MARA), true, /gone from the new one, or stands in another place/],
    ['two new actors at the head', chain([], MARA), chain([BROKER, AGENT], MARA), true, /2 new actors/],
    ['somebody was put between', chain([AGENT], MARA), chain([AGENT, JOB], MARA), true, /project_path:a\/b was put between/],
    ['a parent of which nothing is told', chain([]), chain([AGENT], MARA), false, undefined],
  ])('%s', (_, parent, child, approved, wrong) => {
    const found = actChainBreak(parent, child, approved, same);
    if (wrong === undefined) expect(found).toBeUndefined();
    else expect(found).toMatch(wrong);
  }); // prettier-ignore
});

describe('among events', () => {
  const P = 'token:jti:https://broker.example/parent';
  const C = 'token:jti:https://broker.example/child';
  const identities = createIdentities(policySchema.parse({}), []);
  const issue = (id: string, token: string, parties: Partial<Parameters<typeof told>[0]>, facts: Facts = {}): ReturnType<typeof told> =>
    told({ id, family: 'ce', at: `2026-08-20T09:00:0${id}Z`, action: id === '1' ? 'token.issue' : 'token.exchange', keys: [['creates', token], ...(id === '1' ? [] : [['uses', P] as const])], facts: { credential: { key: token }, ...facts }, ...parties }); // prettier-ignore
  const breaksOf = (...events: readonly ReturnType<typeof told>[]): readonly string[] => {
    const graph = createGraph();
    const stored = events.map((event, index) => addToGraph(graph, event, String(index), 0));
    const births = (token: string): typeof stored => stored.filter((event) => event.facts.credential?.key === token);
    return [...findActBreaks(stored, births, identities).values()];
  };
  const withChain = (event: ReturnType<typeof told>, actChain: readonly ActorRef[]): ReturnType<typeof told> => ({ ...event, actChain }); // prettier-ignore

  test('a vanished actor is found by the event of the exchange', () => {
    const parent = withChain(issue('1', P, { actor: AGENT, onBehalfOf: MARA }), [AGENT]);
    const child = withChain(issue('2', C, { actor: BROKER, onBehalfOf: MARA }), [BROKER]);
    expect(breaksOf(parent, child)).toHaveLength(1);
    expect(breaksOf(parent, withChain(child, [BROKER, AGENT]))).toEqual([]);
  });

  test('an alias that the issuer vouches for is the same party', () => {
    const parent = issue('1', P, { actor: { ...MARA, key: 'gitlab:user:git.example/1' } });
    const child = withChain(issue('2', C, { actor: AGENT, onBehalfOf: { ...MARA, aliases: ['gitlab:user:git.example/1'] } }), [AGENT]); // prettier-ignore
    expect(breaksOf(parent, child)).toEqual([]);
  });

  test('what the issuer relied on is the approval that a new subject needs', () => {
    const parent = issue('1', P, { actor: JOB });
    const child = (facts: Facts): ReturnType<typeof told> => withChain(issue('2', C, { actor: AGENT, onBehalfOf: MARA }, facts), [AGENT, JOB]); // prettier-ignore
    expect(breaksOf(parent, child({}))).toHaveLength(1);
    expect(breaksOf(parent, child({ relied_on: { decided: 'approved', mode: 'human', by: JON } }))).toEqual([]);
  });
});

describe('an act claim', () => {
  const claim = { sub: 'release', iss: 'https://agents.example', sub_profile: 'ai_agent', act: { sub: 'job-1', sub_profile: 'service' } }; // prettier-ignore

  test('is flattened with the outermost actor first; a level without an issuer has that of the token', () => {
    expect(flattenAct(claim, 'https://broker.example')).toEqual([
      { kind: 'ai_agent', key: 'idp:user:https://agents.example/release' },
      { kind: 'service', key: 'idp:user:https://broker.example/job-1' },
    ]);
  });

  test('that nests without end is none', () => {
    let deep: Record<string, unknown> = { sub: 'x' };
    for (let level = 0; level < 40; level += 1) deep = { sub: 'x', act: deep };
    expect(flattenAct(deep, 'https://broker.example')).toBeUndefined();
  });

  test.each([[null], ['text'], [7], [[]], [{}], [{ sub: {} }]])('%j names nobody', (act) => {
    expect(flattenAct(act, 'https://broker.example')).toEqual([]);
  });
});
