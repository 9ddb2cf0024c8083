import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import {
  formatOption,
  frameworkOption,
  periodOption,
  refuseArguments,
  requiredOption,
  textOption,
  timeOption,
} from '../command.ts';
import type { Arguments, Command } from '../command.ts';
import { openApi } from '../open-api.ts';
import { reportText } from '../report-text.ts';
import { writeReport } from '../write-report.ts';
import type { WrittenReport } from '../write-report.ts';
import { Problem } from '../../model/problem.ts';

export const reportCommand: Command = {
  name: 'report',
  help: `
Usage: custody report --framework soc2|iso27001|all --from TIME --to TIME [--as-of TIME] --out DIR [options]

Runs the control tests and writes one pack a framework, as DIR/NAME.zip and unpacked as DIR/NAME: the report as PDF, every
population with its exceptions (NDJSON, CSV, spreadsheet), a sample with its worksheet, OSCAL, a page that searches it all
offline, and a signed manifest with the programs that verify it. The same log, policy and --as-of give the same bytes.

The PDF is signed inside (PAdES): issued by this service, unchanged since. Custody takes your own RSA key and certificate where
CUSTODY_REPORT_KEY_FILE (PEM, mode 0600) and CUSTODY_REPORT_CERTIFICATE_FILE (PEM, with its chain) name them; else it makes a
key and a self-signed certificate in the data folder's keys/, and the report says so.

A report is a draft until it is issued with --issue. An issued report is never written again: what came to light since
goes into a supplement, which names it and says what has changed.

Samples: a number of items by the size of the population (or --sample-size, or --confidence with --tolerable), drawn by
HMAC under a seed that nobody chose, or under the auditor's own --seed. The same seed with a larger number keeps the
smaller sample and adds to it.

  custody report --framework all --from 2026-07-01 --to 2026-10-01 --out out/
  custody report --framework soc2 --from 2026-07-01 --to 2026-10-01 --out out/ --issue
  custody report --framework soc2 --from 2026-07-01 --to 2026-10-01 --out out/ --issue --supplement 'late CloudTrail files'

The exit code is 1 where exceptions are noted or a test cannot conclude.`,
  options: {
    framework: { type: 'string' },
    from: { type: 'string' },
    to: { type: 'string' },
    'as-of': { type: 'string' },
    out: { type: 'string' },
    issue: { type: 'boolean' },
    supplement: { type: 'string' },
    seed: { type: 'string' },
    risk: { type: 'string' },
    'sample-size': { type: 'string', multiple: true },
    confidence: { type: 'string' },
    tolerable: { type: 'string' },
    deviations: { type: 'string' },
    pick: { type: 'string', multiple: true },
    reason: { type: 'string' },
    checkpoint: { type: 'string' },
  },
  describe: {
    framework: 'soc2, iso27001 or all',
    from: 'first moment of the period',
    to: 'first moment after the period',
    'as-of': 'what was known at this moment (default: now)',
    out: 'the folder to write to; it is made if it is not there',
    issue: 'issue the report: it gets a version and is kept for good',
    supplement: 'why another report follows the one that was issued',
    seed: "the auditor's phrase for the samples",
    risk: 'low, mid or high: 25, 40 or 60 items of a population over 250',
    'sample-size': 'T-01=40: so many items of a test; may be repeated',
    confidence: 'with --tolerable: sizes by attribute sampling, in percent, such as 90',
    tolerable: 'the tolerable rate in percent, such as 5',
    deviations: 'how many deviations may be found (default 0)',
    pick: 'T-01=KEY: an item of your own choice beside the drawn ones; may be repeated',
    reason: 'why samples are drawn anew, where the last report of this period drew with another seed or other sizes',
    checkpoint: 'a signed checkpoint from before: the pack proves that the log was not rewritten since',
  },
  async run(args, context) {
    refuseArguments(args, 'report');
    const { FRAMEWORK_IDS } = await import('../../query/frameworks/registry.ts');
    const framework = frameworkOption(args, FRAMEWORK_IDS, 'report');
    const frameworks = framework === 'all' ? FRAMEWORK_IDS : [framework];
    const folder = resolve(requiredOption(args, 'out', 'report'));
    const format = formatOption(args, ['text', 'json']);
    // One moment for all, so that reports made together say the same.
    const period = { ...periodOption(args, 'report'), as_of: timeOption(args, 'as-of') ?? new Date().toISOString() };
    const more = { ...period, ...issueOptions(args), ...samplingOptions(args) };
    const api = await openApi(context, { reads: true });
    try {
      const written: WrittenReport[] = [];
      for (const one of frameworks) written.push(await writeReport(api, { framework: one, ...more }, folder, context));
      await context.out(format === 'json' ? `${JSON.stringify({ reports: written })}\n` : reportText(written));
      return written.some((report) =>
        report.results.some((test) => test.exceptions + test.undetermined > 0 || test.result === 'unable_to_conclude'),
      )
        ? 1
        : 0;
    } finally {
      await api.close();
    }
  },
};

function issueOptions(args: Arguments): Readonly<Record<string, unknown>> {
  const supplement = textOption(args, 'supplement');
  const file = textOption(args, 'checkpoint');
  return {
    ...(args.values['issue'] === true ? { issue: true } : {}),
    ...(supplement === undefined ? {} : { supplement }),
    ...(file === undefined ? {} : { checkpoint: readText(file) }),
  };
}

function samplingOptions(args: Arguments): Readonly<Record<string, unknown>> {
  const confidence = numberOption(args, 'confidence');
  const tolerable = numberOption(args, 'tolerable');
  if ((confidence === undefined) !== (tolerable === undefined))
    throw new Problem('usage', '--confidence and --tolerable belong together, such as --confidence 90 --tolerable 5');
  const sizes = pairs(args, 'sample-size').map(([test, size]) => [test, Number(size)] as const);
  const picks = pairs(args, 'pick').map(([test, item]) => ({ test, item }));
  const sampling = {
    phrase: textOption(args, 'seed'),
    risk: textOption(args, 'risk'),
    reason: textOption(args, 'reason'),
    ...(sizes.length > 0 ? { sizes: Object.fromEntries(sizes) } : {}),
    ...(picks.length > 0 ? { picks } : {}),
    ...(confidence === undefined || tolerable === undefined
      ? {}
      : {
          attributes: {
            confidence: confidence / 100,
            tolerable: tolerable / 100,
            deviations: numberOption(args, 'deviations') ?? 0,
          },
        }),
  };
  return Object.values(sampling).some((value) => value !== undefined) ? { sampling } : {};
}

/** Values of the form T-01=VALUE; the value may hold further equals signs. */
function pairs(args: Arguments, name: string): readonly (readonly [string, string])[] {
  return [args.values[name] ?? []].flat().map((value) => {
    const found = /^(T-\d{2}[a-z]?)=(.+)$/s.exec(String(value));
    if (!found?.[1] || !found[2]) throw new Problem('usage', `--${name} is T-01=VALUE, not "${String(value)}"`);
    return [found[1], found[2]];
  });
}

function numberOption(args: Arguments, name: string): number | undefined {
  const value = textOption(args, name);
  if (value === undefined) return undefined;
  if (value.trim() === '' || !Number.isFinite(Number(value)))
    throw new Problem('usage', `--${name} must be a number, not "${value}"`);
  return Number(value);
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new Problem('usage', `${path} cannot be read: ${(error as Error).message}`, {}, error);
  }
}
