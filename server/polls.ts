import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyBaseLogger } from 'fastify';
import type { IntakeDeps } from '../ingest/intake/deps.ts';
import type { Secrets } from '../ingest/intake/secrets.ts';
import type { NotedLog } from '../ingest/log/local-index.ts';
import { createCompare } from '../ingest/pollers/compare.ts';
import { createPollService } from '../ingest/pollers/poll-service.ts';
import type { PollService } from '../ingest/pollers/poll-service.ts';
import { Problem } from '../model/problem.ts';
import type { Reader } from '../store/query.ts';

export interface PollsDeps {
  readonly intake: IntakeDeps & { readonly notes: NotedLog };
  readonly secrets: Secrets;
  readonly reader: Reader;
  readonly logger: FastifyBaseLogger;
}

/** The polls of the policy file over the doors of this process. How each round of the background ended goes to the log. */
export function createPolls({ intake, secrets, reader, logger }: PollsDeps): PollService {
  return createPollService({
    ...intake,
    secrets,
    sleep: (ms, signal) => sleep(ms, undefined, { signal }),
    random: Math.random,
    compare: createCompare({ reader, policy: intake.policy, adapterFor: intake.adapterFor, now: intake.now }),
    onRound(poll, end) {
      if (end instanceof Problem) logger.warn({ poll, code: end.code }, `poll failed: ${end.message}`);
      else if (end.records > 0)
        logger.info({ poll, pages: end.pages, records: end.records, repeats: end.repeats }, 'poll');
    },
  });
}
