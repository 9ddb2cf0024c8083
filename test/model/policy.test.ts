import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { emptyPolicy, parsePolicy, sourceOf } from '../../model/policy.ts';
import { Problem } from '../../model/problem.ts';

const example = readFileSync(join(import.meta.dirname, '../../custody.example.yaml'), 'utf8');

describe('the policy file', () => {
  test('the commented example is a valid one, and means what it says', () => {
    const policy = parsePolicy(example);
    expect(policy.tenant).toBe('acme');
    expect(sourceOf(policy, 'k8s.audit', 'prod-eu1')?.jwt_issuer).toBe('https://broker.acme.com');
    expect(policy.roles[0]?.projects).toEqual(['4242']);
    expect(policy.exceptions[0]?.from).toBe(Date.UTC(2026, 0, 1) * 1_000);
    expect(policy.environments.aws_accounts['111122223333']).toBe('production');
  });

  test('nothing said means safe defaults', () => {
    const policy = emptyPolicy();
    expect(policy.parameters.undetermined_tolerance).toBe(0);
    expect(policy.parameters.ttl_max_s['production']).toBe(3_600);
    expect(policy.environments.production).toEqual(['production']);
    expect(parsePolicy('')).toEqual(policy);
  });

  test('every fault is named at once, with its path', () => {
    const faulty =
      'tenant: ACME!\nsources: [{ family: okta, instance: "" }]\nexceptions: [{ test: T-12, principal: p, from: yesterday, approved_by: a, reason: r }]\nunknown_word: 1\n';
    const read = (): unknown => parsePolicy(faulty, 'my.yaml');
    expect(read).toThrow(Problem);
    expect(read).toThrow(/my\.yaml.*\n.*tenant/);
    for (const path of ['sources.0.family', 'sources.0.instance', 'exceptions.0.from', 'unknown_word'])
      expect(read).toThrow(new RegExp(path.replaceAll('.', '\\.')));
  });

  test('broken YAML names the line, and a pattern that is no regular expression is refused', () => {
    expect(() => parsePolicy('tenant: [\n')).toThrow(/line/);
    expect(() => parsePolicy('environments: { hoop_connections: [{ pattern: "(", environment: x }] }')).toThrow(
      /regular expression/,
    );
  });
});
