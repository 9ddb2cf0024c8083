import type { ReportModel, TestResult } from '../../model/control.ts';
import { standingText } from '../../query/gaps/gap-text.ts';
import { visibleText } from '../pdf/visible.ts';
import { saidOf } from './exceptions.ts';
import { formatCount, nounOf, resultSentences } from '../wording.ts';
import type { PackFile } from './pack-folder.ts';
import type { PackModel } from './pack-model.ts';
import { uuid5 } from './uuid5.ts';

type Json = Readonly<Record<string, unknown>>;

/** The version of the format whose schema the test of this file reads (controls.md 4). */
const OSCAL_VERSION = '1.2.1';
/** Namespace of our own properties; an identifier, not an address. */
const NS = 'https://custody.invalid/ns/oscal';

/**
 * The results as an OSCAL assessment-results document (controls.md 4): an observation for each test, a finding only
 * where a test concluded, a risk where it noted exceptions. A test that could not conclude or did not operate has no
 * finding: the format knows only satisfied and not satisfied, and neither would be true. Ids are UUIDs of version 5, so
 * the same model gives the same document. `files` are those of the pack so far, for references and hashes.
 */
export function oscalDocument(model: PackModel, files: readonly PackFile[]): Json {
  const { report } = model;
  const ids = createIds(report);
  return {
    'assessment-results': {
      uuid: ids('document'),
      metadata: metadataOf(model, ids),
      'import-ap': { href: `#${ids('catalogue')}`, remarks: 'The catalogue of control tests of Custody.' },
      'local-definitions': { ...objectivesOf(report) },
      results: [resultOf(model, ids)],
      'back-matter': { resources: resourcesOf(report, ids, files) },
    },
  };
}

type Ids = (...parts: readonly string[]) => string;

function createIds(report: ReportModel): Ids {
  const base = [report.tenant, report.framework, report.from, report.to, report.as_of, report.version ?? ''];
  return (...parts) => uuid5(...base, ...parts);
}

function metadataOf({ report, origin }: PackModel, ids: Ids): Json {
  const supplement = report.supplement_to;
  return {
    title: line(`Management's control test results: ${report.organisation}`),
    'last-modified': report.as_of,
    version: line(report.version ?? 'draft'),
    'oscal-version': OSCAL_VERSION,
    props: [
      prop('framework', report.framework),
      prop('tenant', report.tenant),
      prop('custody-version', origin.version),
      prop('catalogue-version', report.catalogue_version),
      prop('policy-sha256', report.policy_sha256),
      ...(supplement === undefined ? [] : [prop('supplement-to-manifest-sha256', supplement.manifest_sha256)]),
    ],
    parties: [{ uuid: ids('organisation'), type: 'organization', name: line(report.organisation) }],
    remarks: 'Management’s own test results. They are no opinion, and state of no requirement that it is met.',
  };
}

function objectivesOf(report: ReportModel): Json {
  const objectives = report.tests.map((test) => ({
    'control-id': requirementsOf(report, test)[0] ?? 'unmapped',
    parts: [{ id: objectiveOf(test), name: 'assessment-objective', prose: line(test.control) }],
  }));
  return objectives.length === 0 ? { remarks: 'No test is mapped.' } : { 'objectives-and-methods': objectives };
}

function resultOf({ report, origin }: PackModel, ids: Ids): Json {
  const requirements = [...new Set(report.tests.flatMap((test) => requirementsOf(report, test)))].toSorted();
  const concluded = report.tests.filter(
    ({ result }) => result === 'no_exceptions_noted' || result === 'exceptions_noted',
  );
  const risks = report.tests.filter((test) => test.exceptions > 0).map((test) => riskOf(report, test, ids));
  const observations = [...report.tests.map((test) => observationOf(report, test, ids)), ...gapsOf(report, ids)];
  return {
    uuid: ids('result'),
    title: line(`Control tests of ${report.framework}`),
    description: line('Every member of each population was tested; nothing was projected.'),
    start: report.from,
    end: report.to,
    props: [prop('as-of', report.as_of)],
    'local-definitions': {
      components: [
        {
          uuid: ids('engine'),
          type: 'software',
          title: line(`Custody ${origin.version}`),
          description: 'Keeps records, joins them into chains and runs the control tests.',
          status: { state: 'operational' },
        },
      ],
    },
    'reviewed-controls': {
      'control-selections': [
        requirements.length === 0
          ? { 'include-all': {} }
          : { 'include-controls': requirements.map((id) => ({ 'control-id': id })) },
      ],
    },
    'assessment-log': {
      entries: [{ uuid: ids('run'), title: 'Run of the control tests', start: report.as_of, end: report.as_of }],
    },
    ...(observations.length === 0 ? {} : { observations }),
    ...(risks.length === 0 ? {} : { risks }),
    ...(concluded.length === 0 ? {} : { findings: concluded.map((test) => findingOf(test, ids)) }),
  };
}

function observationOf(report: ReportModel, test: TestResult, ids: Ids): Json {
  const excluded = Object.values(test.excluded).reduce((sum, count) => sum + count, 0);
  const counts = { population: test.population.count, exceptions: test.exceptions, undetermined: test.undetermined };
  return {
    uuid: ids('observation', test.test),
    title: line(`${test.test} ${test.title}`),
    description: line(resultSentences(test).join(' ')),
    props: [
      prop('result', test.result),
      ...Object.entries({ ...counts, excluded }).map(([name, count]) => prop(name, String(count))),
      prop('population-sha256', test.population.sha256),
      prop('population-source', test.population.source),
      prop('test-version', String(test.version)),
      prop('minimum-link', test.minimum_link),
      ...Object.entries(test.parameters).map(([name, value]) => prop(`parameter-${name}`, value)),
    ],
    methods: ['TEST'],
    types: ['control-objective'],
    origins: originsOf(ids),
    subjects: [{ 'subject-uuid': ids('engine'), type: 'component' }],
    'relevant-evidence': ['population', 'exceptions'].map((name) => ({
      href: `../tests/${test.test}/${name}.ndjson`,
      description: `The ${name} of ${test.test}, one item a line`,
    })),
    collected: report.as_of,
  };
}

function gapsOf(report: ReportModel, ids: Ids): readonly Json[] {
  return report.sources.flatMap((source) =>
    source.gaps.map((gap, i) => ({
      uuid: ids('gap', source.family, source.instance, String(i)),
      title: line(`Gap in ${source.family} of ${source.instance}`),
      description: line([`${gap.from} to ${gap.to}: ${gap.reason}`, standingText(gap.standing)].filter((text) => text !== undefined).join('; ')), // prettier-ignore
      methods: ['EXAMINE'],
      types: ['historic'],
      origins: originsOf(ids),
      collected: report.as_of,
    })),
  );
}

function riskOf(report: ReportModel, test: TestResult, ids: Ids): Json {
  const said = saidOf(report);
  const answered = test.items.filter(
    (item) => item.verdict === 'exception' && said(test.test, item).dispositions?.response !== undefined,
  ).length;
  const count = nounOf(test.exceptions, 'exception');
  const title = answered === 0 ? `${count} without a management response in this file` : `${count}, ${formatCount(answered)} of them with a response of management`; // prettier-ignore
  return {
    uuid: ids('risk', test.test),
    title: line(`${test.test}: ${title}`),
    description: line(resultSentences(test).join(' ')),
    statement:
      'Severity, cause and compensating controls are for management and the auditor to state: governance/exceptions-register.csv holds what was said.',
    status: 'open',
    'related-observations': [{ 'observation-uuid': ids('observation', test.test) }],
  };
}

function findingOf(test: TestResult, ids: Ids): Json {
  const noted = test.result === 'exceptions_noted';
  return {
    uuid: ids('finding', test.test),
    title: line(`${test.test} ${test.title}`),
    description: line(resultSentences(test).join(' ')),
    target: {
      type: 'objective-id',
      'target-id': objectiveOf(test),
      status: { state: noted ? 'not-satisfied' : 'satisfied', reason: noted ? 'fail' : 'pass' },
    },
    'related-observations': [{ 'observation-uuid': ids('observation', test.test) }],
    ...(test.exceptions > 0 ? { 'related-risks': [{ 'risk-uuid': ids('risk', test.test) }] } : {}),
  };
}

function resourcesOf(report: ReportModel, ids: Ids, files: readonly PackFile[]): readonly Json[] {
  return [
    {
      uuid: ids('catalogue'),
      title: line(`Catalogue of control tests ${report.catalogue_version}`),
      description: 'What each test says of itself stands in tests/T-nn/definition.json of the pack.',
    },
    ...files
      .filter((file) => file.path.endsWith('.ndjson'))
      .map((file) => ({
        uuid: ids('file', file.path),
        title: line(file.path),
        rlinks: [
          {
            href: `../${file.path}`,
            'media-type': file.media_type,
            hashes: [{ algorithm: 'SHA-256', value: file.sha256 }],
          },
        ],
      })),
  ];
}

function originsOf(ids: Ids): readonly Json[] {
  return [{ actors: [{ type: 'tool', 'actor-uuid': ids('engine') }] }];
}

function objectiveOf(test: TestResult): string {
  return `${test.test}_obj`;
}

function requirementsOf(report: ReportModel, test: TestResult): readonly string[] {
  const own = test.mappings.filter((mapping) => mapping.framework === report.framework);
  return own.toSorted((a, b) => (a.role === b.role ? 0 : a.role === 'P' ? -1 : 1)).map((one) => one.requirement);
}

function prop(name: string, value: string): Json {
  return { name: name.replaceAll(/[^\p{L}\p{N}._-]/gu, '-'), ns: NS, value: line(value) };
}

/** Text as the format takes it: one line, not empty, no space at its ends. */
function line(text: string): string {
  return visibleText(text).trim() || 'none';
}
