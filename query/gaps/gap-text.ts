import type { SourceGap, SourceState } from '../../model/control.ts';
import type { GapExplanation, GapSaying, GapStanding } from '../../model/gap-explanation.ts';
import { nameOf } from '../dispositions/exceptions-text.ts';
import { printable } from '../escape.ts';

const CAUSES: Readonly<Record<GapExplanation['cause'], string>> = {
  planned_stop: 'planned stop',
  numbers_never_used: 'numbers that the source never used',
  held_elsewhere: 'held elsewhere',
  source_defect: 'defect of the source',
};

/** Whether two people stand for an explanation, so that the gap no longer keeps a test from a conclusion. */
export function isExplained(gap: SourceGap): boolean {
  return gap.standing?.state === 'explained';
}

/** What is said of a gap, with who stands for it, in one sentence without a full stop; undefined where nothing is. */
export function standingText(standing: GapStanding | undefined): string | undefined {
  const { explanation } = standing ?? {};
  if (!explanation) return undefined;
  const { cause, text, reference, by, at, confirmed_by: second, confirmed_at: when } = explanation;
  const names = second && when
    ? `explained by ${nameOf(by)} on ${day(at)} and confirmed by ${nameOf(second)} on ${day(when)}`
    : `an explanation by ${nameOf(by)} on ${day(at)} waits for a second person`;
  return printable(`${names} as ${CAUSES[cause]}: "${text}" (${reference})`, 6_000);
} // prettier-ignore

/** What was said in one act, in one line. */
export function gapSaidText(said: GapSaying): string {
  switch (said.kind) {
    case 'explanation':
      return `${CAUSES[said.cause]}: ${said.text} (${said.reference})`;
    case 'confirmation':
      return `${said.decision} explanation ${said.of}${said.text === undefined ? '' : `: ${said.text}`}`;
    case 'withdrawal':
    default:
      return `withdrew explanation ${said.of}: ${said.text}`;
  }
}

/** The gaps of sources as text: what is missing, what was said of it, and what can be done. */
export function gapsText(sources: readonly Pick<SourceState, 'family' | 'instance' | 'gaps'>[]): string {
  const gaps = sources.flatMap(({ family, instance, gaps: own }) => own.map((gap) => ({ gap, of: `${family} ${printable(instance)}` }))); // prettier-ignore
  if (gaps.length === 0) return 'No gap is known in any stream of this period.\n';
  const blocking = gaps.filter(({ gap }) => !isExplained(gap)).length;
  const entries = gaps.map(({ gap, of }) =>
    [
      gap.id ?? 'cannot be explained, only closed: deliver what is missing',
      `    ${of}: ${gap.from} to ${gap.to}`,
      `    ${printable(gap.reason)}`,
      ...(gap.id === undefined ? [] : [`    ${standingText(gap.standing) ?? 'unexplained'}`]),
    ].join('\n'),
  );
  const total = `${gaps.length} ${gaps.length === 1 ? 'gap' : 'gaps'}, ${blocking} unexplained: control tests that read their streams cannot conclude over those`;
  return [...entries, '', total, ''].join('\n');
}

/** One gap with every act on it, in the order of the log. */
export function gapHistoryText({ gap, state, history }: GapStanding): string {
  const acts = history.flatMap(({ id, at, by, said, effect, why }) => [
    `  ${at.replace('T', ' ').slice(0, 19)}  ${said.kind}  by ${printable(nameOf(by))}${effect === 'void' ? '  WITHOUT EFFECT' : ''}`,
    `    ${printable(gapSaidText(said), 6_000)}`,
    ...(why === undefined ? [] : [`    ${why}`]),
    `    id ${id}`,
  ]);
  return [`${gap}  ${state}`, ...(acts.length === 0 ? ['  Nobody has said anything of it yet.'] : acts), ''].join('\n');
}

function day(text: string): string {
  return text.slice(0, 10);
}
