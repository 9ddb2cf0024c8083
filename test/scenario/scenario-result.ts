import type { Chain, Party } from '../../model/chain.ts';
import type { CheckResult } from '../../model/control.ts';

/** The result file of the scenarios: what the product found, in the form in which it is compared with the truth. */
export interface ScenarioResult {
  readonly tests: CheckResult['tests'];
  readonly chains: readonly ScenarioChain[];
}

interface ScenarioParty {
  readonly key: string;
  readonly aliases: readonly string[];
}

export interface ScenarioChain {
  readonly focal: string;
  readonly requester?: ScenarioParty | undefined;
  readonly initiator?: ScenarioParty | undefined;
  readonly approvers: readonly ScenarioParty[];
  readonly runner_user?: ScenarioParty | undefined;
  readonly job?: string | undefined;
  readonly credentials: readonly string[];
  readonly touched: readonly string[];
  readonly completeness: string;
}

/** The check and the chains of a scenario as its result file has them. */
export function scenarioResult(check: CheckResult, chains: readonly Chain[]): ScenarioResult {
  return { tests: check.tests, chains: chains.map(chainOf) };
}

function chainOf(chain: Chain): ScenarioChain {
  return {
    focal: chain.focal,
    requester: partyOf(chain.requester),
    initiator: partyOf(chain.initiator),
    approvers: chain.approvers.flatMap((party) => partyOf(party) ?? []),
    runner_user: partyOf(chain.runner),
    job: chain.job,
    credentials: chain.credentials,
    touched: chain.touched,
    completeness: chain.authorization,
  };
}

// The scenarios name a machine at a provider, which no directory lists, by what it is called.
function partyOf(party: Party | undefined): ScenarioParty | undefined {
  if (!party) return undefined;
  const named = party.kind === 'system' && party.display !== undefined ? [`service:${party.display}`] : [];
  return { key: party.key, aliases: [...party.aliases, ...named] };
}
