import { createReadStream, existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';
import type { Policy } from '../../model/policy.ts';

/**
 * A scenario's file of Kubernetes events holds several clusters, and no event says of which it is; an operator would
 * have a file a cluster. This gives the cluster of a line: the one whose authenticator takes tokens of the issuer that
 * minted the token in it. Where the mint was not seen (a gap in the issuer's stream), the environment of the job that
 * the token names decides; what was done without such a token is of the first cluster.
 */
export async function clustersOf(folder: string, policy: Policy): Promise<(event: unknown) => string> {
  const clusters = policy.sources.filter((source) => source.family === 'k8s.audit');
  const [minted, jobs] = [await mintedTokens(folder), await jobEnvironments(folder)];
  const first = clusters[0]?.instance ?? '';
  return (event) => {
    const extra = (event as { user?: { extra?: Record<string, readonly string[]> } }).user?.extra ?? {};
    const jti = /^JTI=(.+)$/.exec(extra['authentication.kubernetes.io/credential-id']?.[0] ?? '')?.[1];
    const issuer = jti === undefined ? undefined : minted.get(jti);
    const byIssuer = clusters.find((cluster) => issuer !== undefined && cluster.jwt_issuer === issuer);
    if (jti === undefined || byIssuer) return byIssuer?.instance ?? first;
    const job = clusters.map((cluster) => extra[`${cluster.claim_prefix}/job-id`]?.[0]).find((id) => id !== undefined);
    const name = jobs.get(job ?? '') ?? '';
    const environment = policy.environments.gitlab[name] ?? name;
    const known = policy.environments.kubernetes_clusters;
    return clusters.find((cluster) => known[cluster.instance] === environment)?.instance ?? first;
  };
}

async function mintedTokens(folder: string): Promise<ReadonlyMap<string, string>> {
  const minted = new Map<string, string>();
  for await (const line of linesOf(`${folder}/by-source/issuer.ndjson`)) {
    const token = (JSON.parse(line) as { data?: { token?: { iss?: string; jti?: string } } }).data?.token;
    if (token?.iss !== undefined && token.jti !== undefined) minted.set(token.jti, token.iss);
  }
  return minted;
}

async function jobEnvironments(folder: string): Promise<ReadonlyMap<string, string>> {
  const jobs = new Map<string, string>();
  for await (const line of linesOf(`${folder}/by-source/gitlab-webhook.ndjson`)) {
    const hook = JSON.parse(line) as {
      deployable_id?: number;
      environment?: string;
      builds?: { id: number; environment?: { name?: string } | null }[];
    };
    if (hook.deployable_id !== undefined && typeof hook.environment === 'string')
      jobs.set(String(hook.deployable_id), hook.environment);
    for (const build of hook.builds ?? [])
      if (build.environment?.name !== undefined) jobs.set(String(build.id), build.environment.name);
  }
  return jobs;
}

/** The lines of a file, or of the same file compressed; none where neither is there. */
export async function* linesOf(file: string): AsyncGenerator<string> {
  const packed = `${file}.gz`;
  if (!existsSync(file) && !existsSync(packed)) return;
  const input = existsSync(file) ? createReadStream(file) : createReadStream(packed).pipe(createGunzip());
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) if (line !== '') yield line;
}
