import { setTimeout as sleep } from 'node:timers/promises';
import { pauseAfter } from '../../ingest/pollers/pause.ts';
import { pathWith, readLines, readText } from '../api.ts';
import type { Api } from '../api.ts';
import { formatOption, refuseArguments, textOption } from '../command.ts';
import type { Command, CommandContext } from '../command.ts';
import { openApi } from '../open-api.ts';
import { countOf, createProgress, formatCount } from '../progress.ts';
import type { Progress } from '../progress.ts';
import { rejectedTotal, settledText } from '../settled.ts';
import type { Settled } from '../settled.ts';
import { Problem } from '../../model/problem.ts';

interface PollView {
  readonly id: string;
  readonly what: string;
  readonly url: string;
  readonly interval_seconds: number;
  readonly last_success?: string;
  readonly last_error?: { readonly at: string; readonly detail: string };
}

interface PollResult {
  readonly pages: number;
  readonly records: number;
  readonly repeats: number;
  readonly settled: Settled;
  readonly comparison?: Readonly<Record<string, unknown>>;
}

type PollLine = { readonly id: string } & (
  | { readonly page: number; readonly records: number; readonly repeats: number }
  | { readonly say: string }
  | { readonly result: PollResult }
  | { readonly failed: Failed }
);

type Failed = { readonly detail: string; readonly retry_after_s?: number };
type End = { readonly id: string; readonly result?: PollResult; readonly failed?: Failed };

export const pollCommand: Command = {
  name: 'poll',
  help: `
Usage: custody poll [--source FAMILY[/INSTANCE]] [--once | --list] [options]

A source of the policy file with a \`poll\` is fetched from its API (custody.example.yaml has one for each). What was
fetched before is not fetched again: how far a poll is stands in the data folder, written together with its records, so
that a kill at any moment loses nothing. A server that asks for a pause (429, Retry-After) gets it; one that is away is
tried again, then named. \`custody start\` polls in the background; this command does it now, and says what it got.

  custody poll --once                                    # one round of each poll
  custody poll --once --source okta.log
  custody poll --source gitlab.audit/gitlab.acme.com     # round after round, at its interval, until Ctrl-C
  custody poll --list                                    # what is polled, and how the last rounds ended`,
  options: { source: { type: 'string' }, once: { type: 'boolean' }, list: { type: 'boolean' } },
  describe: {
    source: 'the polls of a family, or one <family>/<instance> (default: all)',
    once: 'one round, then end: exit 1 if a poll failed or a record was not accepted',
    list: 'fetch nothing: list the polls',
  },
  async run(args, context) {
    refuseArguments(args, 'poll');
    const format = formatOption(args, ['text', 'json']);
    const [isOnce, isList] = [args.values['once'] === true, args.values['list'] === true];
    if (isOnce && isList) throw new Problem('usage', 'poll takes --once or --list, not both');
    const api = await openApi(context, {});
    try {
      const { polls } = JSON.parse(await readText(await api.send('GET', '/v1/polls'))) as {
        polls: readonly PollView[];
      };
      if (isList) {
        await context.out(format === 'json' ? `${JSON.stringify({ polls })}\n` : listText(polls));
        return 0;
      }
      const round = async (source: string | undefined): Promise<readonly End[]> => {
        const ends = await pollAll(api, source, context);
        await context.out(format === 'json' ? `${JSON.stringify({ polls: ends })}\n` : ends.map(endText).join(''));
        return ends;
      };
      const ends = await round(textOption(args, 'source'));
      if (isOnce) return ends.some(isBad) ? 1 : 0;
      return await pollOn(ends, new Map(polls.map((poll) => [poll.id, poll.interval_seconds])), round);
    } finally {
      await api.close();
    }
  },
};

/** Each poll again at its own interval, for ever: one of an hour is not asked each minute because another is. */
async function pollOn(
  first: readonly End[],
  intervals: ReadonlyMap<string, number>,
  round: (id: string) => Promise<readonly End[]>,
): Promise<never> {
  const failures = new Map<string, number>();
  const due = new Map<string, number>();
  const plan = ({ id, failed }: End): void => {
    const count = failed ? (failures.get(id) ?? 0) + 1 : 0;
    failures.set(id, count);
    const everyMs = (intervals.get(id) ?? 60) * 1_000;
    const after = { failures: count, everyMs, askedS: failed?.retry_after_s, random: Math.random };
    due.set(id, performance.now() + (failed ? pauseAfter(after) : everyMs));
  };
  first.forEach(plan);
  for (;;) {
    const [id = '', at = 0] = [...due].toSorted(([, one], [, other]) => one - other)[0] ?? [];
    await sleep(Math.max(0, at - performance.now()));
    (await round(id)).forEach(plan);
  }
}

async function pollAll(api: Api, source: string | undefined, context: CommandContext): Promise<readonly End[]> {
  const path = pathWith('/v1/polls', { source });
  const ends: End[] = [];
  let progress: Progress | undefined;
  for await (const line of readLines<PollLine>(await api.send('POST', path))) {
    progress ??= createProgress(context, line.id);
    if ('say' in line) context.say(`${line.id} ${line.say}\n`);
    else if ('page' in line)
      progress.update(line.records, undefined, `page ${line.page}, ${formatCount(line.repeats)} known`);
    else {
      progress.finish('result' in line ? countOf(line.result.pages, 'page') : 'failed');
      progress = undefined;
      ends.push(line);
    }
  }
  return ends;
}

function isBad({ result, failed }: End): boolean {
  return failed !== undefined || (result !== undefined && result.settled.conflict + rejectedTotal(result.settled) > 0);
}

function endText({ id, result, failed }: End): string {
  if (!result) return `${id}: ${failed?.detail ?? 'ended without a result'}\n`;
  const { records, repeats, settled, comparison } = result;
  const compared = Object.entries(comparison ?? {}).map(([name, value]) => `${name} ${JSON.stringify(value)}`);
  return [
    `${id}: ${formatCount(records)} new, ${formatCount(repeats)} known already; ${settledText(settled).trimEnd()}\n`,
    ...(compared.length > 0 ? [`  compared with its other way: ${compared.join(', ')}\n`] : []),
  ].join('');
}

function listText(polls: readonly PollView[]): string {
  if (polls.length === 0)
    return 'Nothing is polled. Add a `poll` to a source of the policy file; custody.example.yaml shows how.\n';
  return polls
    .map(({ id, what, url, interval_seconds: every, last_success: success, last_error: error }) =>
      [
        `${id}  ${what} of ${url}, every ${every} s\n`,
        `  last success: ${success ?? 'none yet'}\n`,
        ...(error ? [`  last failure: ${error.at} ${error.detail}\n`] : []),
      ].join(''),
    )
    .join('');
}
