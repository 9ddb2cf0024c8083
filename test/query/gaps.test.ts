import { describe, expect, test } from 'vitest';
import type { SourceGap, SourceState } from '../../model/control.ts';
import { GAP_ID, gapIdOf, isExplainable, stretchOf } from '../../model/gap-explanation.ts';
import type { GapSaying } from '../../model/gap-explanation.ts';
import { policySchema } from '../../model/policy.ts';
import { createGraph } from '../../query/chains/graph.ts';
import { checkGraph } from '../../query/controls/check-graph.ts';
import { checkText } from '../../query/controls/check-text.ts';
import { foldExplanations, objectionToGapAct } from '../../query/gaps/fold-explanations.ts';
import type { GapAct } from '../../query/gaps/fold-explanations.ts';
import { gapHistoryText, gapsText } from '../../query/gaps/gap-text.ts';
import { withIds } from '../../query/gaps/read-explanations.ts';
import { createIdentities } from '../../query/identity.ts';
import type { Identities } from '../../query/identity.ts';
import { createFixture, PERIOD, sourceState } from '../support/control-fixture.ts';
import { addRun } from '../support/control-story.ts';
import { NOBODY_REGISTERED } from '../support/disposition-fixture.ts';
import { gapAct as act } from '../support/gap-fixture.ts';

const EXPLAINED = { kind: 'explanation', cause: 'planned_stop', text: 'Down for an upgrade.', reference: 'CHG-7' } as const satisfies GapSaying; // prettier-ignore
const idOf = (number: number): string => act(number, '', EXPLAINED).id;
const decided = (of: number, decision: 'confirmed' | 'rejected' = 'confirmed'): GapSaying => ({ kind: 'confirmation', of: idOf(of), decision }); // prettier-ignore
const withdrawn = (of: number): GapSaying => ({ kind: 'withdrawal', of: idOf(of), text: 'It was up after all.' });
const fold = (acts: readonly GapAct[], who: Identities = NOBODY_REGISTERED): ReturnType<typeof foldExplanations> => foldExplanations('G-x', acts, who); // prettier-ignore
const ALONE = [act(1, 'kim', EXPLAINED)];
const BOTH = [...ALONE, act(2, 'lee', decided(1))];

describe('what people say of a gap', () => {
  test.each<[string, readonly GapAct[], string, readonly string[]]>([
    ['nobody', [], 'open', []],
    ['one person', ALONE, 'proposed', ['stands']],
    ['two people', BOTH, 'explained', ['stands', 'stands']],
    ['one person twice', [...ALONE, act(2, 'kim', decided(1))], 'proposed', ['stands', 'void']],
    ['a person and a machine', [...ALONE, act(2, 'bot', decided(1), 'service')], 'proposed', ['stands', 'void']],
    ['a second person who rejects', [...ALONE, act(2, 'lee', decided(1, 'rejected'))], 'open', ['stands', 'stands']],
    ['a confirmation of another explanation', [...ALONE, act(2, 'lee', decided(9))], 'proposed', ['stands', 'void']],
    ['a second explanation over the first', [...ALONE, act(2, 'lee', EXPLAINED)], 'proposed', ['stands', 'void']],
    ['a withdrawal by anybody', [...BOTH, act(3, 'pat', withdrawn(1))], 'open', ['stands', 'stands', 'stands']],
    ['a withdrawal before it was confirmed', [...ALONE, act(2, 'kim', withdrawn(1)), act(3, 'lee', decided(1))], 'open', ['stands', 'stands', 'void']],
    ['two withdrawals', [...BOTH, act(3, 'kim', withdrawn(1)), act(4, 'kim', withdrawn(1))], 'open', ['stands', 'stands', 'stands', 'void']],
    ['a later explanation that waits', [...BOTH, act(3, 'lee', EXPLAINED)], 'explained', ['stands', 'stands', 'stands']],
  ])('%s', (_who, acts, state, effects) => {
    const standing = fold(acts);
    expect(standing.state).toBe(state);
    expect(standing.history.map(({ effect }) => effect)).toEqual(effects);
  }); // prettier-ignore

  test('two accounts of one person explain nothing, from the moment at which it is known', () => {
    const users = 'idp:user:https://idp.northwind.example';
    const policy = policySchema.parse({ tenant: 't', identities: [{ person: `${users}/kim`, aliases: [`${users}/lee`] }] }); // prettier-ignore
    expect(fold(BOTH, createIdentities(policy, []))).toMatchObject({ state: 'proposed', history: [{}, { effect: 'void' }] }); // prettier-ignore
  });

  test('an account that nothing ties to a person confirms nothing', () => {
    const unknown = { ...act(2, 'lee', decided(1)), actor: { kind: 'unknown', key: 'os:user:host/root' } } as const;
    expect(objectionToGapAct(unknown, ALONE, NOBODY_REGISTERED)).toMatchObject({ code: 'forbidden', why: expect.stringMatching(/not known whether/) as string }); // prettier-ignore
  });

  test('terminals are shown no control characters of it, and every act', () => {
    const standing = fold([act(1, 'kim', { ...EXPLAINED, text: 'a\u001b[2Jb\u202E' }), act(2, 'kim', decided(1))]); // prettier-ignore
    const text = gapHistoryText(standing);
    expect(text).not.toMatch(/[^\P{Cc}\n]|\u202E/u);
    expect(text).toContain('WITHOUT EFFECT');
  });
});

const GAP: SourceGap = { from: '2026-03-05T00:00:00.000000Z', to: '2026-03-05T01:00:00.000000Z', reason: 'numbers 5 to 9 never came', kind: 'sequence' }; // prettier-ignore
const SOURCE = { family: 'ce', instance: 'issuer' };

describe('the id of a gap', () => {
  test('hangs on everything that makes it this gap, and finds it by its stretch', () => {
    const id = gapIdOf('acme', SOURCE, GAP);
    expect(id).toMatch(GAP_ID);
    expect(stretchOf(id)).toEqual({ from: Date.parse(GAP.from) * 1_000, to: Date.parse(GAP.to) * 1_000 });
    const others = [
      gapIdOf('rival', SOURCE, GAP),
      gapIdOf('acme', { ...SOURCE, family: 'hoop' }, GAP),
      gapIdOf('acme', { ...SOURCE, instance: 'other' }, GAP),
      ...[{ from: '2026-03-05T00:00:00.000001Z' }, { to: '2026-03-05T01:00:00.000001Z' }, { reason: 'numbers 5 to 10 never came' }, { kind: 'silence' as const }].map((part) => gapIdOf('acme', SOURCE, { ...GAP, ...part })),
    ]; // prettier-ignore
    expect(new Set([id, ...others]).size).toBe(8);
    for (const text of ['', 'G-1-2', `${id}0`, id.replace('G-', 'G-zzzzzzzzzzzz'), `G-b-a-${'0'.repeat(24)}`])
      expect(stretchOf(text)).toBeUndefined();
  });

  test('is only given where words can stand for what is missing', () => {
    const kinds = ['sequence', 'silence', 'reconciliation', 'log', 'digest', undefined] as const;
    const { from, to, reason } = GAP;
    const gaps = kinds.map((kind): SourceGap => ({ from, to, reason, ...(kind ? { kind } : {}) }));
    expect(gaps.map(isExplainable)).toEqual([true, true, true, false, false, false]);
    expect(withIds('acme', sourceState({ gaps })).gaps.map(({ id }) => id !== undefined)).toEqual([true, true, true, false, false, false]); // prettier-ignore
    expect(gapsText([sourceState({ gaps })])).toMatch(/cannot be explained, only closed[\s\S]*6 gaps, 6 unexplained/);
  });
});

describe('a control test over a gap', () => {
  const fixture = createFixture();
  addRun(fixture, { job: 1, issuedAt: '2026-03-10T10:00:00Z' });
  const run = (acts: readonly GapAct[], gap: SourceGap = GAP, id = 'T-08' as const): ReturnType<typeof fixture.run> =>
    fixture.run(id, { sources: [{ gaps: [acts.length === 0 ? gap : { ...gap, standing: fold(acts) }] }] });

  test('concludes once two people explained it, and lists it with their words and names', () => {
    expect(run([])).toMatchObject({ result: 'unable_to_conclude', gaps: [expect.stringContaining(GAP.reason)] });
    expect(run([])).not.toHaveProperty('explained_gaps');
    const result = run(BOTH);
    expect(result).toMatchObject({
      result: 'no_exceptions_noted',
      reason: 'No exceptions noted. The population of 1 was tested. 1 gap in the streams that it reads is explained by people, and listed.',
      gaps: [],
    }); // prettier-ignore
    const [told] = result.explained_gaps ?? [];
    for (const words of [GAP.reason, 'Down for an upgrade.', 'CHG-7', 'explained by kim', 'confirmed by lee', '2026-06-02'])
      expect(told).toContain(words);
  }); // prettier-ignore

  test('stays blocked by what one person says, by another gap, and by what our own bounds cut off', () => {
    const alone = run(ALONE);
    expect(alone).toMatchObject({ result: 'unable_to_conclude', gaps: [expect.stringContaining('waits for a second person')] }); // prettier-ignore
    const other = { ...GAP, reason: 'numbers 11 to 12 never came' };
    const two = fixture.run('T-08', { sources: [{ gaps: [{ ...GAP, standing: fold(BOTH) }, other] }] });
    expect(two).toMatchObject({ result: 'unable_to_conclude', gaps: [expect.stringContaining('11 to 12')], explained_gaps: [expect.stringContaining('5 to 9')] }); // prettier-ignore
    const graph = createGraph();
    for (const event of fixture.graph().events.values()) graph.addEvent(event);
    graph.addFinding({ kind: 'cut_off', detail: 'more events than a check can hold' });
    const request = { framework: 'all', ...PERIOD, asOf: PERIOD.to, tests: ['T-08'] } as const;
    const sources = [sourceState({ gaps: [{ ...GAP, standing: fold(BOTH) }] })];
    const [cut] = checkGraph({ graph, sources, policy: fixture.policy, request }).tests;
    expect(cut).toMatchObject({ result: 'unable_to_conclude', gaps: [expect.stringContaining('more events than')] });
  });

  test('takes no exception back', () => {
    const broken = createFixture();
    addRun(broken, { job: 1, issuedAt: '2026-03-10T10:00:00Z' });
    const gaps = [{ ...GAP, standing: fold(BOTH) }];
    expect(broken.run('T-01', { sources: [{ gaps }] })).toMatchObject({ result: 'exceptions_noted', exceptions: 1, gaps: [] }); // prettier-ignore
  });

  test('T-31 lists the day as excluded with the words; an unexplained gap of the same day is an exception', () => {
    const days = (gaps: readonly SourceGap[], part: Partial<SourceState> = {}, policy = {}): ReturnType<typeof fixture.run> =>
      createFixture(policy).run('T-31', { sources: [{ ...SOURCE, integrity: 'dense_seq', gaps, ...part }] }); // prettier-ignore
    const sources = [{ ...SOURCE, integrity: 'dense_seq' }];
    const explained = { ...GAP, standing: fold(BOTH) };
    expect(days([GAP], {}, { sources })).toMatchObject({ result: 'exceptions_noted', exceptions: 1 });
    expect(days([{ ...GAP, standing: fold(ALONE) }], {}, { sources })).toMatchObject({ exceptions: 1 });
    const listed = days([explained], {}, { sources });
    expect(listed).toMatchObject({ result: 'no_exceptions_noted', exceptions: 0, excluded: { explained_gap: 1 }, passed: 30 }); // prettier-ignore
    expect(listed.items).toMatchObject([{ verdict: 'excluded', attribute: 'explained_gap', finding: expect.stringMatching(/5 to 9.*explained by kim.*Down for an upgrade/) as string }]); // prettier-ignore
    expect(days([explained, { ...GAP, reason: 'another' }], {}, { sources })).toMatchObject({ exceptions: 1, excluded: {}, items: [{ finding: expect.stringContaining('another') as string }] }); // prettier-ignore
    // Words about a gap say nothing of a chain of hashes that nobody verified.
    const chained = [{ ...SOURCE, integrity: 'hash_chain' }];
    expect(days([explained], { integrity: 'hash_chain' }, { sources: chained })).toMatchObject({ excluded: {}, undetermined: 31 }); // prettier-ignore
  });

  test('T-35 stays an exception: a source was silent, whatever people say of it', () => {
    const silent = createFixture({ sources: [{ ...SOURCE, daily_activity_expected: true }] });
    const gaps = [{ ...GAP, kind: 'silence' as const, standing: fold(BOTH) }];
    expect(silent.run('T-35', { sources: [{ ...SOURCE, gaps }] })).toMatchObject({ result: 'exceptions_noted', exceptions: 30, undetermined: 1 }); // prettier-ignore
  });

  test('the text of a check tells it apart from gaps that block', () => {
    const request = { framework: 'all', ...PERIOD, asOf: PERIOD.to, tests: ['T-08'] } as const;
    const of = (acts: readonly GapAct[]): string =>
      checkText(checkGraph({ graph: fixture.graph(), policy: fixture.policy, request, sources: [sourceState({ gaps: [{ ...GAP, standing: fold(acts) }] })] })); // prettier-ignore
    expect(of(BOTH)).toMatch(/ {2}explained gap: ce issuer: .*numbers 5 to 9 never came; explained by kim .*"Down for an upgrade\." \(CHG-7\)/); // prettier-ignore
    expect(of(ALONE)).toMatch(/ {2}gap: .*waits for a second person/);
  });
});
