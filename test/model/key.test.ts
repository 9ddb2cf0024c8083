import { describe, expect, test } from 'vitest';
import {
  decimalId,
  identifier,
  keyOf,
  normaliseEmail,
  normaliseHost,
  normaliseIssuer,
  parseKey,
  typeOfKey,
} from '../../model/key.ts';
import {
  awsAccessKey,
  awsSessionKey,
  emailKey,
  gitlabKey,
  idpUserKey,
  ipKey,
  k8sCredentialKey,
  tokenKey,
} from '../../model/keys.ts';

describe('keys', () => {
  test('words that say "nothing" never become keys', () => {
    for (const nothing of [
      '',
      '-',
      '0',
      'null',
      'NULL',
      '<null>',
      'unknown',
      'Unknown',
      'None',
      'N/A',
      'undefined',
      ' ',
      0,
      -3,
      1.5,
      null,
      undefined,
      {},
      [],
      true,
      'x'.repeat(2_000),
    ]) {
      expect(identifier(nothing), JSON.stringify(nothing)).toBeUndefined();
      expect(tokenKey('https://idp.example', nothing)).toBeUndefined();
      expect(gitlabKey('gitlab:job', 'gitlab.example', nothing)).toBeUndefined();
    }
  });

  test('the same id from a number, from text and with zeros is one key', () => {
    expect(
      ['9350017', 9_350_017, '009350017', ' 9350017 '].map(
        (id) => gitlabKey('gitlab:job', 'GitLab.Example:443', id)?.key,
      ),
    ).toEqual(Array(4).fill('gitlab:job:gitlab.example/9350017'));
    expect(decimalId('12a')).toBeUndefined();
  });

  test('hosts, issuers and e-mails have one spelling', () => {
    expect(
      ['https://GitLab.Example/', 'gitlab.example:443', 'gitlab.example.', 'http://user:pw@gitlab.example:80/x?y'].map(
        normaliseHost,
      ),
    ).toEqual(Array(4).fill('gitlab.example'));
    expect(normaliseHost('gitlab.example:8443')).toBe('gitlab.example:8443');
    expect(normaliseIssuer('https://idp.example/realms/a/')).toBe('https://idp.example/realms/a');
    expect(normaliseEmail('Mara.Lindqvist+x@Example.COM')).toBe('mara.lindqvist+x@example.com');
    for (const bad of ['[REDACTED]', 'mara', 'a@b@c', 'a b@c', '@']) expect(normaliseEmail(bad)).toBeUndefined();
  });

  test('classes: what may be walked', () => {
    expect(tokenKey('https://idp.example', 'jti-1')?.class).toBe('chain');
    expect(idpUserKey('https://idp.example', '00u1')?.class).toBe('hub');
    expect(k8sCredentialKey('prod', 'JTI=abc')?.class).toBe('chain');
    expect(k8sCredentialKey('prod', 'X509SHA256=abc')?.class).toBe('session');
    expect(awsAccessKey('ASIAMADEUPKEY0000001')?.class).toBe('chain');
    expect(awsSessionKey('111122223333', 'AROAX:gl-4242-770051-9350017')?.class).toBe('chain');
    expect(awsSessionKey('111122223333', 'AROAX:AutoScaling')?.class).toBe('hub');
    expect(awsSessionKey('012345678901', 'AROAX:i-0vault')?.key).toBe('aws:session:012345678901/AROAX:i-0vault');
  });

  test('only an address is an address, only an access key an access key', () => {
    expect(['198.51.100.7', '2001:db8::1', '::ffff:198.51.100.7'].map((ip) => ipKey(ip)?.class)).toEqual([
      'hub',
      'hub',
      'hub',
    ]);
    for (const other of ['autoscaling.amazonaws.com', 'AWS Internal', '198.51.100', 'unknown'])
      expect(ipKey(other)).toBeUndefined();
    for (const other of ['asiamadeupkey0000001', 'ASIA SHORT', '', 7]) expect(awsAccessKey(other)).toBeUndefined();
    expect(emailKey('not an address')).toBeUndefined();
  });

  test('a key read back has the longest type that fits, and control characters never stay', () => {
    expect(typeOfKey('gitlab:mriid:gitlab.example/1!2')).toBe('gitlab:mriid');
    expect(typeOfKey('access-request:okta:org/req1')).toBe('access-request');
    expect(typeOfKey('constructor:x')).toBeUndefined();
    expect(typeOfKey('nothing')).toBeUndefined();
    expect(parseKey('token:jti:https://idp.example/abc')).toMatchObject({ type: 'token:jti', class: 'chain' });
    expect(parseKey('token:jti:')).toBeUndefined();
    expect(keyOf('token:jti', 'https://idp.example', 'a\nb\u0000c')?.key).toBe(
      'token:jti:https://idp.example/a%0Ab%00c',
    );
  });
});
