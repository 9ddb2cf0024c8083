import type { DeadLetter } from '../model/dead-letter.ts';
import type { DeadLetterDetail } from './dead-letters.ts';
import { printable } from './escape.ts';

const STATES: Readonly<Record<DeadLetter['replay'], string>> = {
  none: 'not replayed',
  accepted: 'replayed: accepted',
  duplicate: 'replayed: its event was held already',
  conflict: 'replayed: conflicts with what is held',
  rejected: 'replayed: rejected again',
};

/** A page of letters as text: three lines each, then how many there are and how to go on. */
export function lettersText(
  page: {
    readonly letters: readonly DeadLetter[];
    readonly next: string | null;
    readonly counts?: Readonly<Record<string, number>>;
  },
  isFiltered: boolean,
): string {
  const { letters, next, counts = {} } = page;
  if (letters.length === 0) {
    return isFiltered
      ? 'No dead letter matches. Without filters, custody dead-letters list shows all of them.\n'
      : 'No dead letters: no record that arrived was rejected.\n';
  }
  const entries = letters.map((letter) =>
    [
      `${letter.id.padEnd(28)}  ${shortTime(letter.received_at)}  ${letter.reason}`,
      `    ${letter.source} ${printable(letter.instance)}, ${letter.delivery}, ${letter.bytes} bytes; ${STATES[letter.replay]}${letter.replayed_as === undefined ? '' : ` (${letter.replayed_as})`}`,
      `    ${[printable(letter.detail), letter.remedy].filter((part) => part !== '').join('. ')}`,
    ].join('\n'),
  );
  const reasons = Object.entries(counts).map(([reason, count]) => `${count} ${reason}`);
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  return [
    ...entries,
    '',
    `${letters.length}${total > 0 ? ` of ${total}` : ''} shown${reasons.length > 0 ? `: ${reasons.join(', ')}` : ''}`,
    ...(next === null ? [] : [`more: --cursor ${next}`]),
    '',
  ].join('\n');
}

/** One letter as text: where it lies, why it was refused, what became of replays, and what it says. */
export function letterText(letter: DeadLetterDetail): string {
  const lines: (readonly [string, string])[] = [
    ['received', `${letter.received_at} by ${letter.delivery}`],
    ['source', `${letter.source} ${letter.instance}`],
    ['reason', letter.detail === '' ? letter.reason : `${letter.reason}: ${letter.detail}`],
    ['what to do', letter.remedy],
    ['announced', letter.announced_at ?? 'not yet'],
    ['replay', STATES[letter.replay]],
    ...letter.replays.map(({ id, received_at: at, status, reason, by }) => {
      const why = reason === '' ? '' : ` (${reason})`;
      return ['', `${at} as ${id}: ${status}${why}, asked for by ${by}`] as const;
    }),
    ['leaf', letter.leaf],
    ...Object.entries(letter.headers).map(([name, value]) => ['header', `${name}: ${value}`] as const),
  ];
  const cut = letter.value_cut ? `\n(the first part of ${letter.bytes} bytes)` : '';
  return [
    letter.id,
    ...lines.map(([name, text]) => `  ${name.padEnd(11)} ${printable(text, 2_000)}`),
    '',
    `${printable(letter.value, 70_000)}${cut}`,
    '',
  ].join('\n');
}

function shortTime(text: string): string {
  return text.replace('T', ' ').slice(0, 19);
}
