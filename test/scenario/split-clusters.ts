import { createReadStream, existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';
import type { Policy } from '../../model/policy.ts';

/**
 * A scenario's file of Kubernetes events holds several clusters, and no event says of which it is; an operator would
 * have a file a cluster. This gives the cluster of a line: the one whose authenticator takes tokens of the issuer that
 * minted the token in it. A token that no registered issuer minted belongs to a cluster that trusts another issuer.
 * What was done without such a token is of the first cluster.
 */
export async function clustersOf(folder: string, policy: Policy): Promise<(event: unknown) => string> {
  const clusters = policy.sources.filter((source) => source.family === 'k8s.audit');
  const minted = await mintedTokens(folder);
  const issuers = new Set(minted.values());
  const first = clusters[0]?.instance ?? '';
  return (event) => {
    const jti = tokenOf(event);
    if (jti === undefined) return first;
    const issuer = minted.get(jti);
    const trusted = clusters.find((cluster) =>
      issuer === undefined ? !issuers.has(cluster.jwt_issuer ?? '') : cluster.jwt_issuer === issuer,
    );
    return trusted?.instance ?? first;
  };
}

function tokenOf(event: unknown): string | undefined {
  const extra = (event as { user?: { extra?: Record<string, readonly string[]> } }).user?.extra;
  return /^JTI=(.+)$/.exec(extra?.['authentication.kubernetes.io/credential-id']?.[0] ?? '')?.[1];
}

async function mintedTokens(folder: string): Promise<ReadonlyMap<string, string>> {
  const minted = new Map<string, string>();
  for await (const line of linesOf(`${folder}/by-source/issuer.ndjson`)) {
    const token = (JSON.parse(line) as { data?: { token?: { iss?: string; jti?: string } } }).data?.token;
    if (token?.iss !== undefined && token.jti !== undefined) minted.set(token.jti, token.iss);
  }
  return minted;
}

/** The lines of a file, or of the same file compressed; none where neither is there. */
export async function* linesOf(file: string): AsyncGenerator<string> {
  const packed = `${file}.gz`;
  if (!existsSync(file) && !existsSync(packed)) return;
  const input = existsSync(file) ? createReadStream(file) : createReadStream(packed).pipe(createGunzip());
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) if (line !== '') yield line;
}
