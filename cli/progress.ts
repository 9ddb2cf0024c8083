import type { CommandContext } from './command.ts';

/** Shows how far a long piece of work is, on stderr. */
export interface Progress {
  update(done: number, total: number | undefined, note?: string): void;
  finish(note: string): void;
}

const BAR_WIDTH = 28;
const EVERY_MS = 120;
const EVERY_MS_PIPED = 5_000;

/**
 * A progress line: a bar that rewrites itself on a terminal, a line every five seconds where stderr is a file, so that
 * a log of CI stays readable. `now` gives milliseconds and is only for tests.
 */
export function createProgress(
  context: Pick<CommandContext, 'say' | 'live'>,
  label: string,
  now: () => number = () => performance.now(),
): Progress {
  const started = now();
  let shown = Number.NEGATIVE_INFINITY;
  const line = (done: number, total: number | undefined, note: string): string => {
    const rate = done / Math.max(0.001, (now() - started) / 1_000);
    const share =
      total === undefined || total === 0
        ? ''
        : `${drawBar(done / total)} ${String(Math.floor((100 * done) / total)).padStart(3)} % `;
    return `${label} ${share}${formatCount(done)}${total === undefined ? '' : ` of ${formatCount(total)}`} (${formatCount(Math.round(rate))}/s)${note === '' ? '' : `  ${note}`}`;
  };
  return {
    update(done, total, note = '') {
      const time = now();
      if (time - shown < (context.live ? EVERY_MS : EVERY_MS_PIPED)) return;
      shown = time;
      context.say(context.live ? `\r\u001b[2K${line(done, total, note)}` : `${line(done, total, note)}\n`);
    },
    finish(note) {
      const seconds = ((now() - started) / 1_000).toFixed(1);
      context.say(`${context.live ? '\r\u001b[2K' : ''}${label} ${note} (${seconds} s)\n`);
    },
  };
}

/** A whole number with spaces between thousands. */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ' ');
}

function drawBar(share: number): string {
  const full = Math.max(0, Math.min(BAR_WIDTH, Math.round(share * BAR_WIDTH)));
  return `[${'#'.repeat(full)}${'.'.repeat(BAR_WIDTH - full)}]`;
}

/** A number with its noun: "1 exception", "6 981 deliveries". */
export function countOf(count: number, noun: string, plural = `${noun}s`): string {
  return `${formatCount(count)} ${count === 1 ? noun : plural}`;
}
