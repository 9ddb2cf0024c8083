import { createHash } from 'node:crypto';
import { canonicalJson } from './canonical-json.ts';
import type { Policy } from './policy.ts';

/** SHA-256 (hex) of a policy as it is read, so that neither order nor comments of the file matter. */
export function policySha256(policy: Policy): string {
  return sha256(policy);
}

/**
 * The same without the registers that tell of policies and engines themselves: a register of versions that stands in the
 * file cannot hold the file's own hash, but it can hold this one.
 */
export function policyContentSha256(policy: Policy): string {
  const { policy_versions: _versions, conformance: _conformance, ...content } = policy;
  return sha256(content);
}

/** The hash of each section of a policy, by its name: what differs between two policies was changed. */
export function policySections(policy: Policy): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(policy).map(([name, section]) => [name, sha256(section ?? null)]));
}

function sha256(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex');
}
