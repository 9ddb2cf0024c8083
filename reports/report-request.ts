import { z } from 'zod';
import { FRAMEWORK_IDS } from '../query/frameworks/registry.ts';
import { Problem } from '../model/problem.ts';
import { parseStamp } from '../model/time.ts';
import type { CheckRequest } from './build-model.ts';
import { DEFAULT_SAMPLING } from './pack/pack-model.ts';
import type { SamplingPlan } from './pack/pack-model.ts';

/** What a report is asked for. `asOf` is fixed when it is asked, so that a report that was interrupted goes on as the same. */
export interface ReportRequest extends CheckRequest {
  readonly asOf: string;
  readonly sampling: SamplingPlan;
  /** Issued reports are kept for good and never written again; all others are drafts. */
  readonly issue: boolean;
  /** Why another report follows one that was issued for the same period. */
  readonly supplement?: string;
  /** A signed checkpoint from before: the pack then holds the proof that the log was not rewritten since. */
  readonly checkpoint?: string;
  /** Who asked, by the credential. */
  readonly operator: string;
}

const MAX_PICKS = 1_000;
const time = z.string().refine((text) => parseStamp(text) !== undefined, 'must be a time with a zone');
const testId = z.templateLiteral(['T-', z.string().regex(/^\d{2}[a-z]?$/)]);
const share = z.number().gt(0).lt(1);
const samplingSchema = z.strictObject({
  phrase: z.string().min(1).max(1_000).optional(),
  risk: z.enum(['low', 'mid', 'high']).default('low'),
  sizes: z.record(testId, z.number().int().min(1).max(100_000)).default({}),
  attributes: z
    .strictObject({ confidence: share, tolerable: share, deviations: z.number().int().min(0).max(1_000) })
    .optional(),
  picks: z
    .array(z.strictObject({ test: testId, item: z.string().min(1).max(4_000) }))
    .max(MAX_PICKS)
    .default([]),
  reason: z.string().min(1).max(1_000).optional(),
});
export const reportBody = z.strictObject({
  framework: z.enum(FRAMEWORK_IDS),
  from: time,
  to: time,
  as_of: time.optional(),
  issue: z.boolean().default(false),
  supplement: z.string().min(1).max(1_000).optional(),
  sampling: samplingSchema.optional(),
  checkpoint: z.string().max(65_536).optional(),
});

/**
 * Reads the body of `POST /v1/reports`. Throws `invalid_request` naming each field that is wrong; a period that is empty;
 * a supplement that is not issued.
 */
export function readReportBody(body: unknown, now: string, operator: string): ReportRequest {
  const read = reportBody.safeParse(body);
  if (!read.success)
    throw new Problem(
      'invalid_request',
      read.error.issues.map((issue) => `${issue.path.join('.') || 'body'}: ${issue.message}`).join('; '),
    );
  const { framework, from, to, as_of: asOf = now, issue, supplement, checkpoint, sampling } = read.data;
  if (Date.parse(from) >= Date.parse(to)) throw new Problem('invalid_request', 'from must be before to');
  if (supplement !== undefined && !issue)
    throw new Problem('invalid_request', 'a supplement adds to an issued report, so it must be issued: set issue');
  return {
    framework,
    from,
    to,
    asOf,
    issue,
    operator,
    sampling: sampling === undefined ? DEFAULT_SAMPLING : withoutUndefined(sampling),
    ...(supplement === undefined ? {} : { supplement }),
    ...(checkpoint === undefined ? {} : { checkpoint }),
  };
}

// zod writes optional members as `| undefined`, which a plan does not have.
function withoutUndefined(sampling: z.output<typeof samplingSchema>): SamplingPlan {
  const entries = Object.entries(sampling).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as unknown as SamplingPlan;
}
