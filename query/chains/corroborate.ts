import { and } from '../../model/truth.ts';
import type { Truth } from '../../model/truth.ts';
import type { StoredEvent } from '../../store/stored-event.ts';
import type { Graph, GraphEdge } from './graph.ts';

/** A session name may be given this long before the job began and after it ended (sources.md 2.4.1). */
const MARGIN_US = 10_000_000;

/** What is known of a job or pipeline that a session name claims. */
interface Claimed {
  readonly host: string;
  readonly path?: string;
  readonly ref?: string;
  readonly started?: number;
  readonly finished?: number;
}

/**
 * Whether a claim made by a role session name (edges E16 and E17) is borne out: the provider is the GitLab of the job,
 * the token's subject names the job's project and ref, and the session began while the job ran. `false` means that the
 * name claims a job that its token does not belong to; `unknown` that the events needed to judge are not here.
 */
export function corroborate(graph: Graph, edge: GraphEdge): { readonly holds: Truth; readonly why: string } {
  const session = graph.events.get(edge.ref);
  const said = session?.facts.claimed;
  if (!session || !said) return { holds: 'unknown', why: 'the event that made the session is not here' };
  const claimed = describeClaimed(graph, edge.parent);
  const checks: readonly (readonly [Truth, string])[] = [
    [equal(providerHost(said.provider), claimed.host), `the provider is not ${claimed.host}`],
    [sameSubject(said.subject, claimed), 'the subject of the token names another project or ref'],
    [within(session, claimed), 'the session began outside the time of the job'],
  ];
  const holds = and(...checks.map(([truth]) => truth));
  const failed = checks.filter(([truth]) => truth === false).map(([, why]) => why);
  return { holds, why: holds === 'unknown' ? 'what the name claims cannot be checked yet' : failed.join('; ') };
}

function describeClaimed(graph: Graph, key: string): Claimed {
  const host = key
    .replace(/^gitlab:(?:job|pipeline):/, '')
    .replace(/\/[^/]*$/, '')
    .replace(/~\d+$/, '');
  const events = graph
    .namesOf(key)
    .filter((name) => name.role !== 'mentions')
    .flatMap((name) => graph.events.get(name.ref) ?? []);
  const jobs = events.flatMap((event) => (key.startsWith('gitlab:job:') ? [jobFacts(event)] : [pipelineFacts(event)]));
  const pick = <T>(read: (facts: Partial<Claimed>) => T | undefined): T | undefined =>
    jobs.map(read).find((value) => value !== undefined);
  const [path, ref, started] = [
    pick((facts) => facts.path),
    pick((facts) => facts.ref),
    pick((facts) => facts.started),
  ];
  const finished = pick((facts) => facts.finished);
  return {
    host,
    ...(path === undefined ? {} : { path }),
    ...(ref === undefined ? {} : { ref }),
    ...(started === undefined ? {} : { started }),
    ...(finished === undefined ? {} : { finished }),
  };
}

function jobFacts(event: StoredEvent): Partial<Claimed> {
  const { job, ci } = event.facts;
  return defined({
    path: job?.project_path ?? ci?.project_path,
    ref: job?.ref ?? ci?.ref,
    started: job?.started_at,
    finished: job?.finished_at,
  });
}

function pipelineFacts(event: StoredEvent): Partial<Claimed> {
  const { pipeline } = event.facts;
  return defined({
    path: pipeline?.project_path,
    ref: pipeline?.ref,
    started: pipeline?.created_at,
    finished: pipeline?.finished_at,
  });
}

function defined(value: { readonly [K in keyof Claimed]?: Claimed[K] | undefined }): Partial<Claimed> {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined));
}

// "arn:aws:iam::111122223333:oidc-provider/gitlab.acme.example", "https://gitlab.acme.example", "gitlab.acme.example".
function providerHost(provider: string | undefined): string | undefined {
  const text = provider?.replace(/^.*:oidc-provider\//, '').replace(/^https?:\/\//, '');
  return text?.replace(/[/:].*$/, '').toLowerCase();
}

// GitLab's own subject. A changed `sub` has other parts, so it is not judged by this form (sources.md 4.3).
function sameSubject(subject: string | undefined, claimed: Claimed): Truth {
  const found = subject === undefined ? null : /^project_path:(.+?):ref_type:(?:branch|tag):ref:(.+)$/.exec(subject);
  if (!found) return 'unknown';
  return and(equal(found[1], claimed.path), equal(found[2], claimed.ref?.replace(/^refs\/(?:heads|tags)\//, '')));
}

function within(session: StoredEvent, claimed: Claimed): Truth {
  if (claimed.started === undefined) return 'unknown';
  if (session.occurredAt < claimed.started - MARGIN_US) return false;
  return claimed.finished === undefined || session.occurredAt <= claimed.finished + MARGIN_US;
}

function equal(a: string | undefined, b: string | undefined): Truth {
  return a === undefined || b === undefined ? 'unknown' : a === b;
}
