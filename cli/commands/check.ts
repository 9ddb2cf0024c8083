import { pathWith, readJson } from '../api.ts';
import { formatOption, frameworkOption, periodOption, refuseArguments, timeOption } from '../command.ts';
import type { Command } from '../command.ts';
import { openApi } from '../open-api.ts';
import { FRAMEWORK_IDS } from '../../query/frameworks/registry.ts';
import type { CheckResult } from '../../model/control.ts';
import { checkText } from '../../query/controls/check-text.ts';

export const checkCommand: Command = {
  name: 'check',
  summary: 'run the control tests over a period',
  help: `
Usage: custody check --framework soc2|iso27001|all --from TIME --to TIME [--as-of TIME] [options]

Runs each control test over its whole population: every item passes, is an exception, or cannot be decided and says why.
--as-of shows what was known then: only what had arrived by that moment counts. The same inputs give the same bytes.
The exit code is 1 where a test notes exceptions or cannot conclude.

  custody check --framework soc2 --from 2026-07-01 --to 2026-10-01`,
  options: {
    framework: { type: 'string' },
    from: { type: 'string' },
    to: { type: 'string' },
    'as-of': { type: 'string' },
    test: { type: 'string' },
  },
  describe: {
    framework: 'soc2, iso27001 or all',
    from: 'first moment of the period',
    to: 'first moment after the period',
    'as-of': 'what was known at this moment (default: now)',
    test: 'only these tests, such as T-01,T-09',
  },
  async run(args, context) {
    refuseArguments(args, 'check');
    const format = formatOption(args, ['text', 'json']);
    const tests = args.values['test'];
    const query = {
      framework: frameworkOption(args, FRAMEWORK_IDS, 'check'),
      ...periodOption(args, 'check'),
      as_of: timeOption(args, 'as-of'),
      tests: typeof tests === 'string' ? tests : undefined,
    };
    const api = await openApi(context, { reads: true });
    try {
      const result = await readJson<CheckResult>(await api.send('GET', pathWith('/v1/check', query)));
      await context.out(format === 'json' ? `${JSON.stringify(result)}\n` : checkText(result));
      return result.tests.some((test) => test.result === 'exceptions_noted' || test.result === 'unable_to_conclude')
        ? 1
        : 0;
    } finally {
      await api.close();
    }
  },
};
