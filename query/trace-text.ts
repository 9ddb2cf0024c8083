import type { Chain, ChainEvent, Party } from '../model/chain.ts';
import { nameOf } from './chains/sentences.ts';
import { printable } from './escape.ts';

const AUTHORIZATION: Record<Chain['authorization'], string> = {
  complete: 'complete - approved before the credential was issued, which exact links tie to its run',
  complete_asserted:
    'complete, asserted - approved in time, but what ties the credential to its run is a name that the caller chose',
  approval_missing: 'approval missing - nothing shows an approval before the credential was issued',
  no_approval_required: 'no approval required - the environment is not one that the policy protects',
  break_glass: 'break glass - the emergency way was taken; its review is judged elsewhere',
};

const EVIDENCE: Record<Chain['evidence'], string> = {
  complete: 'complete - every source was read past the end of this flow',
  complete_with_gaps: 'complete with gaps - a source has a hole in the time of this flow',
  open: 'open - events of this flow may still come',
  unprovable: 'unprovable - what would show it was not there to be seen',
};

const STATE: Record<Chain['stages'][number]['state'], string> = {
  present: 'present',
  missing: 'MISSING',
  late_possible: 'may still come',
  not_observable: 'not observable',
  not_required: 'not required',
};

/**
 * A chain as a page of text: the answer first, then who, with what, what happened in order, how each link is known, and
 * what a reader must be told. Times are UTC. Every value that came from outside is escaped.
 */
export function traceText(chain: Chain): string {
  const lines = [
    `Chain ${chain.id}`,
    `  asked for     ${printable(chain.focal)}`,
    ...(chain.root === chain.focal ? [] : [`  begins with   ${printable(chain.root)}`]),
    `  environment   ${printable(chain.environment ?? 'unknown')}`,
    `  authorization ${AUTHORIZATION[chain.authorization]}`,
    `  evidence      ${EVIDENCE[chain.evidence]}`,
    ...chain.evidence_reasons.slice(0, 8).map((reason) => `                ${printable(reason)}`),
    '',
    ...parties(chain),
    ...list('With', chain.credentials),
    ...story(chain),
    ...stages(chain),
    ...links(chain),
    ...findings(chain),
  ];
  return `${lines.join('\n').trimEnd()}\n`;
}

function parties(chain: Chain): readonly string[] {
  const rows: [string, Party | undefined][] = [
    ['asked', chain.requester],
    ...chain.approvers.map((approver): [string, Party] => ['approved', approver]),
    ['started', chain.initiator],
    ['ran', chain.runner],
  ];
  const named = rows.flatMap(([what, party]) => (party ? [`  ${what.padEnd(9)} ${partyText(party)}`] : []));
  const places = chain.job === undefined ? [] : [`  ${'job'.padEnd(9)} ${printable(chain.job)}`];
  return ['Who', ...(named.length > 0 ? named : ['  nobody is known']), ...places, ''];
}

function partyText(party: Party): string {
  const kind = party.kind === 'human' ? '' : ` (${party.kind.replace('_', ' ')})`;
  const sponsor = party.sponsor === undefined ? '' : ` for ${printable(party.sponsor)}`;
  const how = party.person === undefined ? 'not resolved to a person' : (party.how ?? '');
  return `${printable(nameOf(party))}${kind}, ${printable(party.key)}${sponsor}${how === '' ? '' : ` [${printable(how)}]`}`;
}

function list(title: string, values: readonly string[]): readonly string[] {
  return values.length === 0 ? [] : [title, ...values.map((value) => `  ${printable(value)}`), ''];
}

/** Longer stories are cut in the middle of the touches; JSON has them all. */
const MAX_EVENTS = 400;

function story(chain: Chain): readonly string[] {
  const touched = new Set(chain.touched);
  const names = new Set(chain.events.map((event) => event.event));
  // Of a request and its answer only the answer is told; it says the same and how it ended.
  const told = chain.events.filter(
    (event) => !event.event.endsWith(':request') || !names.has(event.event.replace(/:request$/, ':response')),
  );
  const shown = told.slice(0, MAX_EVENTS);
  const left = told.length - shown.length;
  return [
    'What happened (UTC)',
    ...shown.flatMap((event) => eventText(event, touched.has(event.event))),
    ...(left > 0 ? [`  ... and ${left} more ${left === 1 ? 'event' : 'events'}; --format json has them all`] : []),
    '',
  ];
}

function eventText(event: ChainEvent, isTouch: boolean): readonly string[] {
  const digits = { s: 19, ms: 23, us: 26, ns: 26 }[event.precision] ?? 26;
  const time = event.occurred_at.replace('T', ' ').slice(0, digits).padEnd(26);
  const stage = (isTouch ? 'touched' : event.stage).padEnd(12);
  return [`  ${time} ${stage} ${printable(event.sentence)}`, `  ${' '.repeat(39)} ${printable(event.event)}`];
}

function stages(chain: Chain): readonly string[] {
  const rows = chain.stages.map((stage) => {
    const grade = stage.grade === undefined ? '' : `, ${stage.grade}`;
    const note = stage.note === undefined ? '' : ` - ${printable(stage.note)}`;
    return `  ${stage.stage.padEnd(11)} ${STATE[stage.state]}${grade}${note}`;
  });
  return ['Stages', ...rows, ''];
}

function links(chain: Chain): readonly string[] {
  if (chain.links.length === 0) return [];
  const rows = chain.links.flatMap((link) => [
    `  ${link.confidence.padEnd(9)} ${printable(link.parent)}`,
    `  ${' '.repeat(9)} -> ${printable(link.child)}`,
    `  ${' '.repeat(12)} ${link.relation}, ${link.rule}, by ${printable(link.event)}`,
  ]);
  return ['How it is known', ...rows, ''];
}

function findings(chain: Chain): readonly string[] {
  if (chain.findings.length === 0) return [];
  const rows = chain.findings.map((finding) => {
    const where = finding.event === undefined ? '' : ` (${printable(finding.event)})`;
    return `  ${finding.kind}: ${printable(finding.detail)}${where}`;
  });
  return ['Findings', ...rows, ''];
}
