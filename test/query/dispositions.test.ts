import { describe, expect, test } from 'vitest';
import type { DispositionFact } from '../../model/disposition.ts';
import { exceptionIdOf } from '../../model/exception-id.ts';
import { policySchema } from '../../model/policy.ts';
import { foldDispositions, objectionTo } from '../../query/dispositions/fold-dispositions.ts';
import type { DispositionAct } from '../../query/dispositions/fold-dispositions.ts';
import { exceptionText, exceptionsText } from '../../query/dispositions/exceptions-text.ts';
import { createIdentities } from '../../query/identity.ts';
import { NOBODY_REGISTERED, act } from '../support/disposition-fixture.ts';

const classified = (name: 'true_deviation' | 'data_defect' = 'true_deviation'): DispositionFact => ({ kind: 'classification', class: name, text: 'why' }); // prettier-ignore
const decided = (of: number, decision: 'confirmed' | 'rejected' = 'confirmed'): DispositionFact => ({ kind: 'confirmation', of: act(of, '', classified()).id, decision }); // prettier-ignore
const fold = (...acts: readonly DispositionAct[]): ReturnType<typeof foldDispositions> => foldDispositions('T-01-x', acts, NOBODY_REGISTERED); // prettier-ignore
const effects = (...acts: readonly DispositionAct[]): readonly string[] => fold(...acts).history.map(({ effect }) => effect); // prettier-ignore

describe('the history of an exception', () => {
  test('two servers that confirmed at one moment: the first counts, the second stands without effect', () => {
    const acts = [act(1, 'a', classified()), act(2, 'b', decided(1)), act(3, 'c', decided(1, 'rejected'))];
    expect(fold(...acts)).toMatchObject({ state: 'classified', classification: { state: 'confirmed', confirmed_by: { display: 'b' } } }); // prettier-ignore
    expect(effects(...acts)).toEqual(['stands', 'stands', 'void']);
  });

  test('two accounts that turn out to be one person confirm nothing, from the moment at which it is known', () => {
    const acts = [act(1, 'a', classified()), act(2, 'b', decided(1))];
    const known = createIdentities(
      policySchema.parse({ tenant: 't', identities: [{ person: 'idp:user:https://idp.northwind.example/a', aliases: ['idp:user:https://idp.northwind.example/b'] }] }),
      [],
    ); // prettier-ignore
    expect(fold(...acts).classification.state).toBe('confirmed');
    expect(foldDispositions('x', acts, known)).toMatchObject({ state: 'open', classification: { state: 'proposed' }, history: [{}, { effect: 'void' }] }); // prettier-ignore
  });

  test('who classified may correct himself; another must decide first', () => {
    const first = act(1, 'a', classified());
    expect(objectionTo(act(2, 'a', classified('data_defect')), [first], NOBODY_REGISTERED)).toBeUndefined();
    expect(objectionTo(act(2, 'b', classified('data_defect')), [first], NOBODY_REGISTERED)).toMatchObject({ code: 'conflict' }); // prettier-ignore
    const corrected = [first, act(2, 'a', classified('data_defect'))];
    expect(objectionTo(act(3, 'b', decided(1)), corrected, NOBODY_REGISTERED)).toMatchObject({ code: 'conflict', why: expect.stringContaining('replaced') as string }); // prettier-ignore
    expect(fold(...corrected, act(3, 'b', decided(2))).classification).toMatchObject({ class: 'data_defect' });
  });

  test('after a rejection nothing is classified, and the next may be', () => {
    const acts = [act(1, 'a', classified()), act(2, 'b', decided(1, 'rejected')), act(3, 'b', classified('data_defect'))]; // prettier-ignore
    expect(fold(...acts.slice(0, 2))).toMatchObject({ state: 'open', classification: { state: 'none' } });
    expect(fold(...acts)).toMatchObject({ classification: { state: 'proposed', class: 'data_defect' } });
  });

  test('an act about oneself has no effect wherever it came from', () => {
    const about = ['idp:user:https://idp.northwind.example/a'];
    const response: DispositionFact = { kind: 'response', agreement: 'agree', text: 'mine' };
    expect(effects(act(1, 'a', response, about), act(2, 'b', response, about))).toEqual(['void', 'stands']);
  });

  test('terminals are shown no control characters of what was said', () => {
    const response: DispositionFact = { kind: 'response', agreement: 'agree', text: 'a\u001b[2Jb' };
    const exception = { id: 'T-01-x', test: 'T-01', attribute: 'a', item: 'i\u202E', at: '2026-06-01T00:00:00.000000Z', finding: 'f\u0007', evidence: [] }; // prettier-ignore
    const shown = { exception, dispositions: fold(act(1, 'a', response)) };
    for (const text of [exceptionText(shown), exceptionsText({ exceptions: [shown], next: null })])
      expect(text).not.toMatch(/[^\P{Cc}\n]|\u202E/u);
  });
});

test('the id of an exception hangs on tenant, test, attribute, moment and item, and on nothing else', () => {
  const item = { item: 'token:jti:x/1', attribute: 'no_approval', at: '2026-05-01T00:00:00.000000Z' };
  const id = exceptionIdOf('acme', 'T-01', item);
  expect(id).toMatch(/^T-01-[0-9a-f]{24}$/);
  expect(exceptionIdOf('acme', 'T-01', { ...item, finding: 'other words' } as never)).toBe(id);
  const others = [
    exceptionIdOf('rival', 'T-01', item),
    exceptionIdOf('acme', 'T-02', item),
    ...[{ item: 'token:jti:x/2' }, { attribute: 'late' }, { at: '2026-05-01T00:00:00.000001Z' }].map((part) => exceptionIdOf('acme', 'T-01', { ...item, ...part })),
  ]; // prettier-ignore
  expect(new Set([id, ...others]).size).toBe(6);
});
