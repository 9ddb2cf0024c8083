import { describe, expect, test } from 'vitest';
import { at, createFixture, PRODUCTION_ROLE, STAGING_ROLE } from '../../support/control-fixture.ts';
import { addCall, addRun, openSession, tokenOf } from '../../support/control-story.ts';

const ISSUED = '2026-03-10T10:00:00Z';

describe('T-08 lifetime within policy', () => {
  test.each([
    ['exactly the limit', 3_600, 'pass', undefined],
    ['1 ms over the limit', 3_600.001, 'exception', 'lifetime'],
    ['without an end', undefined, 'exception', 'no_expiry'],
  ] as const)('a production token with %s', (_what, lifeS, verdict, code) => {
    const fixture = createFixture();
    addRun(fixture, { job: 1, issuedAt: ISSUED, lifeS });
    const [item] = fixture.run('T-08').items;
    expect([item?.verdict ?? 'pass', item?.attribute]).toEqual([verdict, code]);
  });

  test('the limit is that of the environment, and a session is judged by its own end', () => {
    const fixture = createFixture();
    addRun(fixture, { job: 1, issuedAt: ISSUED, role: STAGING_ROLE, lifeS: 43_200 });
    addRun(fixture, { job: 2, issuedAt: ISSUED });
    openSession(fixture, 2, 'aws:accesskey:ASIALONG', '2026-03-10T10:00:05Z', { lifeS: 28_800 });
    const result = fixture.run('T-08');
    expect(result.population.count).toBe(3);
    expect(result.strata).toEqual({
      'AWS session: production': 1,
      'issuer token: production': 1,
      'issuer token: staging': 1,
    });
    expect(result.items).toMatchObject([
      {
        item: 'aws:accesskey:ASIALONG',
        attribute: 'lifetime',
        finding: 'Good for 480 min; the limit for production is 60 min',
      },
    ]);
  });

  test('renewals count from the first issue', () => {
    const fixture = createFixture();
    const key = 'vault:accessor:vault/abc';
    const birth = { name: 'login', family: 'vault.audit', action: 'session.login', at: ISSUED } as const;
    fixture.add({
      ...birth,
      facts: {
        credential: {
          key,
          target: PRODUCTION_ROLE,
          issued_at: at(ISSUED),
          ttl_s: 1_800,
          expires_at: at(ISSUED) + 1_800e6,
        },
      },
      keys: [['creates', key]],
    });
    const renewed = '2026-03-10T10:20:00Z';
    fixture.add({
      ...birth,
      name: 'renew',
      action: 'token.renew',
      at: renewed,
      facts: { credential: { key, renewed: true, issued_at: at(renewed), expires_at: at(renewed) + 3_000e6 } },
      keys: [['uses', key]],
    });
    expect(fixture.run('T-08').items).toMatchObject([
      { item: key, attribute: 'lifetime', evidence: ['event:vault.audit/login', 'event:vault.audit/renew'] },
    ]);
  });

  test('a renewal that arrives late makes the life longer from then on', () => {
    const fixture = createFixture();
    addRun(fixture, { job: 1, issuedAt: ISSUED, lifeS: 3_600 });
    const renewed = '2026-03-10T10:30:00Z';
    fixture.add({
      name: 'renew', family: 'ce', action: 'token.renew', at: renewed, received: '2026-03-20T00:00:00Z', keys: [['uses', tokenOf(1)]],
      facts: { credential: { key: tokenOf(1), renewed: true, issued_at: at(ISSUED), expires_at: at(renewed) + 3_600e6 } },
    }); // prettier-ignore
    expect(fixture.run('T-08', { asOf: '2026-03-19T00:00:00Z' })).toMatchObject({ passed: 1, items: [] });
    expect(fixture.run('T-08').items).toMatchObject([{ item: tokenOf(1), attribute: 'lifetime' }]);
  });

  test('an environment that the policy does not name is undetermined unless every limit holds', () => {
    const fixture = createFixture();
    addRun(fixture, { job: 1, issuedAt: ISSUED, role: 'https://elsewhere.example', lifeS: 3_600 });
    addRun(fixture, { job: 2, issuedAt: ISSUED, role: 'https://elsewhere.example', lifeS: 3_601 });
    expect(fixture.run('T-08')).toMatchObject({
      passed: 1,
      items: [{ item: tokenOf(2), verdict: 'undetermined', attribute: 'environment_unclassified' }],
    });
  });

  test('nothing issued: the control did not operate', () => {
    expect(createFixture().run('T-08')).toMatchObject({ population: { count: 0 }, result: 'did_not_operate' });
  });
});

describe('T-09 no successful use after expiry or revocation', () => {
  // The session ends at 11:00:00; eps is 4.002 s.
  test.each([
    ['2026-03-10T10:59:55.997Z', 'success', 'pass'],
    ['2026-03-10T10:59:55.998Z', 'success', 'undetermined'],
    ['2026-03-10T11:00:04.002Z', 'success', 'undetermined'],
    ['2026-03-10T11:00:04.003Z', 'success', 'exception'],
    ['2026-03-10T11:05:00.000Z', 'denied', 'pass'],
  ])('a use at %s that ends in %s: %s', (when, outcome, verdict) => {
    const fixture = createFixture();
    addRun(fixture, { job: 1, issuedAt: ISSUED });
    const assume = openSession(fixture, 1, 'aws:accesskey:ASIAKEY', ISSUED);
    const use = addCall(fixture, 'call', when, { key: 'aws:accesskey:ASIAKEY', outcome });
    const result = fixture.run('T-09');
    const [item] = result.items;
    expect(item?.verdict ?? 'pass').toBe(verdict);
    expect(result.population.count).toBe(1);
    if (verdict === 'exception')
      expect(item).toMatchObject({ item: use.event, attribute: 'after_expiry', evidence: [use.event, assume.event] });
    if (verdict === 'undetermined') expect(item?.attribute).toBe('order_within_skew');
    if (outcome === 'denied') expect(result.strata).toEqual({ 'refused after the end': 1 });
  });

  test('a session has an end of its own: it outlives the token that opened it, and its revocation', () => {
    const fixture = createFixture();
    addRun(fixture, { job: 1, issuedAt: ISSUED, lifeS: 600 });
    openSession(fixture, 1, 'aws:accesskey:ASIAKEY', ISSUED);
    fixture.add({
      name: 'revoke',
      family: 'ce',
      action: 'token.revoke',
      at: '2026-03-10T10:15:00Z',
      keys: [['ends', tokenOf(1)]],
    });
    addCall(fixture, 'call', '2026-03-10T10:30:00Z', { key: 'aws:accesskey:ASIAKEY' });
    expect(fixture.run('T-09')).toMatchObject({ passed: 1, items: [] });
  });

  test('the cluster knows the token by another name, and refuses it from its revocation on', () => {
    const fixture = createFixture();
    addRun(fixture, { job: 1, issuedAt: ISSUED });
    const credential = 'k8s:credential-id:prod/JTI=jti-1';
    const calls = ['2026-03-10T10:04:00Z', '2026-03-10T10:05:49Z'].map((when, index) =>
      fixture.add({
        name: `call-${index}`, family: 'k8s.audit', action: 'api.update', at: when, credential,
        facts: { call: { service: 'k8s', operation: 'patch', write: true, principal: 'ci' } }, keys: [['uses', credential], ['uses', tokenOf(1)]],
      }),
    ); // prettier-ignore
    for (const call of calls) fixture.link(tokenOf(1), 'same_as', credential, call);
    const revoked = fixture.add({
      name: 'revoke',
      family: 'ce',
      action: 'token.revoke',
      at: '2026-03-10T10:05:00Z',
      keys: [['ends', tokenOf(1)]],
    });
    const result = fixture.run('T-09');
    expect(result).toMatchObject({
      passed: 1,
      items: [{ item: 'event:k8s.audit/call-1', attribute: 'after_revocation' }],
    });
    expect(result.items[0]?.finding).toBe('Accepted 49 s after the revocation of the credential');
    expect(result.items[0]?.evidence).toContain(revoked.event);
  });

  test('a verifier may answer from memory for as long as the policy says', () => {
    const fixture = createFixture({ parameters: { verifier_cache_s: { 'aws.cloudtrail': 10 } } });
    addRun(fixture, { job: 1, issuedAt: ISSUED });
    openSession(fixture, 1, 'aws:accesskey:ASIAKEY', ISSUED);
    addCall(fixture, 'cached', '2026-03-10T11:00:05.997Z', { key: 'aws:accesskey:ASIAKEY' });
    addCall(fixture, 'late', '2026-03-10T11:00:14.003Z', { key: 'aws:accesskey:ASIAKEY' });
    expect(fixture.run('T-09')).toMatchObject({
      passed: 1,
      items: [{ item: 'event:aws.cloudtrail/late', attribute: 'after_expiry' }],
    });
  });

  test('a renewal moves the end of the uses that come after it', () => {
    const fixture = createFixture();
    const key = 'vault:accessor:vault/abc';
    const life = (when: string, renewed: boolean): void => {
      const facts = {
        credential: {
          key,
          issued_at: at(when),
          ttl_s: 600,
          expires_at: at(when) + 600e6,
          ...(renewed ? { renewed } : {}),
        },
      };
      fixture.add({
        name: `life-${when}`,
        family: 'vault.audit',
        action: renewed ? 'token.renew' : 'session.login',
        at: when,
        facts,
        keys: [[renewed ? 'uses' : 'creates', key]],
      });
    };
    const read = (when: string): void => {
      fixture.add({
        name: `read-${when}`,
        family: 'vault.audit',
        action: 'secret.read',
        at: when,
        credential: key,
        resource: 'vault:path:vault/secret/data/a/prod',
        facts: { call: { service: 'vault', operation: 'read', write: false } },
        keys: [['uses', key]],
      });
    };
    life(ISSUED, false);
    read('2026-03-10T10:09:00Z');
    life('2026-03-10T10:09:30Z', true);
    read('2026-03-10T10:15:00Z');
    read('2026-03-10T10:25:00Z');
    expect(fixture.run('T-09')).toMatchObject({
      passed: 2,
      items: [{ item: 'event:vault.audit/read-2026-03-10T10:25:00Z', attribute: 'after_expiry' }],
    });
  });

  test('nothing used: the control did not operate', () => {
    const fixture = createFixture();
    addRun(fixture, { job: 1, issuedAt: ISSUED });
    expect(fixture.run('T-09')).toMatchObject({ population: { count: 0 }, result: 'did_not_operate' });
  });

  // Told by the issuer, used at AWS: eps is 4.002 s.
  test.each([
    ['2026-03-10T10:04:55.997Z', 'exception after_revocation'],
    ['2026-03-10T10:04:55.998Z', 'undetermined order_within_skew'],
    ['2026-03-10T10:05:04.002Z', 'undetermined order_within_skew'],
    ['2026-03-10T10:05:04.003Z', 'pass'],
  ])('revoked at %s, used at 10:05: %s', (when, verdict) => {
    const fixture = createFixture();
    addRun(fixture, { job: 1, issuedAt: ISSUED });
    fixture.add({ name: 'revoke', family: 'ce', action: 'token.revoke', at: when, keys: [['ends', tokenOf(1)]] });
    addCall(fixture, 'call', '2026-03-10T10:05:00.000Z', { key: tokenOf(1) });
    const [item] = fixture.run('T-09').items;
    expect(item ? `${item.verdict} ${item.attribute}` : 'pass').toBe(verdict);
  });

  test('a revocation that arrives late does not change what was known before', () => {
    const fixture = createFixture();
    addRun(fixture, { job: 1, issuedAt: ISSUED });
    fixture.add({
      name: 'revoke',
      family: 'ce',
      action: 'token.revoke',
      at: '2026-03-10T10:05:00Z',
      received: '2026-03-11T00:00:00Z',
      keys: [['ends', tokenOf(1)]],
    });
    fixture.add({
      name: 'used',
      family: 'ce',
      action: 'token.use',
      at: '2026-03-10T10:06:00Z',
      credential: tokenOf(1),
      facts: { call: { service: 'http', operation: 'use', write: false } },
      keys: [['uses', tokenOf(1)]],
    });
    expect(fixture.run('T-09', { asOf: '2026-03-10T23:00:00Z' })).toMatchObject({ passed: 1 });
    expect(fixture.run('T-09', { asOf: '2026-03-11T00:00:00Z' })).toMatchObject({ exceptions: 1 });
  });
});
