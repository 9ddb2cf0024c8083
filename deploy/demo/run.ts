import type { Person, Project, Runner } from './organisation.ts';

/** A pipeline with one deploy job, as the hooks tell it. */
export interface Run {
  readonly project: Project;
  readonly pipelineId: number;
  readonly jobId: number;
  /** Whose role the job takes at AWS: its own project's, unless something is wrong. */
  readonly roleOf: Project;
  readonly failed: boolean;
  /** How the project's tests ended for the commit; absent where it has none. */
  readonly tests?: 'success' | 'failed';
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
