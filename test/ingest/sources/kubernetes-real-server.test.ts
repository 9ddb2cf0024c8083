import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { at } from '../../../ingest/sources/read.ts';
import { kubernetesAudit } from '../../../ingest/sources/kubernetes-audit.ts';
import type { AuditEvent } from '../../../model/event.ts';
import { contentHashOf } from '../../../model/event-id.ts';
import { parsePolicy, sourceOf } from '../../../model/policy.ts';
import { tokenKey } from '../../../model/keys.ts';
import { parseStamp } from '../../../model/time.ts';
import { SHARED, inputOf, readLines } from '../../support/adapter-input.ts';
import { PERFECT, statedFit } from '../../support/fit.ts';

/** Events that a real API server wrote (../shared/corpus/kubernetes/apiserver-0.37.2), with what was asked of it. */
const FOLDER = join(SHARED, 'corpus/kubernetes/apiserver-0.37.2');
const CLUSTER = 'lab';
const GITLAB = 'gitlab.acme.example';

interface Act {
  readonly n: number;
  readonly case: string;
  readonly cred: {
    readonly type: string;
    readonly iss?: string;
    readonly jti?: string;
    readonly job_id?: string;
    readonly sha256?: string;
  };
  readonly status: number | null;
  readonly audit_id?: string;
  readonly path: string;
  readonly t_start: string;
  readonly t_end: string;
}

// Only a string that is not empty is an id of a token (sources.md 1.9.1).
const hasJtiOf = (act: Act): boolean => !/^token-(?:empty|no|null|numeric)-jti$/.test(act.case);

function parseAll(items: readonly unknown[]): readonly AuditEvent[] {
  const policy = parsePolicy(
    JSON.stringify({
      sources: [
        { family: 'k8s.audit', instance: CLUSTER, claim_prefix: 'acme.example' },
        { family: 'gitlab.hook', instance: GITLAB },
      ],
    }),
  );
  const settings = sourceOf(policy, 'k8s.audit', CLUSTER);
  return items.map((json) => {
    const parsed = kubernetesAudit.parse(inputOf(json, { instance: CLUSTER, ...(settings && { settings }) }));
    if (!parsed.ok || !parsed.events[0]) throw new Error(parsed.ok ? 'none' : `${parsed.reason} ${parsed.detail}`);
    return parsed.events[0];
  });
}

function isDuring(act: Act, { occurred }: AuditEvent): boolean {
  return occurred.at >= (parseStamp(act.t_start)?.at ?? 0) && occurred.at <= (parseStamp(act.t_end)?.at ?? 0);
}

describe.skipIf(!existsSync(FOLDER))('a real API server (needs ../shared/corpus)', () => {
  const log = existsSync(FOLDER) ? parseAll(readLines(join(FOLDER, 'audit.ndjson.gz')) ?? []) : [];
  const bodies = existsSync(FOLDER)
    ? ((readLines(join(FOLDER, 'webhook-eventlists.ndjson.gz')) ?? []) as readonly { items: readonly unknown[] }[])
    : [];
  const acts = existsSync(FOLDER) ? ((readLines(join(FOLDER, 'truth.ndjson.gz')) ?? []) as readonly Act[]) : [];
  const eventsOf = (act: Act): readonly AuditEvent[] =>
    log.filter((event) => at(event.content, 'auditID') === act.audit_id && isDuring(act, event));

  test('every event is typed and read without rest; log and webhook tell the same', () => {
    const hook = parseAll(bodies.flatMap((body) => body.items));
    expect([log.length, hook.length]).toEqual([429, 479]);
    expect(log.flatMap((event) => event.unread)).toEqual([]);
    const keys = (events: readonly AuditEvent[]): readonly string[] =>
      [...new Set(events.map((event) => event.dedupeKey))].toSorted();
    expect(keys(log)).toHaveLength(429);
    expect(keys(hook)).toEqual(keys(log));
    const names = log.map((event) => event.nativeId);
    expect(new Set(names).size).toBe(names.length);
    // Repeated webhook bodies agree with themselves.
    const hashes = new Map<string, string>();
    for (const event of hook) {
      const held = hashes.get(event.dedupeKey);
      expect(held ?? contentHashOf(event)).toBe(contentHashOf(event));
      hashes.set(event.dedupeKey, contentHashOf(event));
    }
  });

  test('requests: log and webhook give those of the 216 acts, each once', () => {
    const hook = parseAll(bodies.flatMap((body) => body.items));
    // What reached the server, by who asked: the server's own requests are not acts of anybody.
    const requestOf = ({ content }: AuditEvent): string => `${String(at(content, 'auditID'))}@${String(at(content, 'requestReceivedTimestamp'))}`; // prettier-ignore
    const requestsOf = (events: readonly AuditEvent[]): ReadonlyMap<string, AuditEvent> =>
      new Map(
        events
          .filter((event) => event.actor.display !== 'system:apiserver')
          .map((event) => [requestOf(event), event] as const)
          .toReversed(),
      );
    const [inLog, inHook] = [requestsOf(log), requestsOf(hook)];
    expect(statedFit('kubernetes, requests of webhook against log', inHook.keys(), inLog.keys())).toEqual(PERFECT);
    const used = new Set<string>();
    const without: string[] = [];
    for (const act of acts) {
      // A connection that was cut, or upgraded, told its caller no id: its address and time do.
      const isMine = ({ content }: AuditEvent): boolean =>
        act.audit_id ? at(content, 'auditID') === act.audit_id : at(content, 'requestURI') === act.path;
      const mine = [...inLog].filter(([name, event]) => !used.has(name) && isMine(event) && isDuring(act, event));
      const [first] = mine.toSorted(([, one], [, other]) => one.occurred.at - other.occurred.at);
      if (first) used.add(first[0]);
      else without.push(act.case);
    }
    expect(acts).toHaveLength(216);
    // kubectl answered these from what it had fetched before; the id that it shows is that of the earlier request.
    expect(without).toEqual(['kubectl:apply-again', 'kubectl:apply-server-side', 'kubectl:apply-dry-run-server']);
    expect(statedFit('kubernetes, requests against acts', inLog.keys(), used)).toEqual(PERFECT);
  });

  test('outcomes: of each act the one its client saw, but for what the server itself logs otherwise', () => {
    const found: string[] = [];
    const truth: string[] = [];
    const otherwise: string[] = [];
    for (const act of acts) {
      const last = eventsOf(act).findLast(
        (event) => event.facts.call?.phase === undefined && event.facts.call !== undefined,
      );
      if (!last || act.status === null) continue;
      const isFailed = last.outcome === 'failure' || last.outcome === 'denied';
      // The audit code can differ from the client's (sources.md 1.9.1, Outcome): 504 against 200, and a cut connection.
      const codes = `${act.status} ${last.outcomeCode}`;
      if (/^504 200$|^200 50[04]$/.test(codes)) otherwise.push(act.case);
      else {
        found.push(`${act.n} ${isFailed ? 'failed' : 'done'}`);
        truth.push(`${act.n} ${act.status >= 400 ? 'failed' : 'done'}`);
      }
    }
    expect(truth.length).toBeGreaterThan(190);
    expect(otherwise.length).toBeLessThanOrEqual(3);
    expect(statedFit('kubernetes, outcomes of acts', found, truth)).toEqual(PERFECT);
  });

  // By what is true alone, so that a person who was not found counts as missed: nobody was let in; the caller was told no
  // id to find the request by; it was refused before the server asked who calls; or kubectl shows the id
  // of an earlier request, for it asked nothing again.
  const isUntold = (act: Act): boolean =>
    act.status === 401 ||
    !act.audit_id ||
    act.case === 'bad-timeout-parameter' ||
    (act.case.startsWith('kubectl:') && acts.some((one) => one.n < act.n && one.audit_id === act.audit_id));

  test('people: whose credential each act was made with, and nobody for a refused login', () => {
    const found: string[] = [];
    const truth: string[] = [];
    for (const act of acts) {
      const own = eventsOf(act);
      const used = new Set(own.flatMap((event) => event.keys.filter((key) => key.role === 'uses').map((key) => key.key))); // prettier-ignore
      for (const key of used)
        if (/^(?:token:jti|gitlab:job|k8s:credential-id:lab\/X509)/.test(key)) found.push(`${act.n} ${key}`);
      const { type, iss, jti, job_id: job, sha256 } = act.cred;
      // A job is told only where it was mapped.
      const hasJti = hasJtiOf(act);
      if (isUntold(act)) continue;
      if (type === 'oidc' && hasJti) truth.push(`${act.n} ${tokenKey(iss, jti)?.key}`);
      if (type === 'oidc' && act.case !== 'token-no-job-id') truth.push(`${act.n} gitlab:job:${GITLAB}/${job}`);
      if (type === 'x509') truth.push(`${act.n} k8s:credential-id:${CLUSTER}/X509SHA256=${sha256}`);
    }
    expect(truth.length).toBeGreaterThan(300);
    expect(statedFit('kubernetes, credentials behind acts', found, truth)).toEqual(PERFECT);
  });

  test('edges: each token to the job that it was signed for, and to none that somebody only named', () => {
    const told = acts.filter((act) => act.cred.type === 'oidc' && act.case !== 'token-no-job-id' && hasJtiOf(act) && !isUntold(act)); // prettier-ignore
    const truth = told.map(({ cred }) => `gitlab:job:${GITLAB}/${cred.job_id} > ${tokenKey(cred.iss, cred.jti)?.key}`);
    const found = log
      .flatMap((event) => event.edges)
      .filter(({ parent, child }) => parent.type === 'gitlab:job' && child.type === 'token:jti')
      .map(({ parent, child }) => `${parent.key} > ${child.key}`);
    expect(new Set(truth).size).toBeGreaterThan(10);
    expect(statedFit('kubernetes, edges of jobs to tokens', found, truth)).toEqual(PERFECT);
  });

  test('tokens are joined by issuer and jti, and by the job that they were signed for', () => {
    // A refused token leaves no trace of whose it was.
    const known = acts.filter(
      (act) => act.cred.type === 'oidc' && eventsOf(act).some((event) => event.actor.key !== ''),
    );
    const usedBy = (act: Act): ReadonlySet<string> =>
      new Set(eventsOf(act).flatMap((event) => event.keys.filter((key) => key.role === 'uses').map((key) => key.key)));
    const noJti = known.filter((act) => !usedBy(act).has(tokenKey(act.cred.iss, act.cred.jti)?.key ?? 'none'));
    expect(known.length).toBeGreaterThan(140);
    expect(noJti.map((act) => act.case).toSorted()).toEqual([
      'token-empty-jti',
      'token-no-jti',
      'token-null-jti',
      'token-numeric-jti',
    ]);
    const noJob = known.filter((act) => !usedBy(act).has(`gitlab:job:${GITLAB}/${act.cred.job_id}`));
    expect(noJob.map((act) => act.case)).toEqual(['token-no-job-id']);
  });

  test('one jti for two jobs shows as two parents, and issuers that use one value stay apart', () => {
    const parents = new Map<string, Set<string>>();
    for (const { parent, child, rule } of log.flatMap((event) => event.edges)) {
      if (rule === 'E13') parents.set(child.key, (parents.get(child.key) ?? new Set()).add(parent.key));
    }
    const contested = [...parents].filter(([, jobs]) => jobs.size > 1);
    expect(contested.length).toBe(1);
    const same = log.flatMap((event) => event.edges).filter((edge) => edge.rule === 'E26');
    const tokens = new Map<string, Set<string>>();
    for (const { parent, child } of same) tokens.set(child.key, (tokens.get(child.key) ?? new Set()).add(parent.key));
    expect([...tokens.values()].every((one) => one.size === 1)).toBe(true);
  });

  test('what an impersonator wrote is a finding and no credential', () => {
    const claimed = log.filter((event) => event.onBehalfOf !== undefined);
    expect(claimed.length).toBeGreaterThan(3);
    const forged = claimed.filter((event) => event.facts.findings?.some((finding) => finding.kind === 'forged_extra'));
    expect(forged.length).toBeGreaterThan(0);
    for (const event of forged) {
      const jobs = event.keys.filter((key) => key.type === 'gitlab:job');
      expect(
        jobs.filter((key) => key.field.startsWith('impersonatedUser')).every((key) => key.role === 'mentions'),
      ).toBe(true);
    }
  });

  test('a refused login, whose only stage is the start of the answer, is a call without a caller', () => {
    const refused = log.filter((event) => event.type.endsWith('(ResponseStarted)') && event.outcomeCode === '401');
    expect(refused).toHaveLength(26);
    for (const event of refused) {
      expect([event.outcome, event.actor.kind, event.facts.call?.phase]).toEqual(['denied', 'unknown', undefined]);
      expect(event.keys.filter((key) => key.role === 'uses')).toEqual([]);
    }
  });
});
