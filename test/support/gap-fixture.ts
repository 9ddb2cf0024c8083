import type { ReportModel, SourceGap } from '../../model/control.ts';
import type { GapSaying } from '../../model/gap-explanation.ts';
import { foldExplanations } from '../../query/gaps/fold-explanations.ts';
import type { GapAct } from '../../query/gaps/fold-explanations.ts';
import { standingText } from '../../query/gaps/gap-text.ts';
import { withIds } from '../../query/gaps/read-explanations.ts';
import { NOBODY_REGISTERED, act } from './disposition-fixture.ts';

/** What somebody at the identity provider says of a gap; ids and moments are made of a number. */
export function gapAct(number: number, who: string, said: GapSaying, kind: 'human' | 'service' = 'human'): GapAct {
  const { id, at, actor } = act(number, who, { kind: 'response', agreement: 'agree', text: '-' });
  return { id, at, actor: { ...actor, kind }, said };
}

/** A report with two more gaps of its last source: one that two people explained, with hostile words, and one that nobody did. */
export function withGaps(report: ReportModel): ReportModel {
  const [from, to] = ['2026-05-03T04:10:00.000000Z', '2026-05-03T06:55:00.000000Z'];
  const open: SourceGap = { from, to, reason: 'numbers 11 to 12 never came', kind: 'sequence' };
  const last = report.sources.at(-1);
  const named = last && withIds(report.tenant, { ...last, gaps: [{ ...open, reason: 'number 7 never came' }, open] });
  const [first, second] = named?.gaps ?? [];
  if (!named || !first || !second) throw new Error('the report has no source');
  const said: GapSaying = { kind: 'explanation', cause: 'numbers_never_used', text: '=HYPERLINK("http://evil.example") <b>\u202E', reference: '+CHG-7' }; // prettier-ignore
  const confirmed: GapSaying = { kind: 'confirmation', of: gapAct(1, 'kim', said).id, decision: 'confirmed' };
  const acts = [gapAct(1, 'kim', said), gapAct(2, 'kim', confirmed), gapAct(3, 'lee', confirmed)];
  const explained = { ...first, standing: foldExplanations(first.id ?? '', acts, NOBODY_REGISTERED) };
  const words = `${named.family} ${named.instance}: ${from} to ${to}: ${first.reason}; ${standingText(explained.standing) ?? ''}`;
  return {
    ...report,
    sources: [...report.sources.slice(0, -1), { ...named, gaps: [explained, second] }],
    tests: report.tests.map((test, i) => (i === 0 ? { ...test, explained_gaps: [words] } : test)),
  };
}
