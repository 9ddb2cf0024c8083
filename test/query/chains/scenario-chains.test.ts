import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Chain, Party } from '../../../model/chain.ts';
import { buildChain } from '../../../query/chains/build-chain.ts';
import { createRules } from '../../../query/chains/rules.ts';
import { createIdentities, vouchedBy } from '../../../query/identity.ts';
import { policyFromFacts } from '../../scenario/policy-from-facts.ts';
import type { ScenarioFacts } from '../../scenario/policy-from-facts.ts';
import { readScenarioGraph } from '../../support/memory-graph.ts';

interface Expected {
  readonly key: string;
  readonly aliases: readonly string[];
}
interface ExpectedChain {
  readonly focal: string;
  readonly shape: string;
  readonly requester: Expected | null;
  readonly initiator: Expected | null;
  readonly runner_user: Expected | null;
  readonly approvers: readonly Expected[];
  readonly job: string | null;
  readonly credentials: readonly string[];
  readonly touched: readonly string[];
  readonly not_touched?: readonly string[];
  readonly completeness: string;
}

const root = resolve(import.meta.dirname, '../../../../shared/scenarios');

describe.each(['acme-small', 'acme-quarter', 'acme-edges'])('%s', (name) => {
  const folder = resolve(root, name);
  test.skipIf(!existsSync(folder))(
    'every chain is the one that truth tells (skipped where the shared scenarios are not there)',
    { timeout: 180_000 },
    async () => {
      const facts = JSON.parse(readFileSync(`${folder}/facts.json`, 'utf8')) as ScenarioFacts;
      const text = readFileSync(`${folder}/truth.json`, 'utf8');
      const { chains } = JSON.parse(text) as { chains: ExpectedChain[] };
      const { policy } = policyFromFacts(facts);
      const { graph, events } = await readScenarioGraph(folder, policy);
      const rules = createRules(policy);
      const identities = createIdentities(policy, vouchedBy(events));
      const normal = createNormal(text);
      const faults = chains.flatMap((want) => {
        const got = buildChain(graph, want.focal, rules, { identities, sources: [] });
        const wrong = compare(want, got, normal);
        return wrong.length === 0 ? [] : [`${want.shape} ${want.focal}: ${wrong.join(', ')}`];
      });
      expect(faults).toEqual([]);
      expect(chains.length).toBeGreaterThan(100);
    },
  );
});

// The comparison of the scenarios' own score.py, field by field.
function compare(want: ExpectedChain, got: Chain, normal: (key: string) => string): string[] {
  const touched = new Set(got.touched.map(normal));
  const credentials = new Set(got.credentials.map(normal));
  const checks: [string, boolean][] = [
    ['requester', isParty(want.requester, got.requester)],
    ['initiator', isParty(want.initiator, got.initiator)],
    ['runner', isParty(want.runner_user, got.runner)],
    ['approvers missing', want.approvers.every((one) => got.approvers.some((other) => isParty(one, other)))],
    ['approvers too many', got.approvers.every((other) => want.approvers.some((one) => isParty(one, other)))],
    ['job', want.job === null || got.job === want.job],
    ['credentials', want.credentials.every((key) => credentials.has(normal(key)))],
    ['touched', want.touched.every((key) => touched.has(normal(key)))],
    ['touched by another', !(want.not_touched ?? []).some((key) => touched.has(normal(key)))],
    [`authorization ${got.authorization}, not ${want.completeness}`, got.authorization === want.completeness],
  ];
  return checks.filter(([, holds]) => !holds).map(([what]) => what);
}

function isParty(want: Expected | null, got: Party | undefined): boolean {
  if (want === null) return true;
  if (got === undefined) return false;
  // Truth names a machine at a provider, which no directory lists, by what it is called.
  const named = got.kind === 'system' ? [`service:${got.display ?? ''}`] : [];
  const keys = new Set([got.key, ...got.aliases, ...named]);
  return [want.key, ...want.aliases].some((key) => keys.has(key));
}

// One spelling for the few event names that may carry more or less detail.
function createNormal(truth: string): (key: string) => string {
  const shared = new Set([...truth.matchAll(/event:k8s\.audit\/([^"@:]+):[A-Za-z]+@/g)].map((found) => found[1] ?? ''));
  return (key) => {
    const found = /^event:([^/]+)\/(.*)$/s.exec(key);
    if (!found) return key.replace(/\/$/, '');
    const [family, id] = [found[1] ?? '', found[2] ?? ''];
    const plain = id.split(/[:@]/)[0] ?? '';
    if (family === 'k8s.audit')
      return `event:${family}/${plain}${shared.has(plain) ? (/@[0-9T:.-]+Z/.exec(id)?.[0] ?? '') : ''}`;
    if (family === 'vault.audit') return `event:${family}/${id.split(':')[0] ?? ''}`;
    if (family === 'aws.cloudtrail') return `event:${family}/${id.split(/[@+]/)[0] ?? ''}`;
    return `event:${family}/${family === 'ce' ? (id.split('#').at(-1) ?? '') : id}`;
  };
}
