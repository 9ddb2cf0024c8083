import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { kubernetesAudit } from '../../../ingest/sources/kubernetes-audit.ts';
import type { AuditEvent } from '../../../model/event.ts';
import { contentHashOf } from '../../../model/event-id.ts';
import { parsePolicy, sourceOf } from '../../../model/policy.ts';
import { tokenKey } from '../../../model/keys.ts';
import { parseStamp } from '../../../model/time.ts';
import { SHARED, inputOf, readLines } from '../../support/adapter-input.ts';

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
  readonly t_start: string;
  readonly t_end: string;
}

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

describe.skipIf(!existsSync(FOLDER))('a real API server (needs ../shared/corpus)', () => {
  const log = existsSync(FOLDER) ? parseAll(readLines(join(FOLDER, 'audit.ndjson.gz')) ?? []) : [];
  const bodies = existsSync(FOLDER)
    ? ((readLines(join(FOLDER, 'webhook-eventlists.ndjson.gz')) ?? []) as readonly { items: readonly unknown[] }[])
    : [];
  const acts = existsSync(FOLDER) ? ((readLines(join(FOLDER, 'truth.ndjson.gz')) ?? []) as readonly Act[]) : [];
  const eventsOf = (act: Act): readonly AuditEvent[] =>
    log.filter((event) => {
      const [auditId] = event.dedupeKey.split('\u0000');
      const [start, end] = [parseStamp(act.t_start)?.at ?? 0, parseStamp(act.t_end)?.at ?? 0];
      return auditId === act.audit_id && event.occurred.at >= start && event.occurred.at <= end;
    });

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

  test('the outcome of each act is the one its client saw, but for what the server itself logs otherwise', () => {
    const wrong: string[] = [];
    let judged = 0;
    for (const act of acts) {
      const last = eventsOf(act).findLast(
        (event) => event.facts.call?.phase === undefined && event.facts.call !== undefined,
      );
      if (!last || act.status === null) continue;
      judged += 1;
      const failed = last.outcome === 'failure' || last.outcome === 'denied';
      if (failed !== act.status >= 400) wrong.push(`${act.case} ${act.status} ${last.outcomeCode}`);
    }
    expect(judged).toBeGreaterThan(190);
    // The audit code can differ from the client's (sources.md 1.9.1, Outcome): 504 against 200, and a cut connection.
    expect(wrong.filter((line) => !/ 504 200$| 200 50[04]$/.test(line))).toEqual([]);
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
