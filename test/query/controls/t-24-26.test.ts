import { describe, expect, test } from 'vitest';
import type { TestId } from '../../../model/control.ts';
import { createFixture, GITLAB, gitlabUser } from '../../support/control-fixture.ts';
import type { Fixture } from '../../support/control-fixture.ts';

const MR = `gitlab:mr:${GITLAB}/50`;
const IDENTITIES = [
  {
    person: 'idp:user:https://idp.example/u-author',
    aliases: [gitlabUser(1).key, gitlabUser(2).key, 'email:author@corp.example'],
  },
  { person: 'idp:user:https://idp.example/u-other', aliases: [gitlabUser(3).key] },
];
const REGISTERED = { identities: IDENTITIES, projects: [{ id: 7, path: 'team/app', protected_refs: ['main'] }] };

interface Change {
  /** Number of the account that approves, when, and which commit stood then. */
  readonly approvals?: readonly (readonly [user: number, when: string, commit: string])[];
  readonly merged?: string | null;
  readonly last?: string;
  readonly received?: string;
  /** No event names an author. */
  readonly anonymous?: boolean;
}

/** A merge request of account 1: pushed, approved, merged as commit "merge" into main. */
function change(fixture: Fixture, spec: Change = {}): void {
  const { approvals = [[3, '2026-03-09T10:00:00Z', 'c1']], merged = '2026-03-09T11:00:00Z', last = 'c1' } = spec;
  const author = spec.anonymous === true ? {} : { author: gitlabUser(1).key };
  const facts = { project_id: '7', ...author, source_branch: 'topic', target_branch: 'main' };
  const add = (
    name: string,
    action: 'open' | 'approve' | 'unapprove' | 'merge',
    at: string,
    by: number,
    more: Record<string, unknown>,
  ): void => {
    const decided =
      action === 'approve' ? { decision: { decided: 'approved' as const, sha: String(more['last_commit']) } } : {};
    fixture.add({
      name, family: 'gitlab.hook', action: `merge_request.${action}`, at, actor: gitlabUser(by), precision: 'ms',
      ...(spec.received === undefined ? {} : { received: spec.received }),
      facts: { merge_request: { ...facts, ...more }, ...decided }, keys: [[action === 'approve' ? 'decides' : 'subject', MR]],
    }); // prettier-ignore
  };
  add('open', 'open', '2026-03-09T09:00:00Z', 1, { last_commit: 'c1' });
  approvals.forEach(([user, when, commit], index) =>
    add(`approve-${index}`, 'approve', when, user, { last_commit: commit }),
  );
  if (merged !== null) add('merge', 'merge', merged, 3, { last_commit: last, merge_sha: 'merge', state: 'merged' });
}

function push(fixture: Fixture, ref: string, after: string, emails: readonly string[], by = 1): void {
  fixture.add({
    name: `push-${after}`, family: 'gitlab.hook', action: 'repo.write', at: '2026-03-09T08:00:00Z', actor: gitlabUser(by),
    facts: { push: { project_id: '7', ref, after, author_emails: emails } },
  }); // prettier-ignore
}

function verdictOf(fixture: Fixture, id: TestId, options = {}): string {
  const { items, passed } = fixture.run(id, options);
  const [item] = items;
  return item ? `${item.verdict} ${item.attribute}` : passed > 0 ? 'pass' : 'none';
}

describe('T-24 each production deployment comes from an independently approved merge', () => {
  function deployed(sha: string | undefined, ref = 'main', environment = 'production'): Fixture {
    const fixture = createFixture(REGISTERED);
    const job = `gitlab:job:${GITLAB}/1`;
    fixture.add({
      name: 'job', family: 'gitlab.hook', action: 'job.start', at: '2026-03-10T10:00:00Z',
      facts: { job: { project_id: '7', ref, ...(sha === undefined ? {} : { sha }) } }, keys: [['subject', job]],
    }); // prettier-ignore
    fixture.add({
      name: 'deployment', family: 'gitlab.hook', action: 'deployment.finish', at: '2026-03-10T10:01:00Z',
      facts: { deployment: { status: 'success', environment, project_id: '7' } },
      keys: [['subject', `gitlab:deployment:${GITLAB}/9`], ['uses', job]],
    }); // prettier-ignore
    return fixture;
  }

  test.each([
    ['approved by another, as merged', {}, 'pass'],
    [
      'approved again after the last push',
      {
        approvals: [
          [3, '2026-03-09T09:30:00Z', 'c0'],
          [3, '2026-03-09T10:00:00Z', 'c1'],
        ],
      },
      'pass',
    ],
    ['approved before the last push', { last: 'c2' }, 'exception approval_before_last_push'],
    [
      'approved after the merge',
      { approvals: [[3, '2026-03-09T11:00:10Z', 'c1']] },
      'exception approval_before_last_push',
    ],
    ['approved by its author', { approvals: [[1, '2026-03-09T10:00:00Z', 'c1']] }, 'exception self_approved'],
    [
      'approved by another account of its author',
      { approvals: [[2, '2026-03-09T10:00:00Z', 'c1']] },
      'exception self_approved',
    ],
    [
      'approved by an account that nothing resolves',
      { approvals: [[70, '2026-03-09T10:00:00Z', 'c1']] },
      'undetermined unresolved_identity',
    ],
    ['written by nobody known', { anonymous: true }, 'undetermined unresolved_identity'],
    ['approved by nobody', { approvals: [] }, 'exception not_approved'],
    ['not merged', { merged: null }, 'undetermined merge_history_missing'],
    ['merged only afterwards', { merged: '2026-03-11T00:00:00Z' }, 'undetermined merge_history_missing'],
  ] as const)('%s', (_what, spec, verdict) => {
    const fixture = deployed('merge');
    change(fixture, spec);
    expect(verdictOf(fixture, 'T-24')).toBe(verdict);
  });

  // eps = 4.002 s. A job that names the commit which the merge made came after it, whatever the clocks say within their play.
  test.each([
    ['c1', '2026-03-10T10:00:55.997Z', 'pass'],
    ['c1', '2026-03-10T10:00:55.998Z', 'undetermined order_within_skew'],
    ['c1', '2026-03-10T10:01:04.002Z', 'undetermined order_within_skew'],
    ['c1', '2026-03-10T10:01:04.003Z', 'exception no_merge'],
    ['merge', '2026-03-10T10:01:04.002Z', 'pass'],
    ['merge', '2026-03-10T10:01:04.003Z', 'exception no_merge'],
  ])('commit %s merged at %s, deployed at 10:01: %s', (sha, merged, verdict) => {
    const fixture = deployed(sha);
    change(fixture, { merged });
    push(fixture, 'main', sha, []);
    expect(verdictOf(fixture, 'T-24')).toBe(verdict);
  });

  test('an approval that names no commit may be for the one that was merged or not', () => {
    const fixture = deployed('merge');
    change(fixture, { approvals: [] });
    fixture.add({
      name: 'approve', family: 'gitlab.hook', action: 'merge_request.approve', at: '2026-03-09T10:00:00Z', actor: gitlabUser(3),
      facts: { merge_request: { project_id: '7' }, decision: { decided: 'approved' } }, keys: [['decides', MR]],
    }); // prettier-ignore
    expect(verdictOf(fixture, 'T-24')).toBe('undetermined order_within_skew');
  });

  test('whoever pushed or wrote a commit of the branch is an author of the change', () => {
    const pushed = deployed('merge');
    change(pushed);
    push(pushed, 'topic', 'c1', [], 3);
    expect(verdictOf(pushed, 'T-24')).toBe('exception self_approved');
    const written = deployed('merge');
    change(written, { approvals: [[2, '2026-03-09T10:00:00Z', 'c1']] });
    push(written, 'topic', 'c1', ['author@corp.example'], 3);
    expect(verdictOf(written, 'T-24')).toBe('exception self_approved');
  });

  test('a direct push, another branch, and a commit that nobody states', () => {
    const direct = deployed('direct');
    push(direct, 'main', 'direct', []);
    expect(verdictOf(direct, 'T-24')).toBe('exception no_merge');
    expect(verdictOf(deployed('x', 'topic'), 'T-24')).toBe('exception no_merge');
    expect(verdictOf(deployed(undefined), 'T-24')).toBe('undetermined commit_unknown');
  });

  test('other environments are no item; a merge that is told late counts from then on', () => {
    expect(deployed('merge', 'main', 'staging').run('T-24').result).toBe('did_not_operate');
    const fixture = deployed('merge');
    push(fixture, 'main', 'merge', []);
    change(fixture, { received: '2026-03-20T00:00:00Z' });
    expect(verdictOf(fixture, 'T-24', { asOf: '2026-03-19T00:00:00Z' })).toBe('exception no_merge');
    expect(verdictOf(fixture, 'T-24')).toBe('pass');
  });
});

describe('T-26 policy change reviewed before it took effect', () => {
  const version = (more: Record<string, unknown> = {}): Record<string, unknown> => ({
    ...REGISTERED,
    policy_versions: [
      {
        policy: 'rules', version: 2, effective_at: '2026-03-10T00:00:00Z', sha256: 'aa', merged_sha256: 'AA', merge_request: { id: 50 }, ...more,
      },
    ],
  }); // prettier-ignore
  const put = (more: Record<string, unknown>, spec: Change | undefined): Fixture => {
    const fixture = createFixture(version(more));
    if (spec) change(fixture, spec);
    return fixture;
  };

  test.each([
    ['as it was merged', {}, {}, 'pass'],
    ['without a merge request', { merge_request: null }, undefined, 'exception no_merge_request'],
    ['of one that was not merged', {}, { merged: null }, 'exception no_merge_request'],
    ['of one that no source told of', {}, undefined, 'undetermined merge_request_not_on_record'],
    ['approved by nobody', {}, { approvals: [] }, 'exception not_approved'],
    ['approved by its author', {}, { approvals: [[2, '2026-03-09T10:00:00Z', 'c1']] }, 'exception self_approved'],
    ['approved by an account that nothing resolves', {}, { approvals: [[70, '2026-03-09T10:00:00Z', 'c1']] }, 'undetermined unresolved_identity'], // prettier-ignore
    ['written by nobody known', {}, { anonymous: true }, 'undetermined unresolved_identity'],
    ['approved for another commit', {}, { last: 'c2' }, 'exception approval_not_standing'],
    ['approved between merge and effect', {}, { approvals: [[3, '2026-03-09T12:00:00Z', 'c1']] }, 'pass'],
    ['approved after merge and effect', { effective_at: '2026-03-09T11:30:00Z' }, { approvals: [[3, '2026-03-09T12:00:00Z', 'c1']] }, 'exception effective_first'], // prettier-ignore
    ['with another text', { merged_sha256: 'bb' }, {}, 'exception hash_differs'],
    ['without a hash', { sha256: null }, {}, 'undetermined hash_unknown'],
  ] as const)('%s', (_what, more, spec, verdict) => {
    const fixture = put(more, spec);
    expect(verdictOf(fixture, 'T-26')).toBe(verdict);
    expect(fixture.run('T-26').population.count).toBe(1);
  });

  // The register states its times without play: eps is 2 s + 1 ms of the forge, and 1 us.
  test.each([
    ['2026-03-09T10:00:02.002Z', 'pass'],
    ['2026-03-09T10:00:02.001Z', 'undetermined order_within_skew'],
    ['2026-03-09T09:59:57.999Z', 'undetermined order_within_skew'],
    ['2026-03-09T09:59:57.998Z', 'exception effective_first'],
  ])('in force from %s, approved at 10:00: %s', (when, verdict) => {
    expect(verdictOf(put({ effective_at: when }, {}), 'T-26')).toBe(verdict);
  });

  test('an approval that was taken back before the merge does not stand', () => {
    const fixture = put({}, {});
    fixture.add({
      name: 'unapprove', family: 'gitlab.hook', action: 'merge_request.unapprove', at: '2026-03-09T10:30:00Z', actor: gitlabUser(3),
      facts: { merge_request: { project_id: '7', last_commit: 'c1' } }, keys: [['subject', MR]],
    }); // prettier-ignore
    expect(verdictOf(fixture, 'T-26')).toBe('exception approval_not_standing');
  });

  test('what takes effect after as-of is no item yet, to the moment', () => {
    expect(put({}, {}).run('T-26', { asOf: '2026-03-09T23:59:59.999Z' }).population.count).toBe(0);
    expect(put({}, {}).run('T-26', { asOf: '2026-03-10T00:00:00Z' }).population.count).toBe(1);
  });

  test('versions of other periods are no item; events that arrive late count from then on', () => {
    expect(put({ effective_at: '2026-04-01T00:00:00Z' }, {}).run('T-26').result).toBe('did_not_operate');
    const fixture = put({}, { received: '2026-03-20T00:00:00Z' });
    expect(verdictOf(fixture, 'T-26', { asOf: '2026-03-19T00:00:00Z' })).toBe(
      'undetermined merge_request_not_on_record',
    );
    expect(verdictOf(fixture, 'T-26')).toBe('pass');
  });
});
