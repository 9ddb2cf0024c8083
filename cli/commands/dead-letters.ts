import type { ReplayResult } from '../../model/dead-letter.ts';
import { Problem } from '../../model/problem.ts';
import { pathWith, readText } from '../api.ts';
import type { Api } from '../api.ts';
import { formatOption, textOption, timeOption } from '../command.ts';
import type { Arguments, Command, CommandContext } from '../command.ts';
import { openApi } from '../open-api.ts';
import { createProgress } from '../progress.ts';

const FILTERS = ['source', 'instance', 'reason', 'offset', 'replay'] as const;

export const deadLettersCommand: Command = {
  name: 'dead-letters',
  help: `
Usage: custody dead-letters list [filters] [--limit N] [--cursor TEXT] [options]
       custody dead-letters show ID [options]
       custody dead-letters replay ID... | filters | --all [--dry-run] [options]

A record that cannot be understood is not dropped: it is kept with the reason, and announced on the dead-letter topic of
the log. Once the cause is mended (the policy file, an adapter by an upgrade) it can be replayed: its bytes are appended
again, as a new record that names the old one, and derived anew. The old record stays as it is. What would be refused
again, or was replayed with success, is left alone, so a replay may be repeated at will.

  custody dead-letters list --source okta.log --reason bad_timestamp
  custody dead-letters show okta.log/0/17
  custody dead-letters replay --source gitlab.audit --from 2026-07-01 --dry-run

Ends with 1 where letters remain that could not be accepted.`,
  options: {
    source: { type: 'string' },
    instance: { type: 'string' },
    reason: { type: 'string' },
    from: { type: 'string' },
    to: { type: 'string' },
    offset: { type: 'string' },
    replay: { type: 'string' },
    limit: { type: 'string' },
    cursor: { type: 'string' },
    all: { type: 'boolean' },
    'dry-run': { type: 'boolean' },
  },
  describe: {
    source: 'filter: a source (gitlab.audit-stream) or a family (gitlab.audit)',
    instance: 'filter: the installation that sent it',
    reason: 'filter: why it was rejected, such as bad_timestamp',
    from: 'filter: received then or later',
    to: 'filter: received before',
    offset: 'filter: place in the log, 17 or 17..20',
    replay: 'filter: none, accepted, duplicate, conflict or rejected, by the best replay so far',
    limit: 'list: how many at most (default 100)',
    cursor: 'list: where an earlier list said it goes on',
    all: 'replay: every dead letter there is',
    'dry-run': 'replay: only say what would be done',
  },
  async run(args, context) {
    const [verb, ...ids] = args.positionals;
    const format = formatOption(args, ['text', 'json']);
    if (verb === undefined || !['list', 'show', 'replay'].includes(verb))
      throw new Problem('usage', 'dead-letters needs list, show or replay. See: custody dead-letters --help');
    if (verb === 'list' && ids.length > 0)
      throw new Problem('usage', `dead-letters list takes filters, not "${ids[0]}". See: custody dead-letters --help`);
    if (verb === 'show' && ids.length !== 1)
      throw new Problem('usage', 'dead-letters show takes one ID, such as okta.log/0/17');
    const filter = filterOf(args);
    if (verb === 'replay') checkSelection(args, ids, filter);
    const api = await openApi(context, { reads: true });
    try {
      if (verb === 'replay') return await replay(api, context, args, { ids, filter, format });
      const page = { limit: textOption(args, 'limit'), cursor: textOption(args, 'cursor') };
      const path =
        verb === 'show'
          ? pathWith(`/v1/dead-letters/${(ids[0] ?? '').split('/').map(encodeURIComponent).join('/')}`, { format })
          : pathWith('/v1/dead-letters', { ...filter, ...page, format });
      const text = await readText(await api.send('GET', path));
      await context.out(text.endsWith('\n') ? text : `${text}\n`);
      return 0;
    } finally {
      await api.close();
    }
  },
};

type Filter = Readonly<Record<string, string | undefined>>;

function filterOf(args: Arguments): Filter {
  const given = FILTERS.map((name) => [name, textOption(args, name)] as const);
  return { ...Object.fromEntries(given), from: timeOption(args, 'from'), to: timeOption(args, 'to') };
}

function checkSelection(args: Arguments, ids: readonly string[], filter: Filter): void {
  const isFiltered = Object.values(filter).some((value) => value !== undefined);
  const ways = [ids.length > 0, isFiltered, args.values['all'] === true].filter(Boolean).length;
  if (ways !== 1) throw new Problem('usage', 'dead-letters replay takes IDs, or filters, or --all: one of the three');
}

const IDS_A_CALL = 200;
/** What needs a person's look afterwards. */
const OPEN: ReadonlySet<string> = new Set(['rejected', 'still_rejected', 'conflict', 'not_found']);

async function replay(
  api: Api,
  context: CommandContext,
  args: Arguments,
  { ids, filter, format }: { ids: readonly string[]; filter: Filter; format: 'text' | 'json' },
): Promise<number> {
  const progress = createProgress(context, 'replaying');
  const results: ReplayResult[] = [];
  const shared = { dry_run: args.values['dry-run'] === true };
  const call = async (body: object): Promise<string | null> => {
    const answer = await api.send('POST', '/v1/dead-letters/replay', { body: JSON.stringify({ ...body, ...shared }), type: 'application/json' });
    const page = JSON.parse(await readText(answer)) as { results: ReplayResult[]; next: string | null };
    results.push(...page.results);
    progress.update(results.length, undefined, 'letters');
    return page.next;
  }; // prettier-ignore
  for (let at = 0; at < ids.length; at += IDS_A_CALL) await call({ ids: ids.slice(at, at + IDS_A_CALL) });
  const selection = args.values['all'] === true ? { all: true } : filter;
  for (let cursor: string | null = ids.length > 0 ? null : ''; cursor !== null;)
    cursor = await call({ ...selection, ...(cursor === '' ? {} : { cursor }) });
  progress.finish('done');
  await context.out(
    format === 'json' ? `${JSON.stringify({ counts: countOf(results), results })}\n` : replayText(results),
  );
  return results.some(({ outcome }) => OPEN.has(outcome)) ? 1 : 0;
}

function replayText(results: readonly ReplayResult[]): string {
  if (results.length === 0) return 'No dead letter matches: nothing was replayed.\n';
  const lines = results.map(({ id, outcome, detail }) => `${id.padEnd(28)}  ${outcome}\n    ${detail}\n`);
  const counts = Object.entries(countOf(results)).map(([outcome, count]) => `${count} ${outcome}`);
  return `${lines.join('')}\n${results.length} letters: ${counts.join(', ')}\n`;
}

function countOf(results: readonly ReplayResult[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { outcome } of results) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}
