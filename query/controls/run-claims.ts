import type { StoredEvent } from '../../store/stored-event.ts';
import type { ProductionIssue } from './production-issues.ts';

/** What is known of the run that a credential was given to. */
export interface RunClaims {
  readonly projectId?: string;
  readonly projectPath?: string;
  readonly ref?: string;
  readonly refProtected?: boolean;
  readonly environment?: string;
  readonly sha?: string;
  readonly runnerId?: string;
  /** `signed`: claims that the issuer kept. `forge`: what GitLab's own events of the job and pipeline say. */
  readonly from: 'signed' | 'forge';
  readonly events: readonly StoredEvent[];
}

/** The claims of the run behind a credential; undefined where it was given to no job that anything tells of. */
export function claimsOf({ issue, flow }: Pick<ProductionIssue, 'issue' | 'flow'>): RunClaims | undefined {
  const { ci } = issue.facts;
  if (ci?.project_id !== undefined || ci?.project_path !== undefined) {
    const { project_id: projectId, project_path: projectPath, ref_protected: refProtected, runner_id: runnerId } = ci;
    return compact({
      projectId,
      projectPath,
      refProtected,
      runnerId,
      ref: ci.ref,
      environment: ci.environment,
      sha: ci.sha,
      from: 'signed',
      events: [issue],
    });
  }
  const job = flow.events.find((event) => event.facts.job?.project_id !== undefined && isOf(event, flow.job));
  const told = job?.facts.job;
  if (!job || !told) return undefined;
  const pipeline = flow.events.find((event) => event.facts.pipeline?.ref_protected !== undefined);
  return compact({
    projectId: told.project_id,
    projectPath: told.project_path,
    ref: told.ref,
    refProtected: told.ref_protected ?? pipeline?.facts.pipeline?.ref_protected,
    environment: told.environment,
    sha: told.sha,
    runnerId: told.runner_id,
    from: 'forge',
    events: pipeline ? [job, pipeline] : [job],
  });
}

function isOf(event: StoredEvent, job: string | undefined): boolean {
  return job === undefined || event.keys.some((key) => key.key === job);
}

function compact(claims: { readonly [Name in keyof RunClaims]: RunClaims[Name] | undefined }): RunClaims {
  return Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined)) as unknown as RunClaims;
}
