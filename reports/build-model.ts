import type { Chain } from '../model/chain.ts';
import type { CheckResult, FrameworkId, ReportModel, TestId, TestResult } from '../model/control.ts';
import type { ExceptionDispositions } from '../model/disposition.ts';
import { exceptionIdOf } from '../model/exception-id.ts';

/** What building needs from outside: functions, so that it works in a process as over HTTP. */
export interface ModelSources {
  /** Runs the tests that are mapped to a framework; the answer of `GET /v1/check`. */
  check(request: CheckRequest): Promise<CheckResult>;
  /** The chain of a key as of a moment; undefined if the key is in no chain. The answer of `GET /v1/trace`. */
  trace(key: string, asOf: string): Promise<Chain | undefined>;
  /** What was said of exceptions by a moment; of those of which nothing was said there is none. Absent: nobody can say anything. */
  dispositions?(ids: readonly string[], asOf: string): Promise<readonly ExceptionDispositions[]>;
}

export interface CheckRequest {
  readonly framework: FrameworkId;
  /** `[from, to)`, RFC 3339 UTC. */
  readonly from: string;
  readonly to: string;
  readonly asOf?: string;
}

export interface ModelOptions {
  readonly organisation: string;
  readonly status?: 'draft' | 'issued';
  readonly version?: string;
  /** The most chains that get a page; the exceptions beyond them are listed without one, and the report says so. */
  readonly maxChains?: number;
  readonly onProgress?: (done: number, total: number) => void;
}

const DEFAULT_MAX_CHAINS = 500;

/**
 * Assembles what a report shows: the result of the check, the tests that bear on this framework in the order of their
 * ids, and the chain behind each exception. Chains are asked for one after the other, in the order in which they are
 * printed; an item asked for once is not asked for again.
 */
export async function buildModel(
  sources: ModelSources,
  request: CheckRequest,
  options: ModelOptions,
): Promise<ReportModel> {
  const check = await sources.check(request);
  const tests = check.tests
    .filter((test) => test.mappings.some((mapping) => mapping.framework === request.framework))
    .toSorted((a, b) => (a.test < b.test ? -1 : a.test > b.test ? 1 : 0));
  const exceptions = tests.flatMap((test) =>
    test.items.filter((item) => item.verdict === 'exception').map((item) => ({ test: test.test, item: item.item })),
  );
  const chains = await traceExceptions(sources, exceptions, check.as_of, options);
  const dispositions = await readDispositions(sources, check.tenant, tests, check.as_of);
  return {
    ...check,
    frameworks: [request.framework],
    tests,
    framework: request.framework,
    organisation: options.organisation,
    ...(options.status === undefined ? {} : { status: options.status }),
    ...(options.version === undefined ? {} : { version: options.version }),
    chains,
    ...(dispositions.length === 0 ? {} : { dispositions }),
  };
}

async function readDispositions(
  sources: ModelSources,
  tenant: string,
  tests: readonly TestResult[],
  asOf: string,
): Promise<readonly ExceptionDispositions[]> {
  const ids = tests.flatMap(({ test, items }) =>
    items.flatMap((item) => (item.verdict === 'exception' ? [exceptionIdOf(tenant, test, item)] : [])),
  );
  const found = ids.length === 0 ? [] : ((await sources.dispositions?.([...new Set(ids)], asOf)) ?? []);
  return found.toSorted((a, b) => (a.exception < b.exception ? -1 : 1));
}

async function traceExceptions(
  sources: ModelSources,
  exceptions: readonly { test: TestId; item: string }[],
  asOf: string,
  options: ModelOptions,
): Promise<ReportModel['chains']> {
  const most = options.maxChains ?? DEFAULT_MAX_CHAINS;
  const known = new Map<string, Chain | undefined>();
  const printed = new Set<string>();
  const chains: { item: string; test: TestId; chain: Chain }[] = [];
  for (const [i, { test, item }] of exceptions.entries()) {
    if (!known.has(item) && printed.size < most) known.set(item, await sources.trace(item, asOf));
    const chain = known.get(item);
    if (chain && (printed.has(chain.id) || printed.size < most)) {
      printed.add(chain.id);
      chains.push({ item, test, chain });
    }
    options.onProgress?.(i + 1, exceptions.length);
  }
  return chains;
}
