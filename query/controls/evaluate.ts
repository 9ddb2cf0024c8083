import { createHash } from 'node:crypto';
import type { ItemVerdict, SourceState, TestItem, TestResult, TestResultName } from '../../model/control.ts';
import { Problem } from '../../model/problem.ts';
import { formatMicros, parseStamp } from '../../model/time.ts';
import { mappingsOf } from '../frameworks/registry.ts';
import { isExplained, standingText } from '../gaps/gap-text.ts';
import type { AnyControlTest, Candidate, ControlContext } from './control-test.ts';

/**
 * Evaluates one test by the rules of controls.md 2.3: the population is fixed, sorted and hashed before the first item
 * is judged; every item gets one of four verdicts; exceptions win over everything that is undetermined, because more
 * evidence cannot take them back. Pure: the same context gives the same bytes.
 */
export function evaluateTest(
  test: AnyControlTest,
  context: ControlContext,
  sources: readonly SourceState[],
): TestResult {
  const population = sortPopulation(test.population.select(context));
  const sha256 = hashPopulation(population);
  const judged = population.map((candidate) => judge(test, candidate, context));
  const { open, explained } = gapsOf(test, context, sources);
  const counts = countVerdicts(judged);
  // A key control carries the report: no policy lets it conclude over what is undetermined (controls.md 2.4).
  const tolerated = test.key ? 0 : context.policy.parameters.undetermined_tolerance;
  const tolerance = test.undeterminedTolerance ?? tolerated;
  const { result, reason } = conclude(counts, open.length, tolerance, isObservable(test, sources));
  return {
    test: test.id,
    version: test.version,
    title: test.title,
    control: test.control,
    key: test.key,
    nature: test.nature,
    mappings: mappingsOf(test.id),
    population: {
      count: population.length,
      sha256,
      definition: test.population.definition,
      source: test.population.source,
    },
    passed: counts.pass,
    exceptions: counts.exception,
    undetermined: counts.undetermined,
    excluded: tally(judged.filter((item) => item.verdict === 'excluded').map((item) => item.attribute ?? '')),
    strata: tally(judged.flatMap((item) => item.stratum ?? [])),
    attributes: test.attributes.map(({ code, text }) => ({ code, text })),
    parameters: test.parameters(context.policy),
    minimum_link: test.minLink === 'policy' ? context.policy.parameters.minimum_link : test.minLink,
    ...(test.analytics === undefined ? {} : { analytics: test.analytics(context) }),
    result,
    reason: explained.length === 0 ? reason : `${reason} ${explainedWords(explained.length)}`,
    gaps: open,
    ...(explained.length === 0 ? {} : { explained_gaps: explained }),
    proves: test.proves,
    does_not_prove: test.doesNotProve,
    items: judged.filter((item) => item.verdict !== 'pass'),
  };
}

/** SHA-256 (hex) over the sorted canonical keys, one a line: `printf` and `sha256sum` give the same. */
export function hashPopulation(population: readonly Pick<Candidate<unknown>, 'canonical'>[]): string {
  return createHash('sha256')
    .update(population.map((candidate) => `${candidate.canonical}\n`).join(''))
    .digest('hex');
}

function sortPopulation(candidates: readonly Candidate<unknown>[]): readonly Candidate<unknown>[] {
  const unique = new Map<string, Candidate<unknown>>();
  for (const candidate of candidates) {
    if (unique.has(candidate.canonical))
      throw new Problem('internal', `a population names ${candidate.canonical} twice`);
    unique.set(candidate.canonical, candidate);
  }
  return [...unique.values()].toSorted((a, b) => (a.canonical < b.canonical ? -1 : 1));
}

function judge(test: AnyControlTest, candidate: Candidate<unknown>, context: ControlContext): TestItem {
  const stratum = test.stratumOf?.(candidate, context);
  const item = (
    verdict: ItemVerdict,
    attribute: string | undefined,
    finding: string,
    evidence: readonly string[] = [],
  ): TestItem => ({
    item: candidate.item,
    aliases: candidate.aliases,
    verdict,
    ...(attribute === undefined ? {} : { attribute }),
    at: formatMicros(candidate.at),
    finding,
    evidence: [...new Set([...candidate.evidence, ...evidence])],
    ...(stratum === undefined ? {} : { stratum }),
  });
  for (const exclusion of test.exclusions) {
    const finding = exclusion.applies(candidate, context);
    if (finding !== undefined) return item('excluded', exclusion.code, finding);
  }
  const answers = test.attributes.map((attribute) => ({ attribute, answer: attribute.check(candidate, context) }));
  const decisive =
    answers.find(({ answer }) => answer.truth === false) ?? answers.find(({ answer }) => answer.truth === 'unknown');
  if (!decisive) return item('pass', undefined, '');
  const { attribute, answer } = decisive;
  const verdict = answer.truth === false ? 'exception' : 'undetermined';
  return item(verdict, answer.code ?? attribute.code, answer.finding ?? attribute.text, answer.evidence);
}

function countVerdicts(items: readonly TestItem[]): Record<ItemVerdict, number> {
  const counts = { pass: 0, exception: 0, undetermined: 0, excluded: 0 };
  for (const item of items) counts[item.verdict]++;
  return counts;
}

/** The result of a test and why (wording: controls.md 3.5; it never says more than the items do). */
function conclude(
  counts: Record<ItemVerdict, number>,
  gaps: number,
  tolerance: number,
  observable: boolean,
): { result: TestResultName; reason: string } {
  const tested = counts.pass + counts.exception + counts.undetermined;
  const whole = tested + counts.excluded;
  if (counts.exception > 0) {
    const open =
      counts.undetermined > 0
        ? ` ${counts.undetermined} further ${counts.undetermined === 1 ? 'item is' : 'items are'} undetermined.`
        : '';
    return {
      result: 'exceptions_noted',
      reason: `Exceptions noted for ${counts.exception} of ${whole} items (${share(counts.exception, whole)} %).${open}`,
    };
  }
  if (!observable)
    return {
      result: 'not_in_scope',
      reason: 'No source that this test reads is connected. Not evidenced by this system.',
    };
  if (gaps > 0) {
    return {
      result: 'unable_to_conclude',
      reason: `Unable to conclude: ${gaps} unexplained ${gaps === 1 ? 'gap' : 'gaps'} in the streams that this test reads.`,
    };
  }
  if (counts.undetermined > tolerance) {
    return {
      result: 'unable_to_conclude',
      reason: `Unable to conclude: ${counts.undetermined} of ${whole} items are undetermined.`,
    };
  }
  if (whole === 0) {
    const reason =
      'The circumstances that call for this control did not occur in the period (population 0). Operation was not tested.';
    return { result: 'did_not_operate', reason };
  }
  if (tested === 0)
    return { result: 'did_not_operate', reason: `All ${whole} items are excluded. Operation was not tested.` };
  const open =
    counts.undetermined === 0 ? '' : ` ${counts.undetermined} of it undetermined, of ${tolerance} tolerated.`;
  return {
    result: 'no_exceptions_noted',
    reason: `No exceptions noted. The population of ${whole} was tested.${open}`,
  };
}

/** A share in percent: one digit that counts below 1 %, one decimal below 10 %. */
function share(part: number, whole: number): string {
  const percent = (100 * part) / whole;
  if (percent >= 10) return percent.toFixed(0);
  return percent >= 1 ? percent.toFixed(1) : String(Number(percent.toPrecision(1)));
}

function isObservable(test: AnyControlTest, sources: readonly SourceState[]): boolean {
  return sources.some(
    (source) => test.inputs.some((family) => family === source.family) && (source.registered || source.records > 0),
  );
}

/** The gaps that overlap what a test reads. What a bound of ours cut off is always open: no words stand for it. */
function gapsOf(
  test: AnyControlTest,
  context: ControlContext,
  sources: readonly SourceState[],
): { readonly open: readonly string[]; readonly explained: readonly string[] } {
  const inputs: readonly string[] = test.inputs;
  const cut = context.graph.findings
    .filter((finding) => finding.kind === 'cut_off')
    .map((finding) => `not everything could be loaded: ${finding.detail}`);
  const gaps = sources
    .filter((source) => inputs.includes(source.family))
    .flatMap((source) =>
      source.gaps
        .filter((gap) => micros(gap.from) < context.to && micros(gap.to) >= context.from)
        .map((gap) => {
          const said = standingText(gap.standing);
          const words = `${source.family} ${source.instance}: ${gap.from} to ${gap.to}: ${gap.reason}`;
          return { isOpen: !isExplained(gap), text: said === undefined ? words : `${words}; ${said}` };
        }),
    );
  const textsOf = (isOpen: boolean): readonly string[] =>
    gaps.filter((gap) => gap.isOpen === isOpen).map(({ text }) => text);
  return { open: [...textsOf(true), ...cut], explained: textsOf(false) };
}

function explainedWords(gaps: number): string {
  return `${gaps} ${gaps === 1 ? 'gap' : 'gaps'} in the streams that it reads ${gaps === 1 ? 'is' : 'are'} explained by people, and listed.`;
}

function micros(text: string): number {
  return parseStamp(text)?.at ?? Number.NaN;
}

function tally(names: readonly string[]): Readonly<Record<string, number>> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return Object.fromEntries([...counts].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
