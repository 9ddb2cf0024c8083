import type { Chain } from '../model/chain.ts';
import type { ExceptionDispositions } from '../model/disposition.ts';
import { Problem } from '../model/problem.ts';
import { buildModel } from './build-model.ts';
import { alreadyIssued, supplementTo } from './issued.ts';
import type { IssuedReport } from './issued.ts';
import type { PackLedger } from './pack/ledger-files.ts';
import type { PackModel, SamplingPlan } from './pack/pack-model.ts';
import type { PackCheck } from './pack/populations.ts';
import type { ReportRequest } from './report-request.ts';
import type { PdfSigner } from './sign/signer.ts';
import { canonicalJson } from '../model/canonical-json.ts';

/** What building a pack needs from outside. */
export interface PackSources {
  check(request: ReportRequest): Promise<PackCheck>;
  /** The chain of a key as of a moment; undefined if the key is in no chain. */
  trace(key: string, asOf: string): Promise<Chain | undefined>;
  /** What was said of exceptions by a moment. */
  dispositions?(ids: readonly string[], asOf: string): Promise<readonly ExceptionDispositions[]>;
  /** The signed log, as far as it matters to the request. */
  ledger(request: ReportRequest): Promise<PackLedger | undefined>;
  /** Who signs the PDF. */
  signer?(): Promise<PdfSigner | undefined>;
}

export interface BuildOptions {
  readonly organisation: string;
  readonly version: string;
  /** The report that was issued for this period, if one was. */
  readonly issued: IssuedReport | undefined;
  readonly onProgress: (stage: string, done: number, total: number) => void;
  readonly signal: AbortSignal;
}

/**
 * Puts together everything a pack shows. An issued report gets the next version of its period; where one was issued
 * before, this one must be a supplement (`conflict` otherwise). A sample that is drawn by another plan than before is
 * drawn again, and carries the reason of the supplement.
 */
export async function buildPack(
  sources: PackSources,
  request: ReportRequest,
  options: BuildOptions,
): Promise<PackModel> {
  const { issued, onProgress, signal } = options;
  refuseOverwriting(request, issued);
  // First, for a key that cannot sign should not cost the reader the time of all the tests.
  const signer = await sources.signer?.();
  onProgress('testing', 0, 0);
  const { check, populations, figures } = await sources.check(request);
  signal.throwIfAborted();
  const report = await buildModel(
    {
      check: () => Promise.resolve(check),
      trace(key, asOf) {
        signal.throwIfAborted();
        return sources.trace(key, asOf);
      },
      dispositions: (ids, asOf) => sources.dispositions?.(ids, asOf) ?? Promise.resolve([]),
    },
    request,
    {
      organisation: options.organisation,
      ...(request.issue ? { status: 'issued', version: String(Number(issued?.version ?? '0') + 1) } : {}),
      onProgress: (done, total) => onProgress('tracing exceptions', done, total),
    },
  );
  const supplement =
    request.supplement === undefined || !issued ? undefined : supplementTo(issued, request.supplement, report.tests);
  const ledger = await sources.ledger(request);
  return {
    report: { ...report, figures, ...(supplement === undefined ? {} : { supplement_to: supplement }) },
    origin: { version: options.version, operator: request.operator },
    populations,
    sampling: samplingOf(request, issued),
    ...(ledger === undefined ? {} : { ledger }),
    ...(signer === undefined ? {} : { signer }),
  };
}

/** Throws `conflict` if a report was issued for the period and this request would issue another that is no supplement. */
export function refuseOverwriting(request: ReportRequest, issued: IssuedReport | undefined): void {
  if (request.issue && issued && request.supplement === undefined) throw alreadyIssued(issued);
  if (request.supplement !== undefined && !issued)
    throw new Problem(
      'invalid_request',
      'There is no issued report of this framework and period to add to. Issue one first.',
    );
}

function samplingOf(request: ReportRequest, issued: IssuedReport | undefined): SamplingPlan {
  const { sampling, supplement } = request;
  const { reason: _reason, ...before } = issued?.sampling ?? sampling;
  const { reason, ...now } = sampling;
  const isSame = canonicalJson(before) === canonicalJson(now);
  const why = reason ?? (isSame ? undefined : supplement);
  return why === undefined ? now : { ...now, reason: why };
}
