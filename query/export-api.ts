import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { Problem } from '../model/problem.ts';
import { formatMicros } from '../model/time.ts';
import type { StoredEvent } from '../store/stored-event.ts';
import { exportQuery, read } from './api-schemas.ts';
import { exportLine } from './export/columns.ts';
import { parquetBytes } from './export/parquet.ts';
import { openExport } from './export/read-export.ts';
import { TOTAL_HEADER } from './export/total-header.ts';
import { parseFilter } from './filter.ts';
import { createIdentities } from './identity.ts';
import type { Identities } from './identity.ts';
import { toOcsf } from './ocsf/to-ocsf.ts';
import type { QueryApiDeps } from './query-api.ts';

const KINDS = {
  ocsf: { type: 'application/x-ndjson', ending: 'ocsf.ndjson' },
  ndjson: { type: 'application/x-ndjson', ending: 'ndjson' },
  parquet: { type: 'application/vnd.apache.parquet', ending: 'parquet' },
} as const;

/** Exports that may run at once; each holds a page of events and keeps a reader busy. */
const MAX_AT_ONCE = 4;

/**
 * `GET /v1/export?format=ocsf|ndjson|parquet&from&to&where&as_of`: every accepted event of the period in order of time, as
 * a stream without a limit. Without `as_of` it is what was received until now. A body that ends early is cut off, not
 * short: its transfer is then not completed.
 */
export function addExportRoute(app: FastifyInstance, deps: QueryApiDeps): void {
  const identities = createIdentities(deps.policy, []);
  let running = 0;
  app.get('/v1/export', async (request, reply) => {
    const { format, from, to, where, as_of: asked } = read(exportQuery, request.query);
    if (from >= to)
      throw new Problem('invalid_request', `from (${formatMicros(from)}) must lie before to (${formatMicros(to)}).`);
    const filter = parseFilter(where ?? '');
    if (running >= MAX_AT_ONCE)
      throw new Problem(
        'too_many_requests',
        `${MAX_AT_ONCE} exports are running already; try again when one has ended.`,
      );
    running += 1;
    let isOver = false;
    const end = (): void => {
      if (!isOver) running -= 1;
      isOver = true;
    };
    try {
      const asOf = asked ?? Date.now() * 1_000;
      const { total, pages } = await openExport(deps.reader, deps.policy, { from, to, filter, asOf });
      const bytes = format === 'parquet' ? parquetBytes(pages, identities) : lines(pages, format, deps, identities);
      const body = Readable.from(bytes, { objectMode: false }).on('close', end);
      const name = `custody-${formatMicros(from).slice(0, 10)}-${formatMicros(to).slice(0, 10)}.${KINDS[format].ending}`;
      return await reply
        .type(KINDS[format].type)
        .header(TOTAL_HEADER, String(total))
        .header('content-disposition', `attachment; filename="${name}"`)
        .header('x-content-type-options', 'nosniff')
        .send(body);
    } catch (error) {
      end();
      throw error;
    }
  });
}

async function* lines(
  pages: AsyncIterable<readonly StoredEvent[]>,
  format: 'ocsf' | 'ndjson',
  deps: QueryApiDeps,
  identities: Identities,
): AsyncGenerator<string, void, undefined> {
  const line =
    format === 'ndjson'
      ? (event: StoredEvent): string => exportLine(event, identities)
      : (event: StoredEvent): string => `${JSON.stringify(toOcsf(event, deps.policy.tenant))}\n`;
  for await (const page of pages) yield page.map(line).join('');
}
