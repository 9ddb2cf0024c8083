import { pathWith, readJson } from '../api.ts';
import type { Api } from '../api.ts';
import { formatOption, frameworkOption, periodOption, refuseArguments, timeOption } from '../command.ts';
import type { Command, CommandContext } from '../command.ts';
import { openApi } from '../open-api.ts';
import type { CheckResult } from '../../model/control.ts';
import { Problem } from '../../model/problem.ts';
import { backtestText } from '../../query/controls/backtest.ts';
import type { Backtest } from '../../query/controls/backtest.ts';
import type { StoredRun } from '../../query/controls/period-figures.ts';
import { compareWithStored, comparisonText } from '../../query/controls/record-check.ts';
import { checkText } from '../../query/controls/check-text.ts';

export const checkCommand: Command = {
  name: 'check',
  help: `
Usage: custody check --framework soc2|iso27001|all --from TIME --to TIME [--as-of TIME] [options]

Runs each control test over its whole population: every item passes, is an exception, or cannot be decided and says why.
--as-of shows what was known then: only what had arrived by that moment counts. The same inputs give the same bytes.
Each result is kept with its digest, where the caller may report; with --as-of it is also compared with what was kept of
the same period and as-of.
--backtest N runs the same tests over the N windows of the same length before the period, and tells what drifted.
The exit code is 1 where a test notes exceptions, cannot conclude, or differs from what was kept.

  custody check --framework soc2 --from 2026-07-01 --to 2026-10-01
  custody check --framework soc2 --from 2026-07-01 --to 2026-10-01 --as-of 2026-10-02T08:00:00Z
  custody check --framework soc2 --from 2026-09-01 --to 2026-10-01 --backtest 3`,
  options: {
    framework: { type: 'string' },
    from: { type: 'string' },
    to: { type: 'string' },
    'as-of': { type: 'string' },
    test: { type: 'string' },
    backtest: { type: 'string' },
  },
  describe: {
    framework: 'soc2, iso27001 or all',
    from: 'first moment of the period',
    to: 'first moment after the period',
    'as-of': 'what was known at this moment (default: now)',
    test: 'only these tests, such as T-01,T-09',
    backtest: 'compare with so many windows of the same length before the period',
  },
  async run(args, context) {
    refuseArguments(args, 'check');
    const format = formatOption(args, ['text', 'json']);
    const tests = args.values['test'];
    const { FRAMEWORK_IDS } = await import('../../query/frameworks/registry.ts');
    const query = {
      framework: frameworkOption(args, FRAMEWORK_IDS, 'check'),
      ...periodOption(args, 'check'),
      as_of: timeOption(args, 'as-of'),
      tests: typeof tests === 'string' ? tests : undefined,
    };
    const api = await openApi(context, { reads: true });
    try {
      const windows = args.values['backtest'];
      if (typeof windows === 'string') return await showBacktest(api, { ...query, windows }, format, context);
      const stored = query.as_of === undefined ? undefined : await readStored(api, query);
      const result = await checkAndKeep(api, query, context);
      const comparison = stored && compareWithStored(result, stored);
      // The result alone goes to stdout, so that the same inputs give the same bytes; what was kept is told beside it.
      if (comparison) context.say(comparisonText(comparison));
      await context.out(format === 'json' ? `${JSON.stringify(result)}\n` : checkText(result));
      if (comparison?.agreement === 'differs') return 1;
      return result.tests.some((test) => test.result === 'exceptions_noted' || test.result === 'unable_to_conclude')
        ? 1
        : 0;
    } finally {
      await api.close();
    }
  },
};

/** Runs the tests and has the result kept; whoever may only read gets the result alone, and is told. */
async function checkAndKeep(
  api: Api,
  query: Record<string, string | undefined>,
  context: CommandContext,
): Promise<CheckResult> {
  const path = pathWith('/v1/check', query);
  try {
    return await readJson<CheckResult>(await api.send('POST', path));
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'forbidden') throw error;
    context.say(`the result is not kept: ${error.message}\n`);
    return readJson<CheckResult>(await api.send('GET', path));
  }
}

/** What was kept of the period and as-of before this run. */
async function readStored(
  api: Api,
  { from, to, as_of }: Record<string, string | undefined>,
): Promise<readonly StoredRun[]> {
  const answer = await api.send('GET', pathWith('/v1/check/runs', { from, to, as_of }));
  return (await readJson<{ runs: readonly StoredRun[] }>(answer)).runs;
}

async function showBacktest(
  api: Api,
  query: Record<string, string | undefined>,
  format: 'text' | 'json',
  context: CommandContext,
): Promise<number> {
  const backtest = await readJson<Backtest>(await api.send('GET', pathWith('/v1/backtest', query)));
  await context.out(format === 'json' ? `${JSON.stringify(backtest)}\n` : backtestText(backtest));
  return backtest.tests.some(({ drift }) => drift.verdict === 'worse') ? 1 : 0;
}
