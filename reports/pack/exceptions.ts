import type { ExceptionDispositions } from '../../model/disposition.ts';
import { exceptionIdOf } from '../../model/exception-id.ts';
import type { ReportModel, TestId } from '../../model/control.ts';
import { nameOf, saidText } from '../../query/dispositions/exceptions-text.ts';
import type { CellValue } from './csv.ts';
import type { PopulationRow } from './pack-model.ts';
import { POPULATION_LAYOUT } from './rows.ts';
import type { Layout } from './rows.ts';

/** An exception with its id and, where anything was said of it, all of that. */
export interface ExceptionRow extends PopulationRow {
  readonly exception_id: string;
  readonly dispositions?: ExceptionDispositions;
}

/** What people said of the exceptions of a report, by the id of the exception. */
export type SaidOf = (test: TestId, row: Pick<PopulationRow, 'item' | 'attribute' | 'at'>) => Said;
export interface Said {
  readonly exception_id: string;
  readonly dispositions?: ExceptionDispositions;
}

/** Looks up what a report holds of an exception; the index is made once. */
export function saidOf(report: Pick<ReportModel, 'tenant' | 'dispositions'>): SaidOf {
  const byId = new Map((report.dispositions ?? []).map((one) => [one.exception, one]));
  return (test, row) => {
    const id = exceptionIdOf(report.tenant, test, row);
    const dispositions = byId.get(id);
    return { exception_id: id, ...(dispositions === undefined ? {} : { dispositions }) };
  };
}

/** The words of management and of the second person that stand now, as columns beside an exception. Empty where nobody spoke. */
export const STANDING_COLUMNS = [
  'class', 'class_state', 'classified_by', 'confirmed_by', 'severity', 'root_cause', 'compensating_control', 'owner', 'correction_due',
  'management_response', 'response_by', 'response_date', 're_test',
] as const; // prettier-ignore

/** The cells of those columns. */
export function standingCells(said: ExceptionDispositions | undefined): readonly CellValue[] {
  if (!said) return STANDING_COLUMNS.map(() => '');
  const { classification, response, retest } = said;
  const answer = response?.disposition.kind === 'response' ? response.disposition : undefined;
  const control = [answer?.compensating_control, answer?.compensating_evidence].filter((part) => part !== undefined);
  return [
    classification.class ?? '',
    classification.state === 'none' ? '' : classification.state,
    classification.proposed_by ? nameOf(classification.proposed_by) : '',
    classification.confirmed_by ? nameOf(classification.confirmed_by) : '',
    answer?.severity ?? '',
    classification.root_cause ?? '',
    control.join('; evidence: '),
    answer?.owner ?? '',
    answer?.correction_due ?? '',
    answer ? `${answer.agreement}: ${answer.text}` : '',
    response ? nameOf(response.by) : '',
    response?.at ?? '',
    retest ? saidText(retest.disposition) : '',
  ];
}

export const EXCEPTION_LAYOUT: Layout<ExceptionRow> = {
  columns: [...POPULATION_LAYOUT.columns, 'exception_id', ...STANDING_COLUMNS, 'dispositions'],
  cells: (row) => [
    ...POPULATION_LAYOUT.cells(row),
    row.exception_id,
    ...standingCells(row.dispositions),
    row.dispositions?.history.length ?? 0,
  ],
};

/** Every act on the exceptions of a report, one a row, in the order of exceptions and of the log. */
export const HISTORY_COLUMNS = ['exception_id', 'number', 'at_utc', 'by', 'kind', 'said', 'effect', 'why_void', 'disposition_id'] as const; // prettier-ignore

export function historyRows(report: Pick<ReportModel, 'dispositions'>): readonly (readonly CellValue[])[] {
  return (report.dispositions ?? []).flatMap(({ exception, history }) =>
    history.map(({ id, at, by, disposition, effect, why }, index) => [
      exception,
      index + 1,
      at,
      nameOf(by),
      disposition.kind,
      saidText(disposition),
      effect,
      why ?? '',
      id,
    ]),
  );
}
