import type { FastifyPluginAsync } from 'fastify';
import { z } from 'zod';
import type { CheckResult, TestId } from '../../model/control.ts';
import { Problem } from '../../model/problem.ts';
import { parseStamp } from '../../model/time.ts';
import type { Micros } from '../../model/time.ts';
import { FRAMEWORK_IDS, HELD_FRAMEWORKS } from '../frameworks/registry.ts';
import { CATALOGUE, catalogueVersion, describeTest, findTest } from './catalogue.ts';
import { findRunsOf } from '../../store/queries/find-check-runs.ts';
import { runBacktest } from './backtest.ts';
import type { CheckRequest } from './check-graph.ts';
import { storedRunOf } from './load-figures.ts';
import type { StoredRun } from './period-figures.ts';
import { runCheck } from './run-check.ts';
import type { CheckDeps } from './run-check.ts';

export interface ControlsApiDeps extends CheckDeps {
  /** The moment of the request, microseconds UTC: the as-of where none is asked for. */
  now(): Micros;
  /** Keeps what a check gave; rejects if it cannot. Absent: this process only reads, and refuses to keep anything. */
  readonly record?: ((result: CheckResult, request: CheckRequest) => Promise<void>) | undefined;
  /** Throws a Problem unless the Authorization header allows to keep a result: to read is not enough. */
  readonly mayKeep: (authorization: string | undefined) => Promise<unknown>;
}

const instant = z.string().transform((text, context): Micros => {
  const stamp = parseStamp(text);
  if (stamp) return stamp.at;
  context.addIssue({ code: 'custom', message: 'must be a time with a zone, such as 2026-01-31T00:00:00Z' });
  return z.NEVER;
});
const testId = z.string().regex(/^T-\d{2}[a-z]?$/, 'must be the id of a test, such as T-01');
const periodQuery = z.strictObject({ from: instant, to: instant, as_of: instant.optional() });
const testsList = z
  .string()
  .max(1_000)
  .transform((text) => text.split(','))
  .pipe(z.array(testId));
const checkQuery = periodQuery.extend({ framework: z.enum([...FRAMEWORK_IDS, 'all']), tests: testsList.optional() });
const backtestQuery = checkQuery.extend({ windows: z.coerce.number().int() });
const runsQuery = z.strictObject({ from: instant, to: instant, as_of: instant });

/**
 * `GET /v1/controls` (the catalogue and the frameworks), `/v1/controls/{test}?from&to&as_of` (one test over a period),
 * `/v1/check?framework&from&to&as_of&tests` (all tests of a framework), `/v1/check/runs?from&to&as_of` (what is kept of a
 * period and as-of) and `/v1/backtest?...&windows` (the same tests over windows before). None of them changes anything:
 * `POST /v1/check?...` runs the same tests and keeps what they give. Problems are thrown for the app to answer.
 */
export function createControlsApi(deps: ControlsApiDeps): FastifyPluginAsync {
  return async (app) => {
    app.get('/v1/controls', () => ({
      catalogue_version: catalogueVersion(),
      tests: CATALOGUE.map(describeTest),
      frameworks: HELD_FRAMEWORKS,
    }));

    app.get<{ Params: { test: string } }>('/v1/controls/:test', (request) => {
      const test = findTest(request.params.test);
      if (!test)
        throw new Problem('not_found', `there is no control test ${JSON.stringify(request.params.test.slice(0, 40))}`);
      if (Object.keys(request.query as object).length === 0) return describeTest(test);
      const { from, to, as_of: asOf } = parse(periodQuery, request.query);
      return runCheck(deps, { framework: 'all', from, to, asOf: asOf ?? deps.now(), tests: [test.id] });
    });

    app.get('/v1/check', (request) => runCheck(deps, readCheck(parse(checkQuery, request.query), deps)));

    app.post('/v1/check', {
      onRequest: async (request) => void (await deps.mayKeep(request.headers.authorization)),
      handler: (request) => checkAndKeep(deps, readCheck(parse(checkQuery, request.query), deps)),
    });

    app.get('/v1/check/runs', (request) => readRuns(deps, parse(runsQuery, request.query)));

    app.get('/v1/backtest', (request) => {
      const { windows, ...query } = parse(backtestQuery, request.query);
      return runBacktest(readCheck(query, deps), windows, (window) => runCheck(deps, window));
    });

    await Promise.resolve();
  };
}

async function checkAndKeep(deps: ControlsApiDeps, request: CheckRequest): Promise<CheckResult> {
  const { record } = deps;
  if (!record)
    throw new Problem(
      'forbidden',
      'This process only reads its store and keeps no results. GET /v1/check answers the same.',
    );
  const result = await runCheck(deps, request);
  await record(result, request);
  return result;
}

async function readRuns(
  { reader, policy }: ControlsApiDeps,
  { as_of: asOf, ...period }: z.output<typeof runsQuery>,
): Promise<{ readonly runs: readonly StoredRun[] }> {
  const rows = await reader.read(findRunsOf(policy.tenant, { ...period, asOf }));
  return { runs: rows.map(storedRunOf) };
}

function readCheck(
  { framework, from, to, as_of: asOf, tests }: z.output<typeof checkQuery>,
  deps: ControlsApiDeps,
): CheckRequest {
  const chosen = tests as readonly TestId[] | undefined;
  return { framework, from, to, asOf: asOf ?? deps.now(), ...(chosen === undefined ? {} : { tests: chosen }) };
}

function parse<Value>(schema: z.ZodType<Value>, input: unknown): Value {
  const read = schema.safeParse(input);
  if (read.success) return read.data;
  const faults = read.error.issues.map((issue) => `${issue.path.join('.') || 'query'}: ${issue.message}`);
  throw new Problem('invalid_request', faults.join('; '), { faults });
}
