import type { FastifyPluginAsync } from 'fastify';
import { z } from 'zod';
import type { TestId } from '../../model/control.ts';
import { Problem } from '../../model/problem.ts';
import { parseStamp } from '../../model/time.ts';
import type { Micros } from '../../model/time.ts';
import { FRAMEWORK_IDS, HELD_FRAMEWORKS } from '../frameworks/registry.ts';
import { CATALOGUE, catalogueVersion, describeTest, findTest } from './catalogue.ts';
import { runCheck } from './run-check.ts';
import type { CheckDeps } from './run-check.ts';

export interface ControlsApiDeps extends CheckDeps {
  /** The moment of the request, microseconds UTC: the as-of where none is asked for. */
  now(): Micros;
}

const instant = z.string().transform((text, context): Micros => {
  const stamp = parseStamp(text);
  if (stamp) return stamp.at;
  context.addIssue({ code: 'custom', message: 'must be a time with a zone, such as 2026-01-31T00:00:00Z' });
  return z.NEVER;
});
const testId = z.string().regex(/^T-\d{2}[a-z]?$/, 'must be the id of a test, such as T-01');
const periodQuery = z.strictObject({ from: instant, to: instant, as_of: instant.optional() });
const checkQuery = periodQuery.extend({
  framework: z.enum([...FRAMEWORK_IDS, 'all']),
  tests: z
    .string()
    .max(1_000)
    .transform((text) => text.split(','))
    .pipe(z.array(testId))
    .optional(),
});

/**
 * `GET /v1/controls` (the catalogue and the frameworks), `/v1/controls/{test}?from&to&as_of` (one test over a period)
 * and `/v1/check?framework&from&to&as_of&tests` (all tests of a framework). Problems are thrown for the app to answer.
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

    app.get('/v1/check', (request) => {
      const { framework, from, to, as_of: asOf, tests } = parse(checkQuery, request.query);
      const chosen = tests as readonly TestId[] | undefined;
      return runCheck(deps, {
        framework,
        from,
        to,
        asOf: asOf ?? deps.now(),
        ...(chosen === undefined ? {} : { tests: chosen }),
      });
    });

    await Promise.resolve();
  };
}

function parse<Value>(schema: z.ZodType<Value>, input: unknown): Value {
  const read = schema.safeParse(input);
  if (read.success) return read.data;
  const faults = read.error.issues.map((issue) => `${issue.path.join('.') || 'query'}: ${issue.message}`);
  throw new Problem('invalid_request', faults.join('; '), { faults });
}
