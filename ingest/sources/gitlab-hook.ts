import type { AuditEvent } from '../../model/event.ts';
import type { Key } from '../../model/key.ts';
import { gitlabCommitKey, gitlabEnvironmentKey, gitlabKey } from '../../model/keys.ts';
import type { Stamp } from '../../model/time.ts';
import type { ParseInput } from './adapter.ts';
import { addKey } from './draft.ts';
import type { Draft } from './draft.ts';
import { getNumberId } from './gitlab.ts';
import { at, getString, needStamp } from './read.ts';
import type { Doc, Path } from './read.ts';

/** One hook body on its way to an event, and what all kinds of hooks need. */
export interface Hook {
  readonly doc: Doc;
  readonly input: ParseInput;
  readonly host: string;
  readonly draft: Draft;
}

/** What a kind of hook tells; source, instance, keys and edges are added for all kinds alike. */
export type HookEvent = Omit<
  AuditEvent,
  'family' | 'source' | 'instance' | 'dedupeKey' | 'keys' | 'edges' | 'unread'
> & {
  /** Where the name of the event alone does not tell two events apart. */
  readonly dedupeKey?: string;
};

/** Adds a key of a GitLab object that the hook is in the flow of, or that it only names. */
export function addGitlab(
  hook: Hook,
  type: Parameters<typeof gitlabKey>[0],
  role: Parameters<typeof addKey>[2],
  ...path: Path
): Key | undefined {
  return addKey(hook.draft, gitlabKey(type, hook.host, getNumberId(hook.doc, ...path)), role, fieldOf(path));
}

/** Adds the places that a run belongs to: project, environment, commit, runner. Hubs: they join nothing. */
export function addPlaces(
  hook: Hook,
  places: {
    readonly project: string | undefined;
    readonly sha?: string | undefined;
    readonly environment?: string | undefined;
    readonly runner?: string | undefined;
  },
): void {
  const { draft, host } = hook;
  const { project, sha, environment, runner } = places;
  addKey(draft, gitlabKey('gitlab:project', host, project), 'place', 'project.id');
  addKey(draft, gitlabEnvironmentKey(host, project, environment), 'place', 'environment');
  addKey(draft, gitlabCommitKey(host, project, sha), 'place', 'sha');
  addKey(draft, gitlabKey('gitlab:runner', host, runner), 'place', 'runner.id');
}

/**
 * The pipeline and bridge job that started this one (sources.md 2.4, `source_pipeline`), as keys that are only named:
 * they belong to the flow through the edges E8 and E9.
 */
export function addParents(hook: Hook): { readonly pipeline: Key | undefined; readonly bridge: Key | undefined } {
  return {
    pipeline: addGitlab(hook, 'gitlab:pipeline', 'mentions', 'source_pipeline', 'pipeline_id'),
    bridge: addGitlab(hook, 'gitlab:job', 'mentions', 'source_pipeline', 'job_id'),
  };
}

/**
 * The time of a state: the first of the paths that holds anything. It must be readable; if none holds anything, the
 * last is missing. Gives the text too, because it is part of the event's name.
 */
export function needStateTime(doc: Doc, paths: readonly Path[]): { readonly text: string; readonly stamp: Stamp } {
  const last = paths.at(-1) ?? [];
  const path = paths.find((candidate) => !isNothing(at(doc.json, ...candidate))) ?? last;
  const value = at(doc.json, ...path);
  return { text: typeof value === 'string' ? value : '', stamp: needStamp(doc, ...path) };
}

/** The path of a project for display; its number is what identifies it. */
export function projectPath(doc: Doc): string | undefined {
  return getString(doc, 'project', 'path_with_namespace');
}

function isNothing(value: unknown): boolean {
  return value === undefined || value === null || value === '';
}

function fieldOf(path: Path): string {
  return path
    .map((step) => (typeof step === 'number' ? `[${step}]` : step))
    .join('.')
    .replaceAll('.[', '[');
}
