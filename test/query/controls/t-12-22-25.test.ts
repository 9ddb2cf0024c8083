import { describe, expect, test } from 'vitest';
import { createFixture, gitlabUser, STAGING_ROLE } from '../../support/control-fixture.ts';
import type { Fixture } from '../../support/control-fixture.ts';
import { addCall, addRun, decideDeployment, jobOf, openSession, tokenOf } from '../../support/control-story.ts';

const WHEN = '2026-03-10T12:00:00Z';
const WRITER = 'arn:aws:iam::111111111111:user/writer';
const STATIC = 'aws:accesskey:AKIAEXAMPLE000000001';

describe('T-12 no standing credential touches production', () => {
  test('a session key passes, a standing key is an exception', () => {
    const fixture = createFixture();
    addCall(fixture, 'session', WHEN, { key: 'aws:accesskey:ASIAEXAMPLE000000001' });
    addCall(fixture, 'static', WHEN, { key: STATIC, principal: WRITER });
    const result = fixture.run('T-12');
    expect(result).toMatchObject({ population: { count: 2, source: 'independent' }, passed: 1 });
    expect(result.items).toMatchObject([
      { item: 'event:aws.cloudtrail/static', verdict: 'exception', attribute: 'static_key' },
    ]);
  });

  test.each([
    ['within the dates', { from: '2026-01-01T00:00:00Z', to: '2026-03-10T12:00:00.001Z' }, 'excluded'],
    ['without an end', {}, 'excluded'],
    ['at its very end', { from: '2026-01-01T00:00:00Z', to: WHEN }, 'exception'],
    ['before it began', { from: '2026-03-10T12:00:00.001Z' }, 'exception'],
  ])('a registered exception %s', (_what, dates, verdict) => {
    const fixture = createFixture({
      exceptions: [
        {
          test: 'T-12',
          principal: WRITER,
          approved_by: 'idp:user:https://idp.example/ciso',
          reason: 'vendor',
          ...dates,
        },
      ],
    });
    addCall(fixture, 'static', WHEN, { key: STATIC, principal: WRITER });
    const result = fixture.run('T-12');
    expect(result.items).toMatchObject([
      { verdict, attribute: verdict === 'excluded' ? 'accepted_risk' : 'static_key' },
    ]);
    if (verdict === 'excluded')
      expect(result).toMatchObject({ excluded: { accepted_risk: 1 }, result: 'did_not_operate' });
    if ('to' in dates && verdict === 'exception')
      expect(result.items[0]?.finding).toContain('its exception ended 2026-03-10');
  });

  test('an exception of another test or principal does not excuse', () => {
    const entry = { approved_by: 'x', reason: 'y' };
    const fixture = createFixture({
      exceptions: [
        { ...entry, test: 'T-25', principal: WRITER },
        { ...entry, test: 'T-12', principal: `${WRITER}2` },
      ],
    });
    addCall(fixture, 'static', WHEN, { key: STATIC, principal: WRITER });
    expect(fixture.run('T-12').exceptions).toBe(1);
  });

  test('a standing key on a resource that nobody classified is undetermined, a session key passes', () => {
    const fixture = createFixture();
    addCall(fixture, 'static', WHEN, { key: STATIC, account: '333333333333' });
    addCall(fixture, 'session', WHEN, { key: 'aws:accesskey:ASIAEXAMPLE000000001', account: '333333333333' });
    expect(fixture.run('T-12')).toMatchObject({
      passed: 1,
      items: [{ verdict: 'undetermined', attribute: 'unclassified_resource' }],
    });
  });

  test('a token of Vault is what its own record says: without an end it is a standing one', () => {
    const fixture = createFixture();
    for (const [name, ttl] of [
      ['root', 0],
      ['short', 900],
    ] as const) {
      const key = `vault:accessor:vault/${name}`;
      fixture.add({
        name,
        family: 'vault.audit',
        action: 'secret.read',
        at: WHEN,
        credential: key,
        resource: 'vault:path:vault/secret/data/a/prod',
        facts: { call: { service: 'vault', operation: 'read', write: false, credential_ttl_s: ttl } },
        keys: [['uses', key]],
      });
    }
    expect(fixture.run('T-12')).toMatchObject({
      passed: 1,
      items: [{ item: 'event:vault.audit/root', attribute: 'static_key' }],
    });
  });

  test('a use that arrives late is judged from then on', () => {
    const fixture = createFixture();
    addCall(fixture, 'static', WHEN, { key: STATIC, principal: WRITER, received: '2026-03-20T00:00:00Z' });
    expect(fixture.run('T-12', { asOf: '2026-03-19T00:00:00Z' }).result).toBe('did_not_operate');
    expect(fixture.run('T-12').items).toMatchObject([{ attribute: 'static_key' }]);
  });

  test('refused calls and staging are no members', () => {
    const fixture = createFixture();
    addCall(fixture, 'denied', WHEN, { key: STATIC, outcome: 'denied' });
    addCall(fixture, 'staging', WHEN, { key: STATIC, account: '222222222222' });
    expect(fixture.run('T-12')).toMatchObject({ population: { count: 0 }, result: 'did_not_operate' });
  });

  test.each([
    ['nothing recorded', undefined, 'credential_unknown'],
    ['a certificate', 'k8s:credential-id:prod/X509SHA256=aa', 'credential_class_unknown'],
  ])('with %s the class of the credential is undetermined', (_what, credential, code) => {
    const fixture = createFixture();
    addCluster(fixture, 'call', WHEN, credential);
    expect(fixture.run('T-12')).toMatchObject({
      result: 'unable_to_conclude',
      items: [{ verdict: 'undetermined', attribute: code }],
    });
  });
});

describe('T-22 non-production credential never reaches production', () => {
  function stagingSession(fixture: Fixture): string {
    const key = 'aws:accesskey:ASIASTAGING';
    addRun(fixture, { job: 1, issuedAt: '2026-03-10T11:00:00Z', role: STAGING_ROLE, lifeS: 3_600 });
    openSession(fixture, 1, key, '2026-03-10T11:00:05Z', { role: STAGING_ROLE });
    return key;
  }

  test('a staging session that production lets in is an exception, refused or at home it is not', () => {
    const fixture = createFixture();
    const key = stagingSession(fixture);
    addCall(fixture, 'in', WHEN, { key, write: false });
    addCall(fixture, 'refused', WHEN, { key, outcome: 'denied' });
    addCall(fixture, 'home', WHEN, { key, account: '222222222222' });
    const result = fixture.run('T-22');
    // Opening the staging session with the staging token is the fourth use.
    expect(result).toMatchObject({ population: { count: 4 }, passed: 3 });
    expect(result.items).toMatchObject([{ item: 'event:aws.cloudtrail/in', attribute: 'nonprod_on_prod' }]);
    expect(result.items[0]?.finding).toContain('made for staging');
  });

  test('taking on a production role is a crossing, and so is every use of what it gave', () => {
    const fixture = createFixture();
    const key = stagingSession(fixture);
    const chained = 'aws:accesskey:ASIACHAINED';
    const assume = fixture.add({
      name: 'assume', family: 'aws.cloudtrail', action: 'session.assume', at: WHEN, credential: key, resource: 'arn:aws:iam::111111111111:role/deploy',
      facts: { credential: { key: chained, target: 'arn:aws:iam::111111111111:role/deploy' }, call: { service: 'sts', operation: 'AssumeRole', write: false, login: true, account: '111111111111' } },
      keys: [['uses', key], ['creates', chained]],
    }); // prettier-ignore
    fixture.link(key, 'role_chained', chained, assume);
    addCall(fixture, 'after', '2026-03-10T12:00:03Z', { key: chained });
    expect(fixture.run('T-22').items.map((item) => item.item)).toEqual([
      'event:aws.cloudtrail/after',
      'event:aws.cloudtrail/assume',
    ]);
  });

  test('where nothing states its environment, a credential is of the environment of its job', () => {
    const fixture = createFixture();
    addRun(fixture, { job: 1, issuedAt: '2026-03-10T11:00:00Z', role: STAGING_ROLE });
    fixture.add({
      name: 'deployed', family: 'gitlab.hook', action: 'deployment.start', at: '2026-03-10T11:00:00Z', facts: { deployment: { environment: 'staging' } }, keys: [['subject', jobOf(1)]],
    }); // prettier-ignore
    const accessor = 'vault:accessor:vault/a1';
    const login = fixture.add({
      name: 'login',
      family: 'vault.audit',
      action: 'session.login',
      at: '2026-03-10T11:00:01Z',
      facts: { credential: { key: accessor } },
      keys: [['creates', accessor]],
    });
    fixture.link(jobOf(1), 'issued_to', 'token:jti:https://gitlab.example/ci-1', login);
    fixture.link('token:jti:https://gitlab.example/ci-1', 'login', accessor, login);
    fixture.add({
      name: 'read', family: 'vault.audit', action: 'secret.read', at: WHEN, credential: accessor, resource: 'vault:path:vault/secret/data/a/prod',
      facts: { call: { service: 'vault', operation: 'read', write: false } }, keys: [['uses', accessor]],
    }); // prettier-ignore
    expect(fixture.run('T-22').items).toMatchObject([{ item: 'event:vault.audit/read', attribute: 'nonprod_on_prod' }]);
  });

  test('a resource that the policy does not classify is undetermined', () => {
    const fixture = createFixture();
    addCall(fixture, 'elsewhere', WHEN, { key: stagingSession(fixture), account: '333333333333' });
    expect(fixture.run('T-22')).toMatchObject({
      result: 'unable_to_conclude',
      items: [{ attribute: 'unclassified_resource' }],
    });
  });
});

describe('T-22 in the other direction, and as time goes on', () => {
  test('a use that arrives late is judged from then on; none is no pass', () => {
    const fixture = createFixture();
    addRun(fixture, { job: 1, issuedAt: '2026-03-10T11:00:00Z', role: STAGING_ROLE });
    expect(fixture.run('T-22')).toMatchObject({ population: { count: 0 }, result: 'did_not_operate' });
    addCall(fixture, 'late', WHEN, { key: tokenOf(1), received: '2026-03-20T00:00:00Z' });
    expect(fixture.run('T-22', { asOf: '2026-03-19T00:00:00Z' }).population.count).toBe(0);
    expect(fixture.run('T-22').items).toMatchObject([{ attribute: 'nonprod_on_prod' }]);
  });

  test('what was made for production and is accepted elsewhere is counted, and decides nothing', () => {
    const fixture = createFixture();
    addRun(fixture, { job: 1, issuedAt: '2026-03-10T11:00:00Z', lifeS: 3_600 });
    addCall(fixture, 'home', WHEN, { key: tokenOf(1) });
    addCall(fixture, 'staging', WHEN, { key: tokenOf(1), account: '222222222222' });
    addCall(fixture, 'refused', WHEN, { key: tokenOf(1), account: '222222222222', outcome: 'denied' });
    addCall(fixture, 'nowhere', WHEN, { key: tokenOf(1), account: '333333333333' });
    expect(fixture.run('T-22')).toMatchObject({
      result: 'did_not_operate',
      analytics: { 'accepted by other environments with a credential of production': '1' },
    });
  });
});

describe('T-25 every production change has a chain', () => {
  const automation = [
    { name: 'scaler', match: { aws_role_arn: 'arn:aws:iam::111111111111:role/path/scaler' } },
    { name: 'controllers', match: { k8s_username_prefix: 'system:serviceaccount:kube-system:', cluster: 'prod' } },
  ];

  test('a change of a job passes, one without a run is an exception', () => {
    const fixture = createFixture();
    addRun(fixture, { job: 1, issuedAt: '2026-03-10T11:30:00Z' });
    decideDeployment(fixture, 1, '2026-03-10T11:00:00Z', gitlabUser(2));
    openSession(fixture, 1, 'aws:accesskey:ASIAJOB', '2026-03-10T11:30:05Z');
    addCall(fixture, 'job', WHEN, { key: 'aws:accesskey:ASIAJOB' });
    addCall(fixture, 'console', WHEN, {
      key: 'aws:accesskey:ASIACONSOLE',
      principal: 'arn:aws:iam::111111111111:role/admin',
    });
    const result = fixture.run('T-25');
    expect(result).toMatchObject({
      population: { count: 2 },
      passed: 1,
      strata: { 'aws.cloudtrail: chain': 1, 'aws.cloudtrail: unmatched': 1 },
    });
    expect(result.items).toMatchObject([{ item: 'event:aws.cloudtrail/console', attribute: 'no_chain' }]);
  });

  test('registered automation passes; nobody else becomes it by a name that looks alike', () => {
    const fixture = createFixture({ automation });
    addCall(fixture, 'scaler', WHEN, {
      key: 'aws:accesskey:ASIA1',
      principal: 'arn:aws:sts::111111111111:assumed-role/scaler/session',
    });
    addCall(fixture, 'lookalike', WHEN, {
      key: 'aws:accesskey:ASIA2',
      principal: 'arn:aws:sts::111111111111:assumed-role/scaler2/session',
    });
    addCluster(fixture, 'controller', WHEN, undefined, 'system:serviceaccount:kube-system:hpa');
    addCluster(fixture, 'stranger', WHEN, undefined, 'system:serviceaccount:default:hpa');
    const result = fixture.run('T-25');
    expect(result.items.map((item) => item.item)).toEqual([
      'event:aws.cloudtrail/lookalike',
      'event:k8s.audit/stranger',
    ]);
  });

  test('reads, refusals and dry runs change nothing', () => {
    const fixture = createFixture();
    addCall(fixture, 'read', WHEN, { write: false });
    addCall(fixture, 'refused', WHEN, { outcome: 'denied' });
    addCall(fixture, 'failed', WHEN, { outcome: 'failure' });
    addCall(fixture, 'dry', WHEN, { dryRun: true });
    expect(fixture.run('T-25')).toMatchObject({ population: { count: 0 }, result: 'did_not_operate' });
  });

  test('a link that is weaker than the policy accepts leaves it undetermined', () => {
    const fixture = createFixture();
    const call = addCall(fixture, 'call', WHEN, { key: 'aws:accesskey:ASIAX' });
    fixture.link(jobOf(5), 'assumed', 'aws:accesskey:ASIAX', call, { confidence: 'inferred' });
    expect(fixture.run('T-25')).toMatchObject({ items: [{ verdict: 'undetermined', attribute: 'weak_link' }] });
  });

  test('a chain that arrives later makes it pass from then on, not before', () => {
    const fixture = createFixture();
    const issue = addRun(fixture, { job: 1, issuedAt: '2026-03-10T11:30:00Z' });
    const call = addCall(fixture, 'call', WHEN, { key: 'aws:accesskey:ASIALATE' });
    const assume = fixture.add({
      name: 'assume',
      family: 'aws.cloudtrail',
      action: 'session.assume',
      at: '2026-03-10T11:59:00Z',
      received: '2026-03-11T06:00:00Z',
      keys: [['creates', 'aws:accesskey:ASIALATE']],
    });
    fixture.link(tokenOf(1), 'assumed', 'aws:accesskey:ASIALATE', assume);
    expect(issue.stage).toBe('credential');
    expect(fixture.run('T-25', { asOf: '2026-03-10T13:00:00Z' }).items).toMatchObject([
      { item: call.event, attribute: 'no_chain' },
    ]);
    expect(fixture.run('T-25', { asOf: '2026-03-11T06:00:00Z' })).toMatchObject({ passed: 1, items: [] });
  });

  test('request and response of one call are one change', () => {
    const fixture = createFixture();
    const key = 'vault:request:vault/req-1';
    const entry = {
      family: 'vault.audit',
      action: 'secret.write',
      at: WHEN,
      resource: 'vault:path:vault/secret/data/a/prod',
      facts: { call: { service: 'vault', operation: 'update', write: true, principal: 'oidc-anna' } },
      keys: [['subject', key]],
    } as const;
    fixture.add({ ...entry, name: 'req-1:request', outcome: 'pending' });
    fixture.add({ ...entry, name: 'req-1:response', at: '2026-03-10T12:00:00.010Z' });
    fixture.add({ ...entry, name: 'sys:response', resource: 'vault:path:vault/sys/leases/renew/prod', keys: [] });
    const result = fixture.run('T-25');
    expect(result.items).toMatchObject([
      { item: 'event:vault.audit/req-1:response', aliases: ['event:vault.audit/req-1:request'] },
    ]);
  });
});

function addCluster(fixture: Fixture, name: string, when: string, credential?: string, principal = 'anna'): void {
  fixture.add({
    name, family: 'k8s.audit', action: 'api.update', at: when, resource: `k8s:object:prod/apps/deployments/a/${name}`,
    facts: { call: { service: 'k8s', operation: 'patch', write: true, principal } }, ...(credential === undefined ? {} : { credential }),
    keys: credential === undefined ? [] : [['uses', credential]],
  }); // prettier-ignore
}
