import { describe, expect, test } from 'vitest';
import type { StoredRun } from '../../../query/controls/period-figures.ts';
import { at, createFixture, GITLAB, gitlabUser, PEOPLE, PRODUCTION_ROLE } from '../../support/control-fixture.ts';
import type { Fixture } from '../../support/control-fixture.ts';
import { addCall, addRun, decideDeployment, openSession, tokenOf } from '../../support/control-story.ts';

const WHEN = '2026-03-10T12:00:00Z';

describe('T-38 chain coverage', () => {
  const KEY = 'aws:accesskey:ASIAJOB';
  function flow(extra: Record<string, unknown> = {}, approved = true): Fixture {
    const fixture = createFixture(extra);
    addRun(fixture, { job: 1, issuedAt: '2026-03-10T11:30:00Z' });
    if (approved) decideDeployment(fixture, 1, '2026-03-10T11:00:00Z', gitlabUser(2));
    openSession(fixture, 1, KEY, '2026-03-10T11:30:05Z');
    return fixture;
  }
  const use = (fixture: Fixture, name: string, key = KEY, more: object = {}): void =>
    void addCall(fixture, name, WHEN, { key, write: false, ...more });

  test('a read with a whole chain passes; one without approver, and an orphan, are exceptions', () => {
    const whole = flow();
    use(whole, 'read');
    expect(whole.run('T-38')).toMatchObject({ population: { count: 1, source: 'independent' }, passed: 1, analytics: { 'whole chains': '100.00 % (1 of 1)', orphans: '0' } });
    const bare = flow({}, false);
    use(bare, 'read');
    use(bare, 'orphan', 'aws:accesskey:ASIAORPHAN');
    const result = bare.run('T-38');
    expect(result.items.map(({ verdict, attribute }) => `${verdict} ${attribute}`)).toEqual(['exception incomplete_chain', 'exception incomplete_chain']);
    expect(result.items.map(({ item, finding }) => [item, finding.slice(0, 20)])).toEqual([
      ['event:aws.cloudtrail/orphan', 'Not known: flow; of '],
      ['event:aws.cloudtrail/read', 'Not known: approver;'],
    ]);
    expect(result).toMatchObject({ result: 'exceptions_noted', analytics: { orphans: '1' } });
  }); // prettier-ignore

  test.each([
    ['at the limit', 0.75, 0, { within_coverage_limit: 1 }],
    ['a little below', 0.751, 1, {}],
  ])('a share %s', (_what, least, exceptions, excluded) => {
    const fixture = flow({ parameters: { coverage_min: least } });
    for (const name of ['a', 'b', 'c']) use(fixture, name);
    use(fixture, 'orphan', 'aws:accesskey:ASIAORPHAN');
    const result = fixture.run('T-38');
    expect(result).toMatchObject({ population: { count: 4 }, passed: 3, exceptions, excluded });
    expect(result.items.map(({ item }) => item)).toEqual(['event:aws.cloudtrail/orphan']);
  });

  test('a link weaker than the policy accepts does not count', () => {
    const fixture = flow();
    const call = addCall(fixture, 'call', WHEN, { key: 'aws:accesskey:ASIAW' });
    fixture.link(tokenOf(1), 'assumed', 'aws:accesskey:ASIAW', call, { confidence: 'inferred' });
    expect(fixture.run('T-38').items[0]?.finding).toContain('link (inferred)');
  });

  test('a resource that nobody classified is undetermined and counted', () => {
    const fixture = flow();
    use(fixture, 'elsewhere', KEY, { account: '999999999999' });
    expect(fixture.run('T-38')).toMatchObject({ result: 'unable_to_conclude', items: [{ attribute: 'unclassified_resource' }], analytics: { 'unclassified resources': '1' } });
  }); // prettier-ignore

  test('automation and emergencies are listed; refusals and staging are no members; nothing is no pass', () => {
    const fixture = flow({ roles: [{ role: PRODUCTION_ROLE, environment: 'production', use: 'break_glass' }], automation: [{ name: 'scaler', match: { aws_role_arn: 'arn:aws:iam::111111111111:role/scaler' } }] });
    use(fixture, 'emergency');
    use(fixture, 'scaler', 'aws:accesskey:ASIAS', { principal: 'arn:aws:iam::111111111111:role/scaler' });
    use(fixture, 'refused', KEY, { outcome: 'denied' });
    use(fixture, 'staging', KEY, { account: '222222222222' });
    expect(fixture.run('T-38')).toMatchObject({ population: { count: 2 }, excluded: { break_glass: 1, registered_automation: 1 }, result: 'did_not_operate' });
    expect(flow().run('T-38')).toMatchObject({ population: { count: 0 }, result: 'did_not_operate' });
  }); // prettier-ignore

  test('an approval that arrives late makes the chain whole from then on', () => {
    const fixture = flow({}, false);
    use(fixture, 'read');
    decideDeployment(fixture, 1, '2026-03-10T11:00:00Z', gitlabUser(2), 'approved', '2026-03-12T00:00:00Z');
    expect(fixture.run('T-38', { asOf: '2026-03-11T00:00:00Z' })).toMatchObject({ exceptions: 1 });
    expect(fixture.run('T-38', { asOf: '2026-03-12T00:00:00Z' })).toMatchObject({ passed: 1, exceptions: 0 });
  });
});

describe('T-39 detections triaged', () => {
  const finding = (part: object = {}): object => ({ id: 'f1', kind: 'replay', severity: 'high', raised_at: WHEN, triaged_by: PEOPLE.approver.key, subject: PEOPLE.asker.key, ...part });
  const run = (part: object, extra: Record<string, unknown> = {}, asOf?: string): ReturnType<Fixture['run']> =>
    createFixture({ findings: [finding(part)], ...extra }).run('T-39', asOf === undefined ? {} : { asOf });
  const codes = (...args: Parameters<typeof run>): (string | undefined)[] => run(...args).items.map(({ attribute }) => attribute);

  test('within the business days of its severity it passes, a millisecond later it is an exception', () => {
    expect(run({ triaged_at: '2026-03-11T12:00:00Z' })).toMatchObject({ population: { count: 1 }, passed: 1, strata: { high: 1 } });
    expect(codes({ triaged_at: '2026-03-11T12:00:00.001Z' })).toEqual(['late_triage']);
    expect(codes({ severity: 'medium', triaged_at: '2026-03-17T12:00:00Z' })).toEqual([]);
    expect(codes({})).toEqual(['late_triage']);
  });

  // What the register says is compared with the clock of the issuer: 2 s + 1 ms, and the microsecond of the register.
  test.each([
    ['2026-03-11T12:00:00.000Z', []],
    ['2026-03-11T12:00:00.001Z', ['order_within_skew']],
    ['2026-03-11T12:00:02.001001Z', ['order_within_skew']],
    ['2026-03-11T12:00:02.001002Z', ['late_triage']],
  ])('a review that an event tells of, at %s', (when, expected) => {
    const fixture = createFixture({ findings: [finding()] });
    fixture.add({ name: 'review', family: 'ce', action: 'access.review', at: when, actor: PEOPLE.approver, facts: { review: { subject_type: 'finding', subject_id: 'f1' } } });
    expect(fixture.run('T-39').items.map(({ attribute }) => attribute)).toEqual(expected);
  });

  test('before it is due nobody can tell, and what was done after as-of is not seen', () => {
    expect(codes({}, {}, '2026-03-11T11:59:59Z')).toEqual(['not_yet_due']);
    expect(codes({ triaged_at: '2026-03-11T11:00:00Z' }, {}, '2026-03-11T10:00:00Z')).toEqual(['not_yet_due']);
    expect(codes({ severity: 'odd' })).toEqual(['severity_unknown']);
  });

  test('whom it is about does not count, by whichever account', () => {
    const triaged_at = '2026-03-10T13:00:00Z';
    const identities = [{ person: PEOPLE.asker.key, aliases: [gitlabUser(1).key] }];
    expect(codes({ triaged_at, triaged_by: gitlabUser(1).key }, { identities })).toEqual(['triaged_by_subject']);
    expect(codes({ triaged_at, triaged_by: gitlabUser(1).key })).toEqual(['unresolved_identity']);
    expect(codes({ triaged_at, subject: tokenOf(1) })).toEqual([]);
  });

  test('closed without a reason is an exception', () => {
    const triaged_at = '2026-03-10T13:00:00Z';
    expect(codes({ triaged_at, closed_at: triaged_at, outcome: ' ' })).toEqual(['closed_without_reason']);
    expect(codes({ triaged_at, closed_at: triaged_at, outcome: 'false alarm' })).toEqual([]);
  });

  test('a review that is told as an event counts, from when it arrives; no detection is no pass', () => {
    const fixture = createFixture({ findings: [finding()] });
    fixture.add({ name: 'review', family: 'ce', action: 'access.review', at: '2026-03-10T15:00:00Z', received: '2026-03-20T00:00:00Z', actor: PEOPLE.approver, facts: { review: { subject_type: 'finding', subject_id: 'f1' } } });
    expect(fixture.run('T-39', { asOf: '2026-03-19T00:00:00Z' })).toMatchObject({ exceptions: 1 });
    expect(fixture.run('T-39', { asOf: '2026-03-20T00:00:00Z' })).toMatchObject({ passed: 1 });
    expect(createFixture().run('T-39')).toMatchObject({ population: { count: 0 }, result: 'did_not_operate' });
  });
}); // prettier-ignore

describe('T-40 the tests themselves are under change control', () => {
  const [POLICY, CONTENT, CATALOGUE] = ['a'.repeat(64), 'b'.repeat(64), 'c'.repeat(64)];
  const version = (sha256: string, part: object = {}): object => ({ policy: 'custody', version: 1, sha256, merged_sha256: sha256, effective_at: '2026-03-10T11:00:00Z', merge_request: { id: 5 }, ...part });
  const runOf = (part: Partial<StoredRun> = {}): StoredRun => ({ run: 'r1', createdAt: at('2026-03-12T00:00:00Z'), test: 'T-01', from: 1, to: 2, asOf: 3, catalogue: CATALOGUE, policy: POLICY, population: 'p', digest: 'd', ...part });
  const again = [runOf(), runOf({ run: 'r2' })];
  const conformance = [{ catalogue_sha256: CATALOGUE, seeded: 9, found: 9, at: '2026-03-01T00:00:00Z' }];

  function loaded(kind: 'policy' | 'catalogue', extra: Record<string, unknown>, when = WHEN, received = when): Fixture {
    const fixture = createFixture(extra);
    fixture.add({
      name: 'loaded', family: 'custody.self', action: 'config.change', at: when, received,
      facts: { configuration: { kind, sha256: kind === 'policy' ? POLICY : CATALOGUE, ...(kind === 'policy' ? { content_sha256: CONTENT } : {}) } },
    });
    const mr = `gitlab:mr:${GITLAB}/5`;
    const facts = { iid: '5', project_id: '1', author: gitlabUser(1).key, last_commit: 'abc' };
    fixture.add({ name: 'mr-open', family: 'gitlab.hook', action: 'merge_request.open', at: '2026-03-10T09:00:00Z', actor: gitlabUser(1), facts: { merge_request: facts }, keys: [['subject', mr]] });
    fixture.add({ name: 'mr-approve', family: 'gitlab.hook', action: 'merge_request.approve', at: '2026-03-10T10:00:00Z', actor: gitlabUser(2), facts: { merge_request: facts, decision: { decided: 'approved', sha: 'abc' } }, keys: [['decides', mr], ['subject', mr]] });
    fixture.add({ name: 'mr-merge', family: 'gitlab.hook', action: 'merge_request.merge', at: '2026-03-10T10:30:00Z', actor: gitlabUser(1), facts: { merge_request: { ...facts, merge_sha: 'def' } }, keys: [['subject', mr]] });
    return fixture;
  }
  const identities = [{ person: PEOPLE.asker.key, aliases: [gitlabUser(1).key] }, { person: PEOPLE.approver.key, aliases: [gitlabUser(2).key] }];
  const codes = (fixture: Fixture, runs = again): (string | undefined)[] => fixture.run('T-40', { figures: { runs } }).items.map(({ attribute }) => attribute);

  test('a policy from a reviewed change, whose checks agree when run again, passes', () => {
    const result = loaded('policy', { identities, policy_versions: [version(CONTENT)] }).run('T-40', { figures: { runs: [] } });
    expect(result).toMatchObject({ population: { count: 1 }, items: [{ verdict: 'undetermined', attribute: 'not_run_again' }] });
    const both = loaded('policy', { identities, conformance, policy_versions: [version(POLICY.slice(0, 12), { merged_sha256: POLICY.slice(0, 12) }), version(CATALOGUE)] });
    expect(both.run('T-40', { figures: { runs: again } })).toMatchObject({ population: { count: 2 }, passed: 2, result: 'no_exceptions_noted' });
  });

  test.each([
    ['no registered version', { policy_versions: [] }, 'not_registered'],
    ['too short a hash', { policy_versions: [version(POLICY.slice(0, 11))] }, 'not_registered'],
    ['no merge request', { policy_versions: [version(POLICY, { merge_request: null })] }, 'no_merge_request'],
    ['another hash merged', { policy_versions: [version(POLICY, { merged_sha256: CATALOGUE })] }, 'hash_differs'],
    ['an effect that came later', { policy_versions: [version(POLICY, { effective_at: '2026-03-10T12:00:00.001Z' })] }, 'effective_first'],
    ['an approver who is the author by another account', { identities: [{ person: PEOPLE.asker.key, aliases: [gitlabUser(1).key, gitlabUser(2).key] }], policy_versions: [version(POLICY)] }, 'self_approved'],
  ])('with %s it is an exception', (_what, extra, attribute) => {
    const fixture = loaded('policy', { identities, ...extra });
    expect(codes(fixture, [runOf({ createdAt: 0 }), runOf({ createdAt: 0 })])).toEqual([attribute]);
  });

  test('a catalogue needs a conformance run that found everything', () => {
    const base = { identities, policy_versions: [version(CATALOGUE)] };
    const runs = again.map((run) => ({ ...run, createdAt: 0 }));
    expect(codes(loaded('catalogue', { ...base, conformance }), runs)).toEqual([]);
    expect(codes(loaded('catalogue', base), runs)).toEqual(['conformance_unknown']);
    expect(codes(loaded('catalogue', { ...base, conformance: [{ ...conformance[0], found: 8 }] }), runs)).toEqual(['conformance_failed']);
    expect(codes(loaded('catalogue', { ...base, conformance: [{ ...conformance[0], seeded: 0, found: 0 }] }), runs)).toEqual(['conformance_unknown']);
  });

  test('a check that gives another result when it is run again is an exception', () => {
    const fixture = loaded('policy', { identities, policy_versions: [version(POLICY)] });
    const runs = [runOf({ createdAt: 0 }), runOf({ createdAt: 0, run: 'r2', digest: 'other' })];
    expect(codes(fixture, runs)).toEqual(['not_reproducible']);
    expect(codes(fixture, [runs[0] ?? runOf(), { ...runOf({ createdAt: 0 }), asOf: 4, digest: 'other' }])).toEqual(['not_run_again']);
  });

  test('the version that was in use when the period began counts; one that was replaced before does not', () => {
    const fixture = loaded('policy', {}, '2026-02-01T00:00:00Z');
    expect(fixture.run('T-40').population.count).toBe(1);
    fixture.add({ name: 'next', family: 'custody.self', action: 'config.change', at: '2026-03-01T00:00:00Z', facts: { configuration: { kind: 'policy', sha256: CATALOGUE } } });
    expect(fixture.run('T-40').items.map(({ item }) => item)).toEqual([`custody:policy:${CATALOGUE}`]);
  });

  test('what is told late counts from then on; no version is no pass', () => {
    const fixture = loaded('policy', {}, WHEN, '2026-03-12T00:00:00Z');
    expect(fixture.run('T-40', { asOf: '2026-03-11T00:00:00Z' })).toMatchObject({ population: { count: 0 }, result: 'did_not_operate' });
    expect(fixture.run('T-40', { asOf: '2026-03-12T00:00:00Z' })).toMatchObject({ population: { count: 1 } });
  });
}); // prettier-ignore
