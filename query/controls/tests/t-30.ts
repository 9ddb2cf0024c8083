import { clockBefore } from '../../../model/time.ts';
import type { Clocked } from '../../../model/time.ts';
import type { Policy } from '../../../model/policy.ts';
import { and, or } from '../../../model/truth.ts';
import { happenedBefore } from '../../chains/order.ts';
import { clockOf } from '../../chains/rules.ts';
import { closingOf, selectBreakGlass, usesOfKey } from '../break-glass.ts';
import { fails, HOLDS, undecided } from '../control-test.ts';
import type { Answer, Candidate, ControlContext, ControlTest } from '../control-test.ts';
import { expiryOf } from '../credentials.ts';
import type { ProductionIssue } from '../production-issues.ts';
import { spell, spellSeconds } from '../words.ts';

type Alert = Policy['findings'][number];

/** T-30: emergency access is short, and somebody is told at once. */
export const T30: ControlTest<ProductionIssue> = {
  id: 'T-30',
  version: 2,
  title: 'Break-glass bounded and alerted',
  control:
    'Emergency access ends within the time of the policy, raises an alert soon after it is opened that somebody acknowledges, and what could be used again is replaced.',
  key: false,
  nature: 'detective',
  frequency: 'per_event',
  population: {
    definition: 'Production credentials issued as emergency access in the period.',
    source: 'own_records',
    select: selectBreakGlass,
  },
  exclusions: [],
  attributes: [
    { code: 'too_long', text: 'It ended within the time of the policy.', check: isBounded },
    { code: 'no_alert', text: 'An alert was raised in time after the opening.', check: isAlerted },
    { code: 'not_acknowledged', text: 'Somebody acknowledged the alert.', check: isAcknowledged },
    { code: 'not_rotated', text: 'A credential without an end was replaced or revoked after its last use.', check: isRotated },
  ],
  minLink: 'policy',
  analytics: countRefusals,
  parameters: ({ parameters, findings }) => ({
    bg_max: spellSeconds(parameters.bg_max_s),
    bg_alert: spellSeconds(parameters.bg_alert_s),
    'alerts registered': String(findings.length),
  }),
  inputs: ['ce', 'aws.cloudtrail'],
  proves: 'That each emergency access was short, was alerted and acknowledged, and left nothing behind that works again.',
  doesNotProve: 'That whoever was alerted looked closely. Refused attempts beside the result (T-30b) support that prevention works; none support nothing.',
}; // prettier-ignore

function isBounded({ subject }: Candidate<ProductionIssue>, context: ControlContext): Answer {
  const limit = context.policy.parameters.bg_max_s * 1_000_000;
  const opened = subject.issue.occurredAt;
  const closing = closingOf(subject, context);
  const isOpen = closing.at > context.asOf;
  const end = Math.min(closing.at, context.asOf);
  if (end - opened > limit) {
    const clock = clockOf(context.rules, subject.issue);
    const asOf: Clocked = { at: context.asOf, precision: 'us', skewUs: 0 };
    const sure = clockBefore({ ...clock, at: opened + limit }, isOpen ? asOf : closing.clock) === true;
    const sentence = isOpen ? `Still open after ${spell(end - opened)}` : `Open for ${spell(end - opened)}`;
    const said = `${sentence}; the limit is ${spell(limit)}`;
    return sure ? fails('too_long', said, closing.evidence) : undecided('order_within_skew', `${said}, which the clocks do not decide`, closing.evidence);
  }
  return isOpen ? undecided('still_open', 'The access is still open, within its limit', closing.evidence) : HOLDS;
} // prettier-ignore

/** Alerts about this access that were raised by as-of: by the key of the credential, of its request, or the request's id. */
function alertsOf({ key, flow }: ProductionIssue, { policy, asOf }: ControlContext): readonly Alert[] {
  const requests = [...flow.keys].filter((one) => one.startsWith('access-request:'));
  const names = new Set([key, ...flow.credentials, ...requests, ...requests.map((one) => one.slice(one.lastIndexOf('/') + 1))]);
  return policy.findings
    .filter(({ subject, raised_at: at }) => subject !== undefined && names.has(subject) && at <= asOf)
    .toSorted((a, b) => a.raised_at - b.raised_at);
} // prettier-ignore

function isAlerted({ subject }: Candidate<ProductionIssue>, context: ControlContext): Answer {
  const limit = context.policy.parameters.bg_alert_s * 1_000_000;
  const opened = subject.issue.occurredAt;
  const [first] = alertsOf(subject, context);
  if (!first) {
    if (context.asOf < opened + limit) return undecided('not_yet_due', 'No alert yet; the time for it has not passed');
    return context.policy.findings.length === 0
      ? undecided('no_alert_source', 'No alerts are registered at all, so nothing says whether one was raised')
      : fails('no_alert', 'No alert about it is on record');
  }
  if (first.raised_at <= opened + limit) return HOLDS;
  const due: Clocked = { ...clockOf(context.rules, subject.issue), at: opened + limit };
  const late = clockBefore(due, { at: first.raised_at, precision: 'us', skewUs: 0 });
  const sentence = `The alert ${first.id} was raised ${spell(first.raised_at - opened)} after the opening; the limit is ${spell(limit)}`;
  const evidence = first.evidence === undefined ? [] : [first.evidence];
  return late === true ? fails('late_alert', sentence, evidence) : undecided('order_within_skew', sentence, evidence);
} // prettier-ignore

function isAcknowledged({ subject }: Candidate<ProductionIssue>, context: ControlContext): Answer {
  const alerts = alertsOf(subject, context);
  const isSeen = alerts.some(({ triaged_at: at }) => at !== undefined && at <= context.asOf);
  if (alerts.length === 0 || isSeen) return HOLDS;
  return fails('not_acknowledged', `Nobody acknowledged ${alerts.map(({ id }) => id).join(', ')}`);
}

function isRotated({ subject }: Candidate<ProductionIssue>, context: ControlContext): Answer {
  const { key, issue } = subject;
  if (expiryOf(issue) !== undefined) return HOLDS;
  const replaced = context.graph
    .namesOf(key)
    .filter(({ role }) => role === 'ends' || role === 'subject' || role === 'target')
    .flatMap((name) => context.graph.events.get(name.ref) ?? [])
    .filter((event) => event.outcome === 'success' && (event.stage === 'revoke' || event.action === 'credential.rotate'));
  // Replaced before its last use it would still work: only what came after all of them counts.
  const used = [issue, ...usesOfKey(subject)];
  const after = or(...replaced.map((event) => and(...used.map((use) => happenedBefore(context.graph, use, event, context.rules)))));
  if (after === true) return HOLDS;
  const evidence = replaced.map(({ event }) => event);
  if (after === 'unknown')
    return undecided('order_within_skew', 'It states no end; the clocks do not tell whether it was replaced after its last use', evidence);
  if (context.asOf < issue.occurredAt + context.policy.parameters.bg_max_s * 1_000_000)
    return undecided('not_yet_due', 'It states no end and was not replaced yet; its time has not passed');
  return replaced.length === 0
    ? fails('not_rotated', 'It states no end, and was neither replaced nor revoked')
    : fails('not_rotated', 'It states no end, and was used after it was replaced or revoked', evidence);
} // prettier-ignore

/** T-30b: what was refused, in support of the design; it decides nothing. */
function countRefusals({ graph, from, to }: ControlContext): Readonly<Record<string, string>> {
  let refused = 0;
  for (const event of graph.events.values()) {
    const isIssue = event.stage === 'credential' || event.action === 'access.deny' || event.action === 'token.request';
    const isRefused = event.outcome === 'denied' || event.facts.decision?.decided === 'denied';
    if (isIssue && isRefused && event.occurredAt >= from && event.occurredAt < to) refused += 1;
  }
  return { 'refused attempts of ordinary issue (T-30b)': refused === 0 ? '0, which supports nothing' : `${refused}, which supports that prevention works` };
} // prettier-ignore
