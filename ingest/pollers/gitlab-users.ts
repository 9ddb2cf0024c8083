import { createHash } from 'node:crypto';
import { z } from 'zod';
import { Problem } from '../../model/problem.ts';
import { decimalId } from '../../model/key.ts';
import { IDENTITY_MEMBERS, SCIM_MEMBERS } from '../sources/gitlab-users.ts';
import { at, isObject } from '../sources/read.ts';
import { addressOf, jsonOf, listOf, nextLink } from './poll-source.ts';
import type { PollSource, Portion, Round } from './poll-source.ts';

const cursorSchema = z.object({
  /** What was last told of each account that is tied to anything, by its number: a digest of it. */
  known: z.record(z.string(), z.string()),
  /** A walk that was not finished: the next page, and the greatest number of those before it. */
  walk: z.object({ next: z.url(), after: z.number() }).optional(),
});
type Cursor = z.output<typeof cursorSchema>;

const EXPIRED = [400, 404, 405];
// The cursor holds every account that is tied to something: where nothing changed it is written now and then only.
const KEPT_EVERY = 20;
const DIGEST_CHARS = 16;

/**
 * To which identity providers the users of a GitLab are tied (`GET /api/v4/users` as administrator; sources.md 4.1). Each
 * round reads all users by keyset in the order of their numbers. Nothing of a user is taken in but what ties the account
 * to a provider, and that only when it changed: one statement an account, with the moment of looking. An account that
 * should have stood between two others and did not is asked for by its number before it is said to be gone.
 */
export const pollGitlabUsers: PollSource = {
  what: 'identities of users',
  reads: 'on',
  intervalSeconds: 3_600,
  shown: (cursor) => {
    const { known, walk } = cursorSchema.safeParse(cursor).data ?? { known: {} };
    return { accounts: Object.keys(known).length, ...(walk && { walk }) };
  },
  round,
};

async function* round(given: Round): AsyncGenerator<Portion, void, undefined> {
  const { http, poll, say } = given;
  if (poll.scope !== undefined)
    throw new Problem('configuration', 'The users of a GitLab are read as a whole: take scope out of this poll.');
  const first = addressOf(poll, '/api/v4/users', {
    pagination: 'keyset',
    order_by: 'id',
    sort: 'asc',
    per_page: Math.min(100, poll.page_size ?? 100),
  });
  let cursor: Cursor = cursorSchema.safeParse(given.cursor).data ?? { known: {} };
  let url = cursor.walk ? new URL(cursor.walk.next) : first;
  let isStored = cursor.walk !== undefined;
  const every = Math.min(KEPT_EVERY, poll.max_pages);
  for (let page = 1; ; page += 1) {
    const answer = await http.send({ url, accept: isStored ? EXPIRED : [] });
    if (answer.status >= 300) {
      say(`GitLab no longer knows the link to the next page (${answer.status}); reading the users from the first`);
      cursor = { known: cursor.known };
      url = first;
      isStored = false;
      continue;
    }
    isStored = false;
    const rows = listOf(answer.body, 'GitLab').map((row) => stateOf(row));
    const next = rows.length === 0 ? undefined : nextLink(answer.headers, url);
    const after = cursor.walk?.after ?? 0;
    const last = next === undefined ? Infinity : rows.reduce((most, { id }) => Math.max(most, id), after);
    const states = [...rows, ...(await absent(given, cursor, rows, after, last))];
    const { known, changed } = compare(cursor.known, states);
    cursor = { known, ...(next && { walk: { next: next.href, after: last } }) };
    const observed = new Date(given.clock()).toISOString();
    const body = changed.map(({ told }) => ({ observed_at: observed, ...told }));
    const isKept = body.length > 0 || next === undefined || page % every === 0;
    yield {
      source: 'gitlab.users',
      body: body.length === 0 ? Buffer.alloc(0) : Buffer.from(JSON.stringify(body)),
      cursor: isKept ? cursor : undefined,
    };
    if (next === undefined) return;
    if (next.href === url.href)
      throw new Problem('unavailable', 'GitLab names the same page of users as the next one.');
    url = next;
  }
}

interface State {
  readonly id: number;
  /** What is told of the account. */
  readonly told: Readonly<Record<string, unknown>>;
  /** Undefined where it is tied to nothing: that is told only of an account that was. */
  readonly digest?: string;
}

/** The part of a user that says to whom the account is tied. Everything else in the row is a person's and is left out. */
function stateOf(row: unknown): State {
  const id = Number(decimalId(at(row, 'id')) ?? Number.NaN);
  if (!Number.isSafeInteger(id)) throw new Problem('unavailable', 'GitLab answered a user without a number.');
  const identities = at(row, 'identities');
  if (!Array.isArray(identities)) {
    throw new Problem(
      'configuration',
      "GitLab leaves the identities of users out: the token of this poll is no administrator's (scope read_api, or admin_mode where it is on).",
    );
  }
  const group = at(row, 'provisioned_by_group_id');
  const scim = at(row, 'scim_identities');
  const tied = {
    identities: membersOf(identities, IDENTITY_MEMBERS),
    ...(Array.isArray(scim) && { scim_identities: membersOf(scim, SCIM_MEMBERS) }),
    ...(typeof group === 'number' && { provisioned_by_group_id: group }),
  };
  const isTied = tied.identities.length > 0 || (tied.scim_identities?.length ?? 0) > 0;
  const username = at(row, 'username');
  const told = { id, ...(typeof username === 'string' && { username: username.slice(0, 255) }), ...tied };
  if (!isTied) return { id, told };
  const digest = createHash('sha256').update(JSON.stringify(told)).digest('base64url').slice(0, DIGEST_CHARS);
  return { id, told, digest };
}

// In one order, whatever the order of the answer: a list that is only shuffled has not changed.
function membersOf(list: readonly unknown[], names: readonly string[]): readonly object[] {
  const items = list.filter(isObject).map((item) => Object.fromEntries(names.map((name) => [name, item[name]] as const).filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value)))); // prettier-ignore
  const texts = [...new Set(items.map((item) => JSON.stringify(item)))].toSorted();
  return texts.map((text) => JSON.parse(text) as object);
}

/** Accounts that were known between the numbers of a page and do not stand there: each is asked for by itself. */
async function absent(
  { http, poll }: Round,
  { known }: Cursor,
  rows: readonly State[],
  after: number,
  last: number,
): Promise<readonly State[]> {
  const met = new Set(rows.map(({ id }) => id));
  const missing = Object.keys(known).map(Number).filter((id) => id > after && id <= last && !met.has(id)); // prettier-ignore
  const states: State[] = [];
  for (const id of missing) {
    const answer = await http.send({ url: addressOf(poll, `/api/v4/users/${id}`), accept: [404] });
    if (answer.status === 404) states.push({ id, told: { id, present: false, identities: [] } });
    else states.push(stateOf(jsonOf(answer.body, 'GitLab')));
  }
  return states;
}

function compare(
  before: Readonly<Record<string, string>>,
  states: readonly State[],
): { readonly known: Readonly<Record<string, string>>; readonly changed: readonly State[] } {
  const changed = new Map<number, State>();
  for (const state of states) {
    if (before[state.id] === state.digest) changed.delete(state.id);
    else changed.set(state.id, state);
  }
  if (changed.size === 0) return { known: before, changed: [] };
  const known = { ...before };
  for (const { id, digest } of changed.values()) {
    if (digest === undefined) delete known[id];
    else known[id] = digest;
  }
  return { known, changed: [...changed.values()] };
}
