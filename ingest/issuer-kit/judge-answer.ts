import type { Answer } from './transport.ts';

/** Why one event of a batch was refused. */
export interface Refusal {
  readonly index: number;
  readonly status: number;
  readonly reason: string;
  readonly detail: string;
  readonly path?: string;
  readonly remedy?: string;
}

/**
 * What an answer means for the batch that was sent. `refused`: these are no good, the rest is sent again. `split`: one of
 * them is no good, and halves will tell which. `wait`: come again later. `blocked`: nothing is wrong with the events, but
 * somebody must mend the connection; come again as well.
 */
export type Meaning =
  | { readonly is: 'taken' }
  | { readonly is: 'refused'; readonly refusals: readonly Refusal[] }
  | { readonly is: 'split' }
  | { readonly is: 'wait'; readonly why: string; readonly atLeastMs: number | undefined }
  | { readonly is: 'blocked'; readonly why: string; readonly atLeastMs: number | undefined };

// Wrong with the credential, the address or the registration: no event can be blamed for it.
const OF_THE_CONNECTION = new Set([
  'unauthenticated',
  'unknown_source',
  'unsupported_media_type',
  'source_not_registered',
]);
const PASSING = new Set([0, 408, 421, 425, 429]);
const OF_EVENTS = new Set([400, 403, 409, 413, 415, 422]);

/** Judges an answer to a batch of `count` events. Total: every status has a meaning, and none loses an event. */
export function judgeAnswer(answer: Answer, count: number): Meaning {
  const { status, body, retryAfterMs: atLeastMs } = answer;
  if (status >= 200 && status < 300) return { is: 'taken' };
  const why = words(answer);
  if (PASSING.has(status) || status >= 500) return { is: 'wait', why, atLeastMs };
  const failing = listOf(body['failing']);
  const reasons = failing.length > 0 ? failing.map((entry) => entry['reason']) : [body['reason']];
  const ofConnection = reasons.every((reason) => OF_THE_CONNECTION.has(String(reason)));
  if (ofConnection || !OF_EVENTS.has(status)) return { is: 'blocked', why, atLeastMs };
  // Without a word of the door's own it is something between that refuses, a firewall for one.
  if (status === 403 && body['reason'] === undefined) return { is: 'blocked', why, atLeastMs };
  const named =
    status === 409 ? conflictsOf(body, firstText(body['detail']) ?? why, count) : refusalsOf(failing, answer, count);
  if (named.length > 0) return { is: 'refused', refusals: named };
  if (count > 1) return { is: 'split' };
  return { is: 'refused', refusals: [refusal({}, answer, 0)] };
}

function conflictsOf(body: Answer['body'], detail: string, count: number): readonly Refusal[] {
  const places = Array.isArray(body['conflicts']) ? (body['conflicts'] as unknown[]) : [];
  return places
    .filter((place): place is number => isPlace(place, count))
    .map((index) => ({ index, status: 409, reason: 'conflict', detail, ...remedyOf(body) }));
}

function refusalsOf(failing: readonly Entry[], answer: Answer, count: number): readonly Refusal[] {
  return failing.flatMap((entry) => (isPlace(entry['index'], count) ? [refusal(entry, answer, entry['index'])] : []));
}

function refusal(entry: Entry, answer: Answer, index: number): Refusal {
  const { status, body } = answer;
  const path = entry['path'] ?? body['path'];
  return {
    index,
    status,
    reason: firstText(entry['reason'], body['reason'], body['code']) ?? `http_${status}`,
    detail: firstText(entry['detail'], body['detail']) ?? words(answer),
    ...(typeof path === 'string' && { path }),
    ...remedyOf(body),
  };
}

type Entry = Readonly<Record<string, unknown>>;

function listOf(value: unknown): readonly Entry[] {
  return Array.isArray(value) ? value.filter((item): item is Entry => item !== null && typeof item === 'object') : [];
}

function isPlace(value: unknown, count: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < count;
}

function firstText(...values: readonly unknown[]): string | undefined {
  return values.find((value): value is string => typeof value === 'string');
}

function remedyOf(body: Answer['body']): { remedy?: string } {
  return typeof body['remedy'] === 'string' ? { remedy: body['remedy'] } : {};
}

function words({ status, body, fault }: Answer): string {
  if (fault !== undefined) return `Custody cannot be reached: ${fault}`;
  const detail = typeof body['detail'] === 'string' ? body['detail'] : '';
  if (status >= 300 && status < 400)
    return `HTTP ${status}: redirects are not followed; set url to where Custody answers.`;
  return `HTTP ${status}${detail === '' ? '' : `: ${detail}`}`;
}
