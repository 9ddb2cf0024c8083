import type { Continuity, SourceState } from '../model/control.ts';
import { printable } from './escape.ts';
import { isExplained, standingText } from './gaps/gap-text.ts';

const GAPS_SHOWN = 20;
const REPEATS_SHOWN = 8;

/** The sources as text: what came, how steadily, by which means a gap would show, and the gaps that are known. */
export function sourcesText(sources: readonly SourceState[]): string {
  if (sources.length === 0) return 'No source is registered and none has sent anything.\n';
  const gaps = sources.reduce((sum, source) => sum + source.gaps.length, 0);
  const total = `${sources.length} ${sources.length === 1 ? 'source' : 'sources'}, ${gaps === 0 ? 'no gap is known' : `${gaps} ${gaps === 1 ? 'gap' : 'gaps'}`}`;
  return `${sources.map(sourceText).join('\n\n')}\n\n${total}\n`;
}

/** Custody's own log: no policy file registers it, and nobody but Custody writes it. */
export function isOwnLog({ family }: Pick<SourceState, 'family'>): boolean {
  return family === 'custody.self';
}

function sourceText(source: SourceState): string {
  const { continuity = {}, gaps } = source;
  const rejected = Object.entries(source.rejected).map(([reason, count]) => `${count} ${reason}`);
  const lines: (readonly [string, string])[] = [
    ['records', `accepted ${source.accepted}, duplicate ${source.duplicate}, conflict ${source.conflict}, rejected ${rejected.length === 0 ? 0 : rejected.join(', ')}`],
    ['heard', source.last_received_at === undefined ? 'never' : `last event ${shortTime(source.last_occurred_at)}, last received ${shortTime(source.last_received_at)}`],
    ...continuityLines(continuity),
    ['gaps', gaps.length > 0 ? countGaps(gaps) : withoutGaps(source)],
  ]; // prettier-ignore
  return [
    `${source.family} ${printable(source.instance)}${source.registered ? '' : `  (${isOwnLog(source) ? 'what Custody tells of itself' : 'not in the policy file'})`}`,
    ...lines.map(([name, text]) => `  ${name.padEnd(11)} ${text}`),
    ...gaps.slice(0, GAPS_SHOWN).flatMap(gapLines),
    ...(gaps.length > GAPS_SHOWN ? [`    ... and ${gaps.length - GAPS_SHOWN} more; --format json has all`] : []),
  ].join('\n'); // prettier-ignore
}

function countGaps(gaps: SourceState['gaps']): string {
  const explained = gaps.filter(isExplained).length;
  return explained === 0 ? String(gaps.length) : `${gaps.length}, ${explained} explained`;
}

function gapLines({ from, to, reason, standing }: SourceState['gaps'][number]): readonly string[] {
  const said = standingText(standing);
  return [
    `    ${shortTime(from)} to ${shortTime(to)}: ${printable(reason)}`,
    ...(said === undefined ? [] : [`      ${said}`]),
  ];
}

function withoutGaps({ integrity, continuity = {} }: SourceState): string {
  const shows = integrity !== 'none' || continuity.digests !== undefined || continuity.reconciliation !== undefined;
  return shows ? 'none known' : 'none known, but nothing that this source gives would show one';
}

/** What a source gives by which a gap would show, a line a means. */
export function continuityLines(continuity: Continuity): readonly (readonly [string, string])[] {
  const { sequence, pace, lateness, digests, reconciliation } = continuity;
  const lines: (readonly [string, string])[] = [];
  if (sequence) lines.push(['counter', tellSequence(sequence)]);
  if (pace) lines.push(['pace', tellPace(pace)]);
  if (lateness)
    lines.push([
      'lateness',
      `half within ${duration(lateness.p50_s)}, 95 % ${duration(lateness.p95_s)}, 99 % ${duration(lateness.p99_s)}, longest ${duration(lateness.max_s)}`,
    ]);
  if (digests) lines.push(['digests', tellDigests(digests)]);
  if (reconciliation) lines.push(['second pull', tellReconciliation(reconciliation)]);
  return lines;
}

function tellSequence(sequence: NonNullable<Continuity['sequence']>): string {
  const { first, last, received, missing, repeated, resets } = sequence;
  const some = repeated.slice(0, REPEATS_SHOWN).join(', ');
  return [
    `${first} to ${last}: ${received} came, ${missing} missing`,
    ...(repeated.length > 0 ? [`on several events: ${some}${repeated.length > REPEATS_SHOWN ? ', ...' : ''}`] : []),
    ...(resets > 0 ? [`began anew ${resets === 1 ? 'once' : `${resets} times`}`] : []),
  ].join('; ');
}

function tellPace(pace: NonNullable<Continuity['pace']>): string {
  const {
    basis,
    interval_s: interval,
    longest_silence_s: longest,
    longest_silence_from: from,
    silent_s: silent,
  } = pace;
  const how = basis === 'policy' ? `expected every ${duration(interval)}` : `mostly within ${duration(interval)}`;
  return [
    how,
    `longest silence ${duration(longest)}${from === undefined ? '' : ` from ${shortTime(from)}`}`,
    ...(silent === undefined ? [] : [`then silent for ${duration(silent)}`]),
    ...(pace.unusual > 0 ? [`${pace.unusual} silences unlike its own rhythm`] : []),
  ].join('; ');
}

function tellDigests(digests: NonNullable<Continuity['digests']>): string {
  const {
    held,
    files,
    files_missing: missing,
    chained,
    predecessors_missing: lost,
    predecessors_other: other,
  } = digests;
  return [
    `${held} from ${shortTime(digests.from)} to ${shortTime(digests.to)}, ${chained} follow the one they name`,
    ...(lost > 0 ? [`${lost} name one that never came`] : []),
    ...(other > 0 ? [`${other} name one with another hash`] : []),
    `${files} log files named, ${missing} never came; signatures not verified`,
  ].join('; ');
}

function tellReconciliation(pull: NonNullable<Continuity['reconciliation']>): string {
  if (pull.saved === 0) return 'brought nothing so far';
  const until = pull.until === undefined ? '' : `; compared until ${shortTime(pull.until)}`;
  const pending = pull.pending > 0 ? `, ${pull.pending} may still come` : '';
  return `${pull.saved} saved: ${pull.confirmed} streamed too, ${pull.missing} never streamed${pending}${until}`;
}

/** Seconds in the largest two units: "3 d 4 h", "5 min", "0.4 s". */
export function duration(seconds: number): string {
  if (seconds < 60) return `${Math.round(seconds * 10) / 10} s`;
  const units = [['d', 86_400], ['h', 3_600], ['min', 60], ['s', 1]] as const; // prettier-ignore
  const at = units.findIndex(([, size]) => seconds >= size);
  const [unit, size] = units[at] ?? ['s', 1];
  const [next, nextSize] = units[at + 1] ?? ['s', 1];
  const rest = Math.floor((seconds % size) / nextSize);
  return `${Math.floor(seconds / size)} ${unit}${rest === 0 ? '' : ` ${rest} ${next}`}`;
}

function shortTime(text: string | undefined): string {
  return text === undefined ? 'never' : text.replace('T', ' ').slice(0, 19);
}
