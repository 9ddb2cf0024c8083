import { at } from '../../ingest/sources/read.ts';
import type { AuditEvent } from '../../model/event.ts';
import type { Field, Opinion } from './second-opinion.ts';

/** What an explanation is checked by: the record, the publisher's reading of it, and ours. */
interface Both {
  readonly record: unknown;
  readonly opinion: Opinion;
  readonly event: AuditEvent;
}

/** A disagreement with a publisher by file, field and lines (from 0), why it is one, and how that shows in the record. */
export interface Explained {
  readonly file: string;
  readonly field: Field;
  readonly lines: readonly number[];
  readonly because: string;
  readonly shows: (both: Both) => boolean;
}

const timeOf = (value: unknown): number => Date.parse(String(value));

/** Every disagreement that is left. Each is a claim about the record, which the test holds against it. */
export const EXPLAINED: readonly Explained[] = [
  {
    file: 'okta/ocsf-examples',
    field: 'when',
    lines: [0],
    because: 'the publisher wrote another year',
    shows: ({ record, opinion }) => {
      const [theirs, written] = [new Date(opinion.when ?? 0), new Date(timeOf(at(record, 'published')))];
      return theirs.getUTCFullYear() !== written.getUTCFullYear() && theirs.getUTCMonth() === written.getUTCMonth();
    },
  },
  {
    file: 'okta/ocsf-examples',
    field: 'what',
    lines: [1],
    because: 'the publisher misspelt the type',
    shows: ({ record, event }) => event.type === at(record, 'eventType'),
  },
  {
    file: 'cloudtrail/sekoia-cloudtrail',
    field: 'outcome',
    lines: [2],
    because: 'the record holds an error code, which the publisher leaves out',
    shows: ({ record, opinion }) => typeof at(record, 'errorCode') === 'string' && opinion.outcome === 'success',
  },
  {
    file: 'cloudtrail/sekoia-cloudtrail',
    field: 'what',
    lines: [8],
    because: 'an insight is about a call and is none: nobody called at its time',
    shows: ({ record, opinion }) =>
      at(record, 'eventName') === undefined && at(record, 'insightDetails', 'eventName') === opinion.what,
  },
  {
    file: 'kubernetes/sekoia-audit-log',
    field: 'ip',
    lines: [3],
    because: 'all but the last of the addresses are what the client said',
    shows: ({ record, opinion, event }) => {
      const addresses = at(record, 'sourceIPs');
      return Array.isArray(addresses) && addresses.length > 1 && addresses[0] === opinion.ip && addresses.at(-1) === event.sourceIp; // prettier-ignore
    },
  },
  {
    file: 'vault/transcribed-elastic-test-audit',
    field: 'outcome',
    lines: [0],
    because: 'a request entry has no outcome yet',
    shows: ({ record, event }) => at(record, 'type') === 'request' && event.outcome === 'pending',
  },
  {
    file: 'entra/sekoia-diagnostic-settings',
    field: 'what',
    lines: [2, 3, 4, 5, 8, 9, 10, 11, 12, 14],
    because: 'we tell kinds of sign-in, call and risk apart, where the publisher repeats the one name of the category',
    shows: ({ record, opinion, event }) =>
      opinion.what !== undefined &&
      opinion.what === at(record, 'operationName') &&
      ['Sign-in activity', 'Microsoft Graph Activity', 'User Risk Detection'].includes(opinion.what) &&
      /^(?:signin|graph|risk)\b/i.test(event.type),
  },
  {
    file: 'github-audit/ocsf-examples',
    field: 'ip',
    lines: [1],
    because: 'the publisher masked the address in another way',
    // Each digit became a 1: nobody's address is left on either side.
    shows: ({ record, opinion, event }) => {
      const written = at(record, 'actor_ip');
      return event.sourceIp === written && /^[1.]+$/.test(`${opinion.ip}${String(written)}`);
    },
  },
];

/** The explanation of a disagreement at a line of a file; undefined where there is none. */
export function explanationOf(file: string, field: Field, line: number): Explained | undefined {
  return EXPLAINED.find((one) => one.file === file && one.field === field && one.lines.includes(line));
}
