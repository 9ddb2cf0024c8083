import type { FastifyBaseLogger } from 'fastify';
import type { SelfAct, SelfLog } from '../ingest/self-log.ts';
import type { Facts } from '../model/facts.ts';
import type { Policy } from '../model/policy.ts';
import { policyContentSha256, policySections, policySha256 } from '../model/policy-hash.ts';
import { catalogueVersion } from '../query/controls/catalogue.ts';
import { findLastConfigurations } from '../store/queries/find-configurations.ts';
import type { Reader } from '../store/query.ts';

type Configuration = NonNullable<Facts['configuration']>;

export interface ConfigurationDeps {
  readonly reader: Reader;
  readonly self: SelfLog;
  /** Resolves when all that the log holds is stored. */
  readonly carried: () => Promise<void>;
  readonly logger: FastifyBaseLogger;
}

/** Once all that the log holds is stored: which policy and catalogue this server works with, if they are new. Never rejects. */
export async function tellConfiguration(
  policy: Policy,
  { reader, self, carried, logger }: ConfigurationDeps,
): Promise<void> {
  try {
    await carried();
    await recordConfiguration(reader, policy, self);
  } catch (error) {
    // The next start tells it; what is served does not depend on it.
    logger.warn({ err: error }, 'the policy in use could not be recorded');
  }
}

/**
 * Tells the own log which policy and which catalogue of tests are in use, where they are others than the last that it
 * holds, with the sections of the policy that changed (T-26, T-40). Gives how many were told.
 */
export async function recordConfiguration(reader: Reader, policy: Policy, self: SelfLog): Promise<number> {
  const rows = await reader.read(findLastConfigurations(policy.tenant));
  const last = new Map(rows.map((row) => [row.kind, JSON.parse(row.configuration) as Configuration]));
  const sections = policySections(policy);
  const now: readonly Configuration[] = [
    { kind: 'policy', sha256: policySha256(policy), content_sha256: policyContentSha256(policy), sections },
    { kind: 'catalogue', sha256: catalogueVersion() },
  ];
  const acts = now
    .filter(({ kind, sha256 }) => last.get(kind)?.sha256 !== sha256)
    .map((configuration): SelfAct => {
      const before = last.get(configuration.kind);
      const changed = before?.sections && changedSections(before.sections, configuration.sections ?? {});
      return {
        type: 'configuration.loaded',
        configuration: {
          ...configuration,
          ...(configuration.sections === undefined ? {} : { sections: { ...configuration.sections } }),
          ...(before === undefined ? {} : { previous_sha256: before.sha256 }),
          ...(changed === undefined ? {} : { changed }),
        } as Extract<SelfAct, { type: 'configuration.loaded' }>['configuration'],
      };
    });
  for (const act of acts) await self.tell(act);
  return acts.length;
}

function changedSections(before: Readonly<Record<string, string>>, now: Readonly<Record<string, string>>): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(now)]);
  return [...names].filter((name) => before[name] !== now[name]).toSorted();
}
