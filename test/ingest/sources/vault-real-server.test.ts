import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { vaultAudit } from '../../../ingest/sources/vault-audit.ts';
import type { AuditEvent } from '../../../model/event.ts';
import { parsePolicy, sourceOf } from '../../../model/policy.ts';
import { SHARED, inputOf, readLines } from '../../support/adapter-input.ts';
import { PERFECT, fitOf, statedFit } from '../../support/fit.ts';

/** A log that a real server wrote (../shared/corpus/vault/openbao-2.6.2), with what was asked of it. */
const FOLDER = join(SHARED, 'corpus/vault/openbao-2.6.2');
const CLUSTER = 'lab';
// What is born in Vault: tokens and leases of its engines.
const CHILD = /^(?:vault:accessor-hmac|vault:lease:lab\/(?!file\/))/;
/** The request whose child token claims another job's origin (README of the folder). */
const FORGED = 94;
const GITLAB = '127.0.0.1:28443';

interface Act {
  readonly n: number;
  readonly path: string;
  readonly note: string;
  readonly phase?: string;
  readonly status: number | null;
  readonly request_ids?: readonly string[];
  readonly who?: { readonly iss?: string; readonly jti?: string; readonly parent_jti?: string };
  readonly uses_accessor_hmac?: string;
  readonly entries?: readonly (readonly [number, string, string, boolean])[];
}

interface Token {
  readonly iss?: string;
  readonly jti?: string;
  readonly accessor?: string;
  readonly accessor_hmac?: string;
  readonly lease_id?: string;
  readonly wrap_accessor?: string;
  readonly wrap_accessor_hmac?: string;
}

interface TrueEdge {
  readonly kind: 'login' | 'leased' | 'created' | 'wrapped' | 'unwrapped' | 'exchanged';
  readonly parent: Token;
  readonly child: Token;
  readonly by: number | null;
  readonly role?: string;
  readonly path?: string;
}

function readEvents(): readonly AuditEvent[] {
  const settings = sourceOf(
    parsePolicy(
      JSON.stringify({
        sources: [
          { family: 'vault.audit', instance: CLUSTER, device: 'file', jwt_issuer: `https://${GITLAB}` },
          { family: 'gitlab.hook', instance: GITLAB },
        ],
      }),
    ),
    'vault.audit',
    CLUSTER,
  );
  return (readLines(join(FOLDER, 'audit.ndjson.gz')) ?? []).map((json) => {
    const parsed = vaultAudit.parse(inputOf(json, { instance: CLUSTER, ...(settings && { settings }) }));
    if (!parsed.ok || !parsed.events[0]) throw new Error('refused');
    return parsed.events[0];
  });
}

function nameOf(token: Token): string | undefined {
  if (token.jti !== undefined) return `token:jti:${token.iss}/${token.jti}`;
  if (token.lease_id !== undefined) return `vault:lease:${CLUSTER}/${token.lease_id}`;
  if (token.wrap_accessor_hmac !== undefined) return `vault:wrap:${CLUSTER}/file/${token.wrap_accessor_hmac}`;
  return token.accessor_hmac === undefined ? undefined : `vault:accessor-hmac:${CLUSTER}/file/${token.accessor_hmac}`;
}

describe.skipIf(!existsSync(FOLDER))('a real Vault-format log (needs ../shared/corpus)', () => {
  const events = existsSync(FOLDER) ? readEvents() : [];
  const acts = existsSync(FOLDER) ? ((readLines(join(FOLDER, 'truth.ndjson.gz')) ?? []) as readonly Act[]) : [];
  const edges = events.flatMap((event) => event.edges.map((edge) => ({ ...edge, event })));

  test('every entry is typed and read without rest', () => {
    expect(events).toHaveLength(659);
    expect(events.flatMap((event) => event.unread)).toEqual([]);
    expect(events.filter((event) => event.action === 'other')).toEqual([]);
  });

  test('outcomes: of each request what its caller saw; a 404 leaves no mark', () => {
    const found: string[] = [];
    const truth: string[] = [];
    for (const act of acts) {
      const own = events.filter((event) => act.request_ids?.includes(event.nativeId.split(':')[0] ?? ''));
      if (own.length === 0 || act.status === null || act.status === undefined || act.status === 404) continue;
      const last = own.findLast((event) => event.nativeId.endsWith(':response')) ?? own.at(-1);
      const isFailed = last?.outcome === 'failure' || last?.outcome === 'denied';
      found.push(`${act.n} ${act.path} ${isFailed ? 'failed' : 'done'}`);
      truth.push(`${act.n} ${act.path} ${act.status >= 400 ? 'failed' : 'done'}`);
    }
    expect(truth.length).toBeGreaterThan(310);
    expect(statedFit('vault, outcomes of requests', found, truth)).toEqual(PERFECT);
  });

  test('people: each request of a job leads up to the ID token that the job logged in with', () => {
    const mine = parentsOf(edges.map(({ parent, child }) => [parent.key, child.key]));
    const found: string[] = [];
    const truth: string[] = [];
    for (const act of acts) {
      const own = events.filter((event) => act.request_ids?.includes(event.nativeId.split(':')[0] ?? ''));
      const used = own.flatMap((event) => event.keys.filter((key) => key.role === 'uses'));
      const born = used.flatMap((key) => [...above(mine, key.key)]).filter((key) => key.startsWith('token:jti:'));
      const { iss, jti } = act.who ?? {};
      if ((act.status ?? 500) >= 400) continue;
      if (born.length > 0) for (const one of new Set(born)) found.push(`${act.n} ${one}`);
      if (iss !== undefined && jti !== undefined && !/without (?:jti|claim_mappings)/.test(act.note))
        truth.push(`${act.n} token:jti:${iss}/${jti}`);
      // A broker's token leads on to the ID token that the broker was given, where the role maps that claim.
      const { parent_jti: parent } = act.who ?? {};
      if (parent !== undefined && act.phase !== 'H namespaces')
        truth.push(`${act.n} token:jti:https://${GITLAB}/${parent}`);
    }
    expect(truth.length).toBeGreaterThan(160);
    expect(statedFit('vault, people behind requests', found, truth)).toEqual(PERFECT);
  });

  test('edges: all 82 that are true, but the one that the log cannot tell; none is invented', () => {
    const truth = (readLines(join(FOLDER, 'truth-edges.ndjson')) ?? []) as readonly TrueEdge[];
    expect(truth).toHaveLength(82);
    const isNamed = ({ parent, child }: TrueEdge): boolean =>
      nameOf(parent) !== undefined && nameOf(child) !== undefined;
    // A role that maps no claim leaves nothing to join by: `payments-nomap` is there to show it.
    const [untold, told] = [truth.filter(({ role }) => role === 'payments-nomap'), truth.filter(({ role }) => role !== 'payments-nomap')]; // prettier-ignore
    expect(untold).toHaveLength(1);
    const seen = told.filter(isNamed);
    // A batch token has no accessor: its login and its lease are two edges of the truth over a token without a name.
    const [login, leased, ...more] = told.filter((edge) => !isNamed(edge));
    expect([login?.kind, leased?.kind, more]).toEqual(['login', 'leased', []]);
    const mine = parentsOf(edges.map(({ parent, child }) => [parent.key, child.key]));
    const theirs = parentsOf(seen.map((edge) => [nameOf(edge.parent) ?? '', nameOf(edge.child) ?? '']));
    // Each true edge by itself: the child leads up to the parent.
    const reached = seen.filter((edge) => above(mine, nameOf(edge.child) ?? '').has(nameOf(edge.parent) ?? ''));
    expect(reached).toHaveLength(79);
    const overBatch = above(mine, (leased && nameOf(leased.child)) ?? '');
    expect(overBatch.has((login && nameOf(login.parent)) ?? 'none')).toBe(true);
    // And everything that a child leads up to is true: the whole way, not the next step alone.
    const judged = [...new Set([...mine.keys(), ...theirs.keys()])].filter((key) => CHILD.test(key));
    const unlisted = judged.filter((key) => !theirs.has(key));
    const ways = (from: ReadonlyMap<string, ReadonlySet<string>>): readonly string[] =>
      judged.filter((key) => theirs.has(key)).flatMap((key) => origins(above(from, key), key).map((one) => `${one} > ${key}`)); // prettier-ignore
    expect(statedFit('vault, edges', ways(mine), ways(theirs))).toEqual(PERFECT);
    // True, but not in the list: three inline logins, an administrator's child token, the lease of a batch token.
    expect(unlisted).toHaveLength(5);
  });

  test('each use of a token is tied to its birth, of dead and stolen tokens too', () => {
    const mine = parentsOf(edges.map(({ parent, child }) => [parent.key, child.key]));
    const untied: string[] = [];
    let tied = 0;
    for (const act of acts) {
      const token = act.uses_accessor_hmac;
      if (token === undefined || token === null || act.path.endsWith('/login')) continue;
      const own = events.filter((event) => act.request_ids?.includes(event.nativeId.split(':')[0] ?? ''));
      const used = own.flatMap((event) => event.keys.filter((key) => key.role === 'uses' || key.role === 'ends'));
      const reached = new Set(used.flatMap((key) => [...above(mine, key.key)]));
      const names = [`vault:accessor-hmac:${CLUSTER}/file/${token}`, `vault:wrap:${CLUSTER}/file/${token}`];
      if (own.length > 0 && !names.some((name) => reached.has(name))) untied.push(`${act.n} ${act.path} ${act.note}`);
      else tied += 1;
    }
    expect(untied).toEqual([]);
    expect(tied).toBeGreaterThan(190);
  });

  test('a dead token and a stolen one are findings of the answer, and of nothing else', () => {
    const found = (kind: string): readonly string[] =>
      events
        .filter((event) => event.facts.findings?.some((finding) => finding.kind === kind))
        .map((event) => acts.find((act) => act.request_ids?.includes(event.nativeId.split(':')[0] ?? ''))?.note ?? '');
    const dead = acts.filter((act) => act.status === 403 && /^(?:use (?:after|4 of 3)|revoke-self again|child after the death|token that never existed|an ID token as)/.test(act.note)); // prettier-ignore
    expect(dead.length).toBe(11);
    expect(
      fitOf(
        found('dead_token'),
        dead.map((act) => act.note),
      ),
    ).toEqual(PERFECT);
    // A stolen token that is bound to no address is let through and looks like any other use.
    const stolen = acts.filter((act) => act.note?.startsWith('STOLEN') && act.status === 403);
    expect(stolen.length).toBe(2);
    expect(
      fitOf(
        found('token_from_elsewhere'),
        stolen.map((act) => act.note),
      ),
    ).toEqual(PERFECT);
  });

  test('forged metadata is a finding and makes no edge', () => {
    const forged = events.filter((event) =>
      event.facts.findings?.some((finding) => finding.kind === 'forged_metadata'),
    );
    const children = acts.filter((act) => act.n === FORGED).flatMap((act) => act.request_ids ?? []);
    expect(forged.map((event) => event.nativeId.split(':')[0])).toEqual(expect.arrayContaining(children.slice(0, 1)));
    const births = events.filter((event) => event.edges.some((edge) => edge.rule === 'E13' || edge.rule === 'E21'));
    expect(births.every((event) => event.action === 'session.assume' || event.action === 'token.issue')).toBe(true);
    expect(
      births
        .filter((event) => event.edges.some((edge) => edge.rule === 'E13'))
        .every((event) => event.action === 'session.assume'),
    ).toBe(true);
  });
});

function parentsOf(pairs: readonly (readonly [string, string])[]): ReadonlyMap<string, ReadonlySet<string>> {
  const parents = new Map<string, Set<string>>();
  for (const [parent, child] of pairs) parents.set(child, (parents.get(child) ?? new Set()).add(parent));
  return parents;
}

function origins(keys: ReadonlySet<string>, self: string): readonly string[] {
  return [...keys].filter((key) => key !== self && /^(?:vault:accessor-hmac|token:jti)/.test(key));
}

function above(parents: ReadonlyMap<string, ReadonlySet<string>>, key: string): ReadonlySet<string> {
  const seen = new Set([key]);
  for (const one of seen) for (const parent of parents.get(one) ?? []) seen.add(parent);
  return seen;
}
