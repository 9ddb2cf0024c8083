import { Problem } from '../model/problem.ts';
import type { Policy } from '../model/policy.ts';
import { formatMicros, parseStamp } from '../model/time.ts';
import type { Micros } from '../model/time.ts';
import { createDispositionReader } from '../query/dispositions/read-dispositions.ts';
import { createTracer } from '../query/trace.ts';
import { buildPack } from '../reports/build-pack.ts';
import type { PackSources } from '../reports/build-pack.ts';
import type { BuildJob } from '../reports/make-report.ts';
import { runPackCheck } from '../reports/pack/populations.ts';
import type { PdfSigner } from '../reports/sign/signer.ts';
import type { Reader } from '../store/query.ts';
import { ledgerOf } from './check-ledger.ts';
import type { LogHolder } from './log-holder.ts';
import { readPackLedger } from './pack-ledger.ts';
import type { RecordCheck } from './record-checks.ts';

export interface PackBuildDeps {
  readonly policy: Policy;
  readonly version: string;
  readonly holder: LogHolder;
  /** Where the user of the store may not keep results the pack holds them itself. */
  readonly record: RecordCheck | undefined;
  readonly pdfSigner?: (() => Promise<PdfSigner>) | undefined;
}

/** How the report jobs of this process make a model: from the store, as of the moment of the request. */
export function createPackBuild(deps: PackBuildDeps, reader: Reader): BuildJob {
  const sources = packSources(deps, reader);
  const organisation = deps.policy.organisation ?? deps.policy.tenant;
  return (request, issued, onProgress, signal) =>
    buildPack(sources, request, { organisation, version: deps.version, issued, onProgress, signal });
}

function packSources({ policy, holder, record, pdfSigner }: PackBuildDeps, reader: Reader): PackSources {
  const tracer = createTracer(reader, policy);
  const said = createDispositionReader(reader, policy);
  return {
    async check({ framework, from, to, asOf }) {
      await holder.sealed();
      const period = { from: microsOf(from), to: microsOf(to), asOf: microsOf(asOf) };
      const pack = await runPackCheck(
        { reader, policy, ledger: ledgerOf(reader, policy, holder) },
        { framework, ...period },
      );
      await record?.(pack.check, { framework, ...period }).catch(ifNotAllowed);
      return pack;
    },
    async trace(key, asOf) {
      try {
        return await tracer.trace(key, microsOf(asOf));
      } catch (error) {
        // An item may be in no chain at all (that can be the exception): then it has no page.
        if (error instanceof Problem && (error.code === 'not_found' || error.code === 'invalid_request'))
          return undefined;
        throw error;
      }
    },
    async dispositions(ids, asOf) {
      return [...(await said.of(ids, microsOf(asOf))).values()];
    },
    signer: () => pdfSigner?.() ?? Promise.resolve(undefined),
    ledger: ({ asOf, checkpoint }) =>
      readPackLedger({ reader, tenant: policy.tenant, holder }, Math.floor(microsOf(asOf) / 1_000), checkpoint),
  };
}

function ifNotAllowed(error: unknown): void {
  if (!(error instanceof Problem) || error.code !== 'forbidden') throw error;
}

function microsOf(text: string): Micros {
  const stamp = parseStamp(text);
  if (!stamp)
    throw new Problem(
      'invalid_request',
      `"${text.slice(0, 40)}" is not a time with a zone, such as ${formatMicros(0)}`,
    );
  return stamp.at;
}
