import type { Policy } from '../../model/policy.ts';
import type { Family } from '../../model/source.ts';
import type { ParseInput } from './adapter.ts';

// The family whose installations hold the requests of a system; the names are those of `access-request:<system>:`.
const FAMILY_OF_SYSTEM: ReadonlyMap<string, Family> = new Map([
  ['okta', 'okta.log'],
  ['broker', 'ce'],
  ['teleport', 'teleport'],
  ['entra', 'entra'],
]);

/**
 * Which pipeline variables are kept and where a request id in them belongs (sources.md 2.4, E5). A policy that names no
 * scope means the one installation of the system that it registers; where there are several, or none, the id belongs
 * nowhere and makes no key, because a guess would join what has nothing in common.
 */
export function variablesOf(policy: Pick<Policy, 'sources' | 'pipeline_variables'>): ParseInput['variables'] {
  const { access_request, change, request_system, request_scope } = policy.pipeline_variables;
  const family = FAMILY_OF_SYSTEM.get(request_system.toLowerCase());
  const known = policy.sources.filter((source) => source.family === family);
  const scope = request_scope ?? (known.length === 1 ? known[0]?.instance : undefined);
  return {
    accessRequest: access_request,
    change,
    requestSystem: request_system,
    ...(scope !== undefined && { requestScope: scope }),
  };
}
