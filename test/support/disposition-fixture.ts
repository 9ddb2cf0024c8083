import type { ReportModel } from '../../model/control.ts';
import type { DispositionFact, ExceptionDispositions } from '../../model/disposition.ts';
import { exceptionIdOf } from '../../model/exception-id.ts';
import { emptyPolicy } from '../../model/policy.ts';
import { parseStamp } from '../../model/time.ts';
import { foldDispositions } from '../../query/dispositions/fold-dispositions.ts';
import type { DispositionAct } from '../../query/dispositions/fold-dispositions.ts';
import { createIdentities } from '../../query/identity.ts';

export const NOBODY_REGISTERED = createIdentities(emptyPolicy(), []);

/** An act of somebody at the identity provider; ids and moments are made of a number. */
export function act(number: number, who: string, said: DispositionFact, about: readonly string[] = []): DispositionAct {
  return {
    id: `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`,
    at: (parseStamp('2026-06-02T08:00:00Z')?.at ?? 0) + number * 60_000_000,
    actor: { kind: 'human', key: `idp:user:https://idp.northwind.example/${who}`, display: who },
    about,
    said,
  };
}

/** What people said of the first exception of each test of a report: all four kinds, one without effect, hostile text. */
export function makeDispositions(report: Pick<ReportModel, 'tenant' | 'tests'>): readonly ExceptionDispositions[] {
  const found = report.tests.flatMap(({ test, items }, index) => {
    const item = items.find(({ verdict }) => verdict === 'exception');
    if (!item) return [];
    const [base, of] = [index * 10, act(index * 10 + 1, '', { kind: 'retest' } as never).id];
    const acts = [
      act(base, 'mgmt', { kind: 'response', agreement: 'partly', text: '=HYPERLINK("http://evil.example","x") <b>&', severity: 'high', owner: '+owner', correction_due: '2026-07-01', compensating_control: '@review', compensating_evidence: 'https://wiki.example/\u202Ereview' }),
      act(base + 1, 'mgmt', { kind: 'classification', class: 'true_deviation', text: 'Nobody approved it.', root_cause: 'operation' }),
      act(base + 2, 'mgmt', { kind: 'confirmation', of, decision: 'confirmed' }),
      act(base + 3, 'second', { kind: 'confirmation', of, decision: 'confirmed', text: 'Seen.' }),
      act(base + 4, 'mgmt', { kind: 'retest', run: `run-${index}`, from: '2026-06-03T00:00:00.000000Z', to: '2026-06-10T00:00:00.000000Z', as_of: '2026-06-10T00:00:00.000000Z', population: 12, exceptions: 0, undetermined: 0, result: 'no_exceptions_noted', recurred: false, digest: 'a'.repeat(64) }),
    ]; // prettier-ignore
    return [foldDispositions(exceptionIdOf(report.tenant, test, item), acts, NOBODY_REGISTERED)];
  });
  return found.toSorted((a, b) => (a.exception < b.exception ? -1 : 1));
}
