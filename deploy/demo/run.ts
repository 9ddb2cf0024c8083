import type { Person, Project, Runner } from './organisation.ts';

/** A pipeline with one deploy job, as the hooks tell it. */
export interface Run {
  readonly project: Project;
  readonly pipelineId: number;
  readonly jobId: number;
  readonly deploymentId: number;
  readonly sha: string;
  readonly ref: string;
  readonly environment: 'production' | 'staging';
  readonly creator: Person;
  readonly player: Person;
  readonly runner: Runner;
  readonly variables: readonly { readonly key: string; readonly value: string }[];
  readonly createdAt: number;
  readonly startedAt: number;
  readonly finishedAt: number;
}
