import type { Chain, ChainEvent, Party } from '../../model/chain.ts';
import { drawBullets, drawHeading, drawText } from '../pdf/blocks.ts';
import { breathe, newPage } from '../pdf/page.ts';
import type { Rich } from '../pdf/plain-layout.ts';
import { cell, drawTable } from '../pdf/table.ts';
import { chainTitle, testPlace } from '../plan.ts';
import type { ChainPage } from '../plan.ts';
import { code, drawFacts, linkCell, markSpans, quiet } from '../report-context.ts';
import type { Fact, ReportContext } from '../report-context.ts';
import { AUTHORIZATION_MARKS, EVIDENCE_MARKS, bareTime, closed, nounOf } from '../wording.ts';
import { drawStages } from './chain-diagram.ts';
import { openSection } from './open-section.ts';

/** Section 6: a page for each chain behind an exception: who asked, approved, ran, with which credential, what was touched. */
export async function drawChains(context: ReportContext): Promise<void> {
  const { sheet, model, plan } = context;
  openSection(context, 'chains');
  const exceptions = model.tests.flatMap((test) =>
    test.items.filter((item) => item.verdict === 'exception').map((item) => ({ test: test.test, item: item.item })),
  );
  const shown = exceptions.filter(({ test, item }) => plan.chainPageOf(test, item) !== undefined).length;
  if (plan.chainPages.length === 0) {
    drawText(
      sheet,
      exceptions.length === 0
        ? 'There is no exception, so there is no chain to show.'
        : `No chain is shown for the ${nounOf(exceptions.length, 'exception')}; “custody trace” shows the chain of any key.`,
    );
    return;
  }
  drawText(
    sheet,
    `${nounOf(plan.chainPages.length, 'chain')} ${plan.chainPages.length === 1 ? 'is' : 'are'} behind ${shown} of ${nounOf(exceptions.length, 'exception')}. One chain can be behind several. Every link names the event that asserts it and how it is known: exact (the same id on both sides, given by a server or an issuer), asserted (an id that the caller chose) or inferred (time, address or role).`,
  );
  await drawTable(sheet, {
    columns: [
      { title: 'Chain', min: 34 },
      { title: 'Begins from', min: 150, face: 'mono' },
      { title: 'Authorization', min: 100 },
      { title: 'Exceptions', min: 110 },
    ],
    rows: plan.chainPages,
    cells: (page) => [
      linkCell(page.label, page.destination, `Chain ${page.label}`),
      cell(page.chain.focal),
      cell(markSpans(AUTHORIZATION_MARKS[page.chain.authorization])),
      cell(...page.exceptions.map(({ test, item }): Rich => [{ text: `${test}  ` }, ...code(item)])),
    ],
    expected: plan.chainPages.length,
  });
  for (const page of plan.chainPages) {
    newPage(sheet);
    await drawChain(context, page);
    await breathe(sheet);
  }
}

async function drawChain(context: ReportContext, page: ChainPage): Promise<void> {
  const { sheet, model } = context;
  const { chain } = page;
  const refs = new Map(chain.events.map((event, i) => [event.event, `E${i + 1}`]));
  drawHeading(sheet, 2, `Chain ${page.label}`, { destination: page.destination, bookmark: chainTitle(page) });
  await drawFacts(sheet, [
    ...page.exceptions.map(({ test, item }): Fact => [
      'Exception of',
      { ...linkCell(`${test}: ${item}`, testPlace(model, test), `Section of test ${test}`) },
    ]),
    ['Found from', code(chain.focal)],
    ['Authorization', markSpans(AUTHORIZATION_MARKS[chain.authorization])],
    [
      'Evidence',
      markSpans(EVIDENCE_MARKS[chain.evidence]),
      ...chain.evidence_reasons.map((reason) => quiet(closed(reason))),
    ],
    ['Who asked', ...partyLines(chain.requester)],
    [
      'Who approved',
      ...(chain.approvers.length === 0 ? ['nobody on record'] : chain.approvers.flatMap((party) => partyLines(party))),
    ],
    ['Who started it', ...partyLines(chain.initiator)],
    ['What ran', ...runLines(chain)],
    ['With which credential', ...keyLines(chain.credentials)],
    ['What was touched', ...keyLines(chain.touched)],
    ['Environment', chain.environment ?? 'not classified'],
  ]);
  await drawStages(context, chain, refs);
  await drawTimeline(context, chain, refs);
  await drawLinks(context, chain, refs);
  if (chain.findings.length === 0) return;
  drawHeading(sheet, 3, 'Findings on this chain');
  drawBullets(
    sheet,
    chain.findings.map((finding): Rich => [
      ...code(finding.kind),
      { text: `: ${closed(finding.detail)}` },
      ...(finding.event === undefined ? [] : quiet(` (${refOf(refs, finding.event)})`)),
    ]),
  );
}

async function drawTimeline({ sheet }: ReportContext, chain: Chain, refs: ReadonlyMap<string, string>): Promise<void> {
  await drawTable(sheet, {
    heading: { level: 3, text: `Timeline: ${nounOf(chain.events.length, 'event')}` },
    columns: [
      { title: 'Ref', min: 24 },
      { title: 'When (UTC)', min: 58, max: 76 },
      { title: 'What happened', min: 140 },
      { title: 'By', min: 80, max: 130 },
      { title: 'Event', min: 100, max: 130, face: 'mono' },
    ],
    rows: chain.events,
    cells: (event) => [
      cell(refOf(refs, event.event)),
      cell(bareTime(event.occurred_at)),
      cell(...whatHappened(event)),
      cell(...actorLines(event.actor)),
      cell(event.event),
    ],
    expected: chain.events.length,
  });
}

async function drawLinks({ sheet }: ReportContext, chain: Chain, refs: ReadonlyMap<string, string>): Promise<void> {
  if (chain.links.length === 0) {
    drawHeading(sheet, 3, 'Links: none');
    drawText(sheet, 'No two keys of this chain are linked.');
    return;
  }
  await drawTable(sheet, {
    heading: { level: 3, text: `Links: ${chain.links.length}` },
    columns: [
      { title: 'From', min: 120, face: 'mono' },
      { title: 'Link', min: 64, max: 80 },
      { title: 'To', min: 120, face: 'mono' },
      { title: 'Known by', min: 48 },
      { title: 'Asserted in', min: 54, max: 110 },
    ],
    rows: chain.links,
    cells: (link) => [
      cell(link.parent),
      cell(link.relation.replaceAll('_', ' ')),
      cell(link.child),
      cell(link.confidence, quiet(`rule ${link.rule}`)),
      cell(refOf(refs, link.event)),
    ],
    expected: chain.links.length,
  });
}

function whatHappened(event: ChainEvent): readonly Rich[] {
  const where = [event.environment, event.source_ip === undefined ? undefined : `from ${event.source_ip}`].filter(
    (part) => part !== undefined,
  );
  return [
    closed(event.sentence),
    quiet(`${event.outcome}; ${event.family} ${event.instance}${where.length > 0 ? `; ${where.join('; ')}` : ''}`),
  ];
}

/** A party in one paragraph: name and kind, account, the person it belongs to, and how that is known. */
function partyLines(party: Party | undefined): readonly Rich[] {
  if (!party) return ['not on record'];
  const name =
    party.display === undefined
      ? []
      : [{ text: party.display, face: 'bold' as const }, { text: ` (${party.kind.replaceAll('_', ' ')})  ` }];
  const person =
    party.person === undefined || party.person === party.key ? [] : [...quiet('  person '), ...code(party.person)];
  const how = party.how === undefined ? [] : quiet(`  tied by ${party.how}`);
  return [[...name, ...code(party.key), ...person, ...how]];
}

function actorLines(party: Party): readonly Rich[] {
  return [...(party.display === undefined ? [] : [[{ text: party.display, face: 'bold' as const }]]), code(party.key)];
}

function runLines(chain: Chain): readonly Rich[] {
  const keys = [...(chain.job === undefined ? [] : [chain.job]), ...chain.pipelines, ...chain.requests];
  return [...keyLines(keys), ...(chain.runner === undefined ? [] : partyLines(chain.runner))];
}

function keyLines(keys: readonly string[]): readonly Rich[] {
  return keys.length === 0 ? ['nothing on record'] : keys.map((key) => code(key));
}

function refOf(refs: ReadonlyMap<string, string>, event: string): string {
  return refs.get(event) ?? event;
}
