import type { Policy, PolicySource } from '../../model/policy.ts';
import type { PolicyPoll } from '../../model/policy-poll.ts';
import { Problem } from '../../model/problem.ts';
import type { Family } from '../../model/source.ts';
import { pollCloudtrail } from './cloudtrail.ts';
import { pollEntra } from './entra.ts';
import { pollGitlabAudit } from './gitlab-audit.ts';
import { pollGitlabUsers } from './gitlab-users.ts';
import { pollHoop } from './hoop.ts';
import { pollKeycloak } from './keycloak.ts';
import { pollOkta } from './okta.ts';
import type { PollSource } from './poll-source.ts';

/** Every system that can be polled, by its family. A new one is a file and a line here. */
const POLLS: Partial<Record<Family, PollSource>> = {
  'okta.log': pollOkta,
  'gitlab.audit': pollGitlabAudit,
  'gitlab.users': pollGitlabUsers,
  entra: pollEntra,
  'aws.cloudtrail': pollCloudtrail,
  keycloak: pollKeycloak,
  hoop: pollHoop,
};

/** A poll that the policy file asks for. */
export interface RegisteredPoll {
  /** `<family>/<instance>`: what people name it by, and under which its cursor is kept. */
  readonly id: string;
  readonly installation: PolicySource;
  readonly poll: PolicyPoll;
  readonly source: PollSource;
}

/** Seconds between two rounds: what the policy file says, what the source needs, or a minute. */
export function intervalOf({ poll, source }: Pick<RegisteredPoll, 'poll' | 'source'>): number {
  return poll.interval_seconds ?? source.intervalSeconds ?? 60;
}

/**
 * The polls of a policy file. A Problem of code `configuration` names a family that cannot be polled, because a poll that
 * is asked for and never runs would be silence.
 */
export function pollsOf(policy: Policy): readonly RegisteredPoll[] {
  return policy.sources.flatMap((installation) => {
    const { family, instance, poll } = installation;
    if (!poll) return [];
    const source = POLLS[family];
    if (!source) {
      throw new Problem(
        'configuration',
        `${family} ${instance} cannot be polled. Polls exist for ${Object.keys(POLLS).join(', ')}.`,
      );
    }
    return [{ id: `${family}/${instance}`, installation, poll, source }];
  });
}
