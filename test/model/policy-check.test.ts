import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkPolicy } from '../../model/policy-check.ts';
import { policyContentSha256, policySections, policySha256 } from '../../model/policy-hash.ts';
import { emptyPolicy, policySchema } from '../../model/policy.ts';
import { environmentOn } from '../../model/policy-inventory.ts';
import { parseStamp } from '../../model/time.ts';

const only = (text: string): unknown => checkPolicy(text).faults[0];

describe('the check of a policy file', () => {
  test('the commented example has no fault', () => {
    const text = readFileSync(join(import.meta.dirname, '../../custody.example.yaml'), 'utf8');
    expect(checkPolicy(text).faults).toEqual([]);
  });

  test.each([
    ['a field that is misspelt', 'tenant: a\nsorces: []\n', 2, 'sorces', 'Did you mean "sources"?'],
    ['a field deep inside', 'projects:\n  - id: 1\n    required_aprovals: 2\n', 3, 'projects.0.required_aprovals', 'Did you mean "required_approvals"?'],
    ['a word that is none of the list', 'roles:\n  - role: a\n    use: breakglass\n', 3, 'roles.0.use', 'Did you mean "break_glass"?'],
    ['a number in the place of a text', 'organisation: 7\n', 1, 'organisation', 'Write a text here, in quotes.'],
    ['a field that is missing', 'projects:\n  - path: a/b\n', 2, 'projects.0.id', ''],
    ['a time without a zone', "approved_changes:\n  - { id: a, event_type: b, approved_by: c,\n      from: '2026-01-01 00:00' }\n", 3, 'approved_changes.0.from', 'Write it in quotes with its zone'],
    ['an expression that is none', "environments:\n  targets:\n    - { pattern: '(', environment: production }\n", 3, 'environments.targets.0.pattern', 'Try the expression'],
    ['an end before its beginning', "roles:\n  - role: a\n    from: '2026-02-01T00:00:00Z'\n    to: '2026-01-01T00:00:00Z'\n", 4, 'roles.0.to', 'Give an end after the beginning'],
    ['a source that stands twice', 'sources:\n  - { family: ce, instance: a }\n  - { family: ce, instance: a }\n', 3, 'sources.1', 'Keep one entry'],
    ['an environment of no place', 'roles:\n  - role: a\n    environment: produktion\n', 3, 'roles.0.environment', 'Use one of production'],
    ['an account of two people', 'identities:\n  - { person: a, aliases: [x] }\n  - person: b\n    aliases:\n      - x\n', 5, 'identities.1.aliases.0', 'Give the account to one of them'],
    ['an agent without a sponsor', 'identities:\n  - person: a\n    kind: ai_agent\n', 2, 'identities.0', 'Name a person as `sponsor`'],
    ['a state of no guardrail', 'setting_states:\n  - guardrail: g\n    value: true\n', 2, 'setting_states.0.guardrail', 'Name one under `guardrails`'],
    ['broken syntax', 'tenant: "a\n', 2, '(syntax)', 'Indent with spaces'],
  ])('%s is told with line and remedy', (_what, text, line, path, remedy) => {
    expect(only(text)).toMatchObject({ line, path, remedy: expect.stringContaining(remedy) as string });
  }); // prettier-ignore

  test('names of secrets are compared where the secrets file is there', () => {
    const text = 'sources:\n  - family: ce\n    instance: a\n    credentials: [{ kind: bearer, secret: broker }]\n';
    expect(checkPolicy(text).faults).toEqual([]);
    expect(checkPolicy(text, new Set(['broker'])).faults).toEqual([]);
    expect(checkPolicy(text, new Set(['other'])).faults).toMatchObject([{ line: 4, severity: 'error' }]);
  });

  test('an identity provider whose issuer no source and no person has is told, in the line of the issuer', () => {
    const text = (issuer: string): string =>
      `sources:\n  - { family: okta.log, instance: acme.okta.com }\nidentity_providers:\n  - gitlab: git.acme.com\n    provider: saml\n    issuer: ${issuer}\n`;
    expect(checkPolicy(text('https://acme.okta.com')).faults).toEqual([]);
    expect(checkPolicy(text('https://acme.okat.com')).faults).toMatchObject([
      { line: 6, severity: 'warning', message: 'no source is of https://acme.okat.com, behind saml' },
    ]);
  });

  test('all faults are told at once', () => {
    expect(new Set(checkPolicy('a: 1\nb: 2\ntenant: 3\n').faults.map(({ line }) => line))).toEqual(new Set([1, 2, 3]));
  });
});

describe('the hashes of a policy', () => {
  const version = { policy: 'custody', version: '1', effective_at: '2026-01-01T00:00:00Z' };

  test('a register of versions changes the whole, not the content', () => {
    const [plain, registered] = [emptyPolicy(), policySchema.parse({ policy_versions: [version] })];
    expect(policySha256(registered)).not.toBe(policySha256(plain));
    expect(policyContentSha256(registered)).toBe(policyContentSha256(plain));
  });

  test('what changed shows by its section', () => {
    const [before, after] = [policySections(emptyPolicy()), policySections(policySchema.parse({ tenant: 'acme' }))];
    expect(Object.keys(after).filter((name) => before[name] !== after[name])).toEqual(['tenant']);
  });
});

test('a place may change its environment, to the moment', () => {
  const at = (text: string): number => parseStamp(text)?.at ?? 0;
  const { environments } = policySchema.parse({
    environments: { aws_accounts: { 1: [{ environment: 'staging', to: '2026-03-01T00:00:00Z' }, { environment: 'production', from: '2026-03-01T00:00:00Z' }] } },
  }); // prettier-ignore
  const place = environments.aws_accounts['1'];
  expect(environmentOn(place, at('2026-02-28T23:59:59.999Z'))).toBe('staging');
  expect(environmentOn(place, at('2026-03-01T00:00:00Z'))).toBe('production');
  expect(environmentOn(undefined, 0)).toBeUndefined();
});
