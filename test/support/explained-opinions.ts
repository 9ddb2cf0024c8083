import { at } from '../../ingest/sources/read.ts';
import type { AuditEvent } from '../../model/event.ts';
import type { Field, Opinion } from './second-opinion.ts';

/** What an explanation is checked by: the record, the publisher's reading of it, in whole and by field, and ours. */
export interface Both {
  readonly record: unknown;
  readonly expected: unknown;
  readonly opinion: Opinion;
  readonly event: AuditEvent;
}

/**
 * A disagreement with a publisher by file, field and lines (from 0), why it is one, and how that shows.
 * `other words`: the same is said in the publisher's vocabulary, which is put into ours by the publisher's own reading.
 * `no opinion`: the publisher's words cannot be about the record, which is shown by the record or by the publisher.
 * In both cases `shows` also holds what is right for us to say: it is false as soon as we say anything else.
 */
export interface Explained {
  readonly file: string;
  readonly field: Field;
  readonly lines: readonly number[];
  readonly kind: 'other words' | 'no opinion';
  readonly because: string;
  readonly shows: (both: Both) => boolean;
}

/** Every disagreement that is left. Each is a claim about the record, which the test holds against it. */
export const EXPLAINED: readonly Explained[] = [
  {
    file: 'okta/ocsf-examples',
    field: 'when',
    lines: [0],
    kind: 'no opinion',
    because: 'the publisher gives two times that are a year apart; the one that is written out is ours',
    shows: ({ record, expected, opinion, event }) => {
      const [written, ours] = [Date.parse(String(at(expected, 'time_dt'))), event.occurred.at / 1_000];
      return opinion.when !== written && ours === written && ours === Date.parse(String(at(record, 'published')));
    },
  },
  {
    file: 'okta/ocsf-examples',
    field: 'what',
    lines: [1],
    kind: 'no opinion',
    because: 'the publisher misspelt the type: Okta has none of that name',
    shows: ({ record, opinion, event }) =>
      opinion.what === 'user.sesion.start' &&
      at(record, 'eventType') === 'user.session.start' &&
      event.type === 'user.session.start',
  },
  {
    file: 'cloudtrail/sekoia-cloudtrail',
    field: 'outcome',
    lines: [2],
    kind: 'no opinion',
    because: 'the publisher says success beside the error code of a refusal, which it keeps as the code of the event',
    shows: ({ record, expected, opinion, event }) =>
      opinion.outcome === 'success' &&
      at(expected, 'event', 'code') === 'Client.AuthFailure' &&
      at(record, 'errorCode') === 'Client.AuthFailure' &&
      event.outcome === 'denied',
  },
  {
    file: 'cloudtrail/sekoia-cloudtrail',
    field: 'what',
    lines: [8],
    kind: 'other words',
    because: 'an insight is about a call and is none: the publisher names the call, we name it as what the insight is about',
    shows: ({ expected, opinion, event }) =>
      at(expected, 'action', 'type') === event.type.replace(/^aws:/, '') &&
      event.resource?.key === `${String(at(expected, 'event', 'provider')).replace(/\.amazonaws\.com$/, '')}:${opinion.what}`,
  },
  {
    file: 'cloudtrail/sekoia-cloudtrail',
    field: 'outcome',
    lines: [8],
    kind: 'no opinion',
    because: 'an insight counts errors and is no call: it has no outcome, and the publisher says success beside their code',
    shows: ({ record, expected, event }) =>
      at(record, 'eventCategory') === 'Insight' &&
      at(record, 'insightDetails', 'errorCode') === at(expected, 'event', 'code') &&
      event.outcome === 'unknown',
  },
  {
    file: 'kubernetes/sekoia-audit-log',
    field: 'ip',
    lines: [3],
    kind: 'other words',
    because: 'the publisher gives the address that the client says is its own; we keep it as what was claimed, beside the peer',
    shows: ({ record, opinion, event }) => {
      const addresses = at(record, 'sourceIPs');
      const claimed = event.keys.find((one) => one.key === `ip:${opinion.ip}`);
      return (
        Array.isArray(addresses) &&
        addresses[0] === opinion.ip &&
        addresses.at(-1) === event.sourceIp &&
        claimed?.confidence === 'asserted' &&
        claimed.field === 'sourceIPs'
      );
    },
  },
  {
    file: 'vault/transcribed-elastic-test-audit',
    field: 'outcome',
    lines: [0],
    kind: 'no opinion',
    because: 'a request entry is written before there is an outcome',
    shows: ({ record, event }) =>
      at(record, 'type') === 'request' &&
      at(record, 'response') === undefined &&
      at(record, 'error') === undefined &&
      event.outcome === 'pending',
  },
  {
    file: 'entra/sekoia-diagnostic-settings',
    field: 'what',
    lines: [2, 3, 4, 5, 8, 9, 10, 11, 12, 14],
    kind: 'other words',
    because: 'the publisher keeps the one name of the category, and tells kinds of sign-in, call and risk apart in other fields',
    shows: ({ expected, event }) => event.type === entraTypeOf(expected),
  },
  {
    file: 'github-audit/ocsf-examples',
    field: 'ip',
    lines: [1],
    kind: 'no opinion',
    because: 'the publisher masked the address otherwise in the record than in its reading: each digit is a 1 in both',
    shows: ({ record, opinion, event }) => {
      const written = at(record, 'actor_ip');
      return event.sourceIp === written && /^[1.]+$/.test(`${opinion.ip}${String(written)}`);
    },
  },
]; // prettier-ignore

/** What Sekoia's reading of a diagnostic record of Entra is in our words, by its fields alone (sources.md 1.6). */
function entraTypeOf(expected: unknown): string | undefined {
  const [operation, category] = [at(expected, 'event', 'action'), at(expected, 'azuread', 'category')];
  const told = `${String(operation)} of ${String(category)}`;
  if (told === 'Sign-in activity of SignInLogs') return 'signIn.user';
  if (told === 'Sign-in activity of NonInteractiveUserSignInLogs') return 'signIn.user.nonInteractive';
  if (told === 'Microsoft Graph Activity of MicrosoftGraphActivityLogs')
    return `graph.${String(at(expected, 'http', 'request', 'method'))}`;
  if (told === 'User Risk Detection of UserRiskEvents') return `risk.${String(at(expected, 'event', 'reason'))}`;
  return undefined;
}

/** The explanation of a disagreement at a line of a file; undefined where there is none. */
export function explanationOf(file: string, field: Field, line: number): Explained | undefined {
  return EXPLAINED.find((one) => one.file === file && one.field === field && one.lines.includes(line));
}
