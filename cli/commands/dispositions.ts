import { testOfException } from '../../model/exception-id.ts';
import type { ExceptionDispositions } from '../../model/disposition.ts';
import type { CheckResult } from '../../model/control.ts';
import { Problem } from '../../model/problem.ts';
import type { StoredRun } from '../../query/controls/period-figures.ts';
import { stateText } from '../../query/dispositions/exceptions-text.ts';
import { pathWith, readJson, readText } from '../api.ts';
import type { Api } from '../api.ts';
import { formatOption, periodOption, textOption, timeOption } from '../command.ts';
import type { Arguments, Command, CommandContext } from '../command.ts';
import { openApi } from '../open-api.ts';
import { idOfVerb, sendAct } from '../say-act.ts';

const SAYING = ['respond', 'classify', 'confirm', 'reject', 'retest'] as const;
const VERBS: readonly string[] = ['list', 'show', ...SAYING];
type Saying = (typeof SAYING)[number];

export const dispositionsCommand: Command = {
  name: 'dispositions',
  help: `
Usage: custody dispositions list [--test T-01] [--from TIME] [--to TIME] [--state open|answered|classified] [options]
       custody dispositions show ID [--as-of TIME] [options]
       custody dispositions respond ID --agreement agree|partly|disagree --text TEXT
                            [--owner WHO --due DATE --severity S --control TEXT --control-evidence WHERE]
       custody dispositions classify ID --class CLASS --text TEXT [--root-cause design|operation|data|tool]
       custody dispositions confirm|reject ID --of CLASSIFICATION [--text TEXT]
       custody dispositions retest ID --from TIME --to TIME [--text TEXT]

An exception is a fact: nothing here changes or removes it, nor the result of a test. What is said of it is added, kept
for ever in the log with who said it and when, and printed beside the exception in every report from then on.

A classification (true_deviation, data_defect, mapping_defect, accepted_risk) counts when a second person has confirmed
it. Who somebody is comes from the credential: the token of a data folder names no person, so a confirmation needs
--url and an access token of two different people (CUSTODY_TOKEN, role manager). Nobody says anything of an exception
that is about himself.

retest runs the test again over a time behind the exception, and keeps what it found beside it.

  custody dispositions list --test T-01 --state open
  custody dispositions respond T-01-0123456789abcdef01234567 --agreement agree --text 'Approval came late.' --due 2026-10-31
  custody dispositions classify T-01-0123456789abcdef01234567 --class true_deviation --text 'No approval on record.'

--key TEXT names the act: the same key of the same person again is the same act, so that a command may be repeated.`,
  options: {
    test: { type: 'string' }, from: { type: 'string' }, to: { type: 'string' }, 'as-of': { type: 'string' }, state: { type: 'string' },
    limit: { type: 'string' }, after: { type: 'string' }, text: { type: 'string' }, agreement: { type: 'string' }, owner: { type: 'string' },
    due: { type: 'string' }, severity: { type: 'string' }, control: { type: 'string' }, 'control-evidence': { type: 'string' },
    class: { type: 'string' }, 'root-cause': { type: 'string' }, of: { type: 'string' }, key: { type: 'string' },
  },
  describe: {
    test: 'list: only of these tests, such as T-01,T-09',
    from: 'list: from this moment on; retest: first moment of the period',
    to: 'list: before this moment; retest: first moment behind the period',
    'as-of': 'list, show, retest: what was known at this moment (default: now)',
    state: 'list: open (no response), answered, or classified (confirmed by a second person)',
    limit: 'list: so many (default 100, at most 1000)',
    after: 'list: goes on behind this exception',
    text: 'what is said, in at most 4000 characters; no secrets',
    agreement: 'respond: whether management agrees, in part, or not',
    owner: 'respond: who sees to the correction',
    due: 'respond: the day by which it is due, such as 2026-10-31',
    severity: 'respond: low, medium, high or critical, as management sees it',
    control: 'respond: what made up for it',
    'control-evidence': 'respond: where the evidence of that is',
    class: 'classify: true_deviation, data_defect, mapping_defect or accepted_risk',
    'root-cause': 'classify: design, operation, data or tool',
    of: 'confirm, reject: the id of the classification',
    key: 'names the act, so that it can be sent again (Idempotency-Key)',
  },
  async run(args, context) {
    const [verb = ''] = args.positionals;
    const id = idOfVerb('dispositions', VERBS, 'such as T-01-0123456789abcdef01234567', args.positionals);
    const format = formatOption(args, ['text', 'json']);
    const api = await openApi(context, { reads: true });
    try {
      if (isSaying(verb)) return await say(api, context, args, { verb, id, format });
      const path =
        verb === 'show'
          ? pathWith(`/v1/exceptions/${encodeURIComponent(id)}`, { as_of: timeOption(args, 'as-of'), format })
          : pathWith('/v1/exceptions', { ...filterOf(args), format });
      const text = await readText(await api.send('GET', path));
      await context.out(text.endsWith('\n') ? text : `${text}\n`);
      return 0;
    } finally {
      await api.close();
    }
  },
}; // prettier-ignore

function isSaying(verb: string): verb is Saying {
  return (SAYING as readonly string[]).includes(verb);
}

function filterOf(args: Arguments): Readonly<Record<string, string | undefined>> {
  const names = ['test', 'state', 'limit', 'after'] as const;
  return {
    ...Object.fromEntries(names.map((name) => [name, textOption(args, name)])),
    from: timeOption(args, 'from'),
    to: timeOption(args, 'to'),
    as_of: timeOption(args, 'as-of'),
  };
}

async function say(
  api: Api,
  context: CommandContext,
  args: Arguments,
  { verb, id, format }: { readonly verb: Saying; readonly id: string; readonly format: 'text' | 'json' },
): Promise<number> {
  const body = verb === 'retest' ? await testAgain(api, id, args) : bodyOf(verb, args);
  const path = `/v1/exceptions/${encodeURIComponent(id)}/dispositions`;
  const { answer, how } = await sendAct(api, args, path, body);
  const written = await readJson<{ id: string; dispositions: ExceptionDispositions }>(answer);
  await context.out(
    format === 'json'
      ? `${JSON.stringify(written)}\n`
      : `${id}\n  ${written.id} ${how}\n  ${stateText(written.dispositions)}\n`,
  );
  return 0;
}

function bodyOf(verb: Exclude<Saying, 'retest'>, args: Arguments): object {
  const given = (names: Readonly<Record<string, string>>): object =>
    Object.fromEntries(
      Object.entries(names).flatMap(([field, option]) => {
        const value = textOption(args, option);
        return value === undefined ? [] : [[field, value]];
      }),
    );
  switch (verb) {
    case 'respond':
      return {
        kind: 'response',
        ...given({ agreement: 'agreement', text: 'text', owner: 'owner', correction_due: 'due', severity: 'severity', compensating_control: 'control', compensating_evidence: 'control-evidence' }),
      };
    case 'classify':
      return { kind: 'classification', ...given({ class: 'class', text: 'text', root_cause: 'root-cause' }) };
    case 'confirm':
    case 'reject':
    default:
      return { kind: 'confirmation', decision: verb === 'confirm' ? 'confirmed' : 'rejected', ...given({ of: 'of', text: 'text' }) };
  }
} // prettier-ignore

/** Runs the test over the period, and names the run that was kept of it. */
async function testAgain(api: Api, id: string, args: Arguments): Promise<object> {
  const period = periodOption(args, 'dispositions');
  const asOf = timeOption(args, 'as-of');
  const check = pathWith('/v1/check', { framework: 'all', ...period, as_of: asOf, tests: testOfException(id) });
  const result = await readJson<CheckResult>(await api.send('POST', check));
  const kept = pathWith('/v1/check/runs', { ...period, as_of: result.as_of });
  const { runs } = await readJson<{ runs: readonly StoredRun[] }>(await api.send('GET', kept));
  const run = runs.find(({ test }) => test === testOfException(id))?.run;
  if (run === undefined)
    throw new Problem('unavailable', 'this server keeps no results of checks, so there is none to name as a re-test');
  const text = textOption(args, 'text');
  return { kind: 'retest', run, ...(text === undefined ? {} : { text }) };
}
