import type { Framework } from '../../query/frameworks/framework.ts';
import type { SourceState, TestResult } from '../../model/control.ts';
import { nameOf } from '../../query/dispositions/exceptions-text.ts';
import { RESULT_MARKS } from '../wording.ts';
import { csvLine } from './csv.ts';
import type { CellValue } from './csv.ts';
import { HISTORY_COLUMNS, STANDING_COLUMNS, historyRows, saidOf, standingCells } from './exceptions.ts';
import type { SaidOf } from './exceptions.ts';
import type { PackFolder } from './pack-folder.ts';
import type { PackModel } from './pack-model.ts';

/**
 * The tables beside the tests: sources, their gaps, the exceptions with management's words and every act on them, and
 * for ISO 27001 the extract for the statement of applicability.
 */
export async function writeGovernance(folder: PackFolder, model: PackModel, framework: Framework): Promise<void> {
  const { report } = model;
  const said = saidOf(report);
  await writeTable(folder, 'ipe/sources.csv', 'sources', SOURCE_COLUMNS, sourceRows(model));
  await writeTable(folder, 'ipe/stream-gaps.csv', 'stream_gaps', GAP_COLUMNS, report.sources.flatMap(gapRows));
  await writeTable(
    folder,
    'governance/exceptions-register.csv',
    'exceptions_register',
    REGISTER_COLUMNS,
    report.tests.flatMap((test) => registerRows(test, said)),
  );
  await writeTable(folder, 'governance/dispositions.csv', 'dispositions', HISTORY_COLUMNS, historyRows(report));
  if (report.framework === 'iso27001')
    await writeTable(folder, 'governance/soa.csv', 'soa_extract', SOA_COLUMNS, soaRows(model, framework));
}

const SOURCE_COLUMNS = [
  'family',
  'instance',
  'registered',
  'integrity',
  'records',
  'accepted',
  'duplicate',
  'conflict',
  'rejected',
  'first_event_utc',
  'last_event_utc',
  'last_received_utc',
  'gaps',
] as const;

// From "state" on stand the words of those who explained the gap, and nothing where nobody did.
const GAP_COLUMNS = ['family', 'instance', 'from_utc', 'to_utc', 'kind', 'reason', 'gap_id', 'state', 'cause', 'explanation', 'reference', 'explained_by', 'explained_at_utc', 'confirmed_by', 'confirmed_at_utc'] as const; // prettier-ignore

function gapRows({ family, instance, gaps }: SourceState): readonly (readonly CellValue[])[] {
  return gaps.map(({ from, to, kind = '', reason, id = '', standing }) => {
    const { explanation: said } = standing ?? {};
    const first = said ? [said.cause, said.text, said.reference, nameOf(said.by), said.at] : ['', '', '', '', ''];
    const second = said?.confirmed_by ? [nameOf(said.confirmed_by), said.confirmed_at ?? ''] : ['', ''];
    return [family, instance, from, to, kind, reason, id, standing?.state ?? 'open', ...first, ...second];
  });
}

function sourceRows({ report }: PackModel): readonly (readonly CellValue[])[] {
  return report.sources.map((source) => [
    source.family,
    source.instance,
    source.registered ? 'yes' : 'no',
    source.integrity,
    source.records,
    source.accepted,
    source.duplicate,
    source.conflict,
    Object.values(source.rejected).reduce((sum, count) => sum + count, 0),
    source.first_occurred_at ?? '',
    source.last_occurred_at ?? '',
    source.last_received_at ?? '',
    source.gaps.length,
  ]);
}

// The facts are Custody's; from "class" on stand the words of management and of the second person (controls.md 3.5), and
// nothing where nobody has spoken.
const REGISTER_COLUMNS = ['exception_id', 'test', 'attribute', 'item', 'at_utc', 'facts', 'evidence', ...STANDING_COLUMNS] as const; // prettier-ignore

function registerRows(test: TestResult, said: SaidOf): readonly (readonly CellValue[])[] {
  return test.items
    .filter((item) => item.verdict === 'exception')
    .map((item) => {
      const { exception_id: id, dispositions } = said(test.test, item);
      const facts = [item.attribute ?? '', item.item, item.at, item.finding, item.evidence.join(' ')];
      return [id, test.test, ...facts, ...standingCells(dispositions)];
    });
}

// All 93 rows. Custody never says of a control that it is applicable or implemented: those columns are empty.
const SOA_COLUMNS = [
  'control',
  'title',
  'applicable',
  'justification',
  'status',
  'how_and_owner',
  'chains_can_show',
  'evidence',
  'last_tested_utc',
  'result',
  'still_needed_from_elsewhere',
  'residual_notes',
] as const;

function soaRows({ report }: PackModel, framework: Framework): readonly (readonly CellValue[])[] {
  return framework.requirements.map((requirement) => {
    const tests = report.tests.filter((test) =>
      test.mappings.some((one) => one.framework === report.framework && one.requirement === requirement.id),
    );
    const tested = tests.length > 0;
    return [
      requirement.id,
      requirement.title,
      '',
      '',
      '',
      '',
      requirement.grade,
      tests.map((test) => `tests/${test.test}/result.json`).join(' '),
      tested ? report.as_of : '',
      tests.map((test) => `${test.test}: ${RESULT_MARKS[test.result].word}`).join('; '),
      tested ? (requirement.stillNeeded ?? 'Evidence of everything beyond the tests named') : 'All of it',
      '',
    ];
  });
}

async function writeTable(
  folder: PackFolder,
  path: string,
  role: string,
  columns: readonly string[],
  rows: readonly (readonly CellValue[])[],
): Promise<void> {
  const file = await folder.open(path, role);
  await file.write(csvLine(columns));
  for (const row of rows) await file.row(csvLine(row));
  await file.close();
}
