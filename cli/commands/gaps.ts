import type { SourceState } from '../../model/control.ts';
import { GAP_CAUSES } from '../../model/gap-cause.ts';
import type { GapStanding } from '../../model/gap-explanation.ts';
import { gapHistoryText, gapsText } from '../../query/gaps/gap-text.ts';
import { pathWith, readJson, readText } from '../api.ts';
import type { Api } from '../api.ts';
import { formatOption, periodOption, textOption, timeOption } from '../command.ts';
import type { Arguments, Command, CommandContext } from '../command.ts';
import { openApi } from '../open-api.ts';
import { idOfVerb, sendAct } from '../say-act.ts';

const SAYING = ['explain', 'confirm', 'reject', 'withdraw'] as const;
type Saying = (typeof SAYING)[number];
const VERBS: readonly string[] = ['list', 'show', ...SAYING];

export const gapsCommand: Command = {
  name: 'gaps',
  help: `
Usage: custody gaps list --from TIME --to TIME [--as-of TIME] [options]
       custody gaps show ID [--as-of TIME] [options]
       custody gaps explain ID --cause CAUSE --text TEXT --reference WHERE
       custody gaps confirm|reject ID --of EXPLANATION [--text TEXT]
       custody gaps withdraw ID --of EXPLANATION --text TEXT

A gap of a stream keeps every control test that reads the stream from a conclusion, until what is missing arrives or two
people explain why nothing of evidence is: one explains, another confirms. An explanation is bound to this one gap as it
stands; once anything of it arrives, what is left is another gap. It counts from the moment of its confirmation: a check
with an earlier --as-of does not see it. The gap stays in every report, with the words and both names; exceptions that
were found stay as well. Who somebody is comes from the credential: that needs --url and an access token of two different
people (CUSTODY_TOKEN, role manager).

What our own log lost, and what a digest of CloudTrail names, cannot be explained: there it is certain that something was
there. It has no ID, and closes only when it is delivered. So does what a bound cut off.

  custody gaps list --from 2026-07-01 --to 2026-10-01
  custody gaps explain G-hk2xq0a1m8-hk2xtzs4n4-0123456789abcdef01234567 --cause planned_stop \\
          --text 'The forge was down for its upgrade; nobody could work.' --reference CHG-1204

list gives the end of the period to a source that is silent until then: name the same period as the check.
--key TEXT names the act: the same key of the same person again is the same act, so that a command may be repeated.`,
  options: {
    from: { type: 'string' }, to: { type: 'string' }, 'as-of': { type: 'string' }, cause: { type: 'string' },
    text: { type: 'string' }, reference: { type: 'string' }, of: { type: 'string' }, key: { type: 'string' },
  },
  describe: {
    from: 'list: gaps that touch the time from this moment on',
    to: 'list: and before this moment',
    'as-of': 'list, show: what was known at this moment (default: now)',
    cause: `explain: ${GAP_CAUSES.join(', ')}`,
    text: 'what is said, in at most 4000 characters; no secrets',
    reference: 'explain: where the evidence of it is: a change, a ticket, a second pull',
    of: 'confirm, reject, withdraw: the id of the explanation',
    key: 'names the act, so that it can be sent again (Idempotency-Key)',
  },
  async run(args, context) {
    const [verb = ''] = args.positionals;
    const id = idOfVerb('gaps', VERBS, 'as custody gaps list shows it', args.positionals);
    const format = formatOption(args, ['text', 'json']);
    const api = await openApi(context, { reads: true });
    try {
      if (isSaying(verb)) return await say(api, context, args, { verb, id, format });
      if (verb === 'list') return await list(api, context, args, format);
      const path = pathWith(`/v1/gaps/${encodeURIComponent(id)}`, { as_of: timeOption(args, 'as-of'), format });
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

async function list(api: Api, context: CommandContext, args: Arguments, format: 'text' | 'json'): Promise<number> {
  const path = pathWith('/v1/sources', { ...periodOption(args, 'gaps'), as_of: timeOption(args, 'as-of') });
  const { sources } = await readJson<{ sources: readonly SourceState[] }>(await api.send('GET', path));
  const held = sources
    .filter(({ gaps }) => gaps.length > 0)
    .map(({ family, instance, gaps }) => ({ family, instance, gaps }));
  await context.out(format === 'json' ? `${JSON.stringify({ sources: held })}\n` : gapsText(held));
  return 0;
}

async function say(
  api: Api,
  context: CommandContext,
  args: Arguments,
  { verb, id, format }: { readonly verb: Saying; readonly id: string; readonly format: 'text' | 'json' },
): Promise<number> {
  const path = `/v1/gaps/${encodeURIComponent(id)}/explanations`;
  const { answer, how } = await sendAct(api, args, path, bodyOf(verb, args));
  const written = await readJson<{ id: string; standing: GapStanding }>(answer);
  await context.out(
    format === 'json'
      ? `${JSON.stringify(written)}\n`
      : `${written.id} ${how}\n${gapHistoryText(written.standing)}`,
  );
  return 0;
} // prettier-ignore

function bodyOf(verb: Saying, args: Arguments): object {
  const given = (...names: readonly string[]): object =>
    Object.fromEntries(names.map((name) => [name, textOption(args, name)]).filter(([, value]) => value !== undefined));
  switch (verb) {
    case 'explain':
      return { kind: 'explanation', ...given('cause', 'text', 'reference') };
    case 'withdraw':
      return { kind: 'withdrawal', ...given('of', 'text') };
    case 'confirm':
    case 'reject':
    default:
      return {
        kind: 'confirmation',
        decision: verb === 'confirm' ? 'confirmed' : 'rejected',
        ...given('of', 'text'),
      };
  }
}
