import { lookup as resolveName } from 'node:dns/promises';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { BlockList, isIP } from 'node:net';
import { Problem } from '../../model/problem.ts';

const MAX_BYTES = 1_048_576;
const TIMEOUT_MS = 5_000;
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

const INSIDE = new BlockList();
for (const [net, bits] of [['0.0.0.0', 8], ['10.0.0.0', 8], ['100.64.0.0', 10], ['127.0.0.0', 8], ['169.254.0.0', 16], ['172.16.0.0', 12], ['192.0.0.0', 24], ['192.168.0.0', 16], ['198.18.0.0', 15], ['224.0.0.0', 4], ['240.0.0.0', 4]] as const) INSIDE.addSubnet(net, bits, 'ipv4'); // prettier-ignore
for (const [net, bits] of [['::', 128], ['::1', 128], ['64:ff9b::', 96], ['fc00::', 7], ['fe80::', 10], ['ff00::', 8]] as const) INSIDE.addSubnet(net, bits, 'ipv6'); // prettier-ignore

/** Whom a fetch may reach. `origin` is what the operator named: its own address counts as allowed if it is this machine. */
export interface FetchRules {
  readonly origin: URL;
  /** Addresses within the operator's own network, which are refused unless this is set. */
  readonly allowPrivate: boolean;
}

/**
 * Fetches a document of an issuer: https (http on this machine only), no redirect, at most 1 MiB, 5 seconds in all, and
 * no address of an inner network, whatever name leads there: the address that was judged is the one that is connected to
 * (reliability.md 3.2 row 4). Throws a Problem: `invalid_request` for what may not be fetched, `unavailable` for the rest.
 */
export async function safeFetch(
  url: URL,
  rules: FetchRules,
): Promise<{ readonly type: string; readonly text: string }> {
  const address = await judge(url, rules);
  const { status, type, body } = await get(url, address);
  if (status >= 300 && status < 400)
    throw new Problem('invalid_request', `${url.href} redirects, which is not followed. Name where it leads.`);
  if (status !== 200) throw new Problem('unavailable', `${url.href} answers HTTP ${status}.`);
  return { type, text: body };
}

/** Whether an address lies in an inner network, on this machine, or nowhere. */
export function isInside(address: string): boolean {
  const mapped = /^::ffff:(?:0:)?(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return isInside(mapped);
  const family = isIP(address);
  if (family === 0) return true;
  // What embeds an IPv4 address in hexadecimal is not told apart from it: none of it is needed here.
  if (family === 6 && /^::(?:ffff:)?[0-9a-f]/i.test(address)) return true;
  return INSIDE.check(address, family === 4 ? 'ipv4' : 'ipv6');
}

async function judge(url: URL, { origin, allowPrivate }: FetchRules): Promise<{ address: string; family: number }> {
  if (url.username !== '' || url.password !== '')
    throw new Problem('invalid_request', 'An address with user and password is not fetched.');
  const isLocal = LOOPBACK.has(url.hostname);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLocal))
    throw new Problem('invalid_request', `${url.href} is not fetched: only https is, or http on this machine.`);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const found = await resolveName(host, { all: true }).catch((error: unknown) => {
    throw new Problem('unavailable', `${host} has no address.`, {}, error);
  });
  const [first] = found;
  if (!first) throw new Problem('unavailable', `${host} has no address.`);
  if (isLocal && url.host === origin.host) return first;
  if (!allowPrivate && found.some(({ address }) => isInside(address))) {
    const words = 'leads into an inner network. If you trust who wrote that address, allow it with --allow-private.';
    throw new Problem('invalid_request', `${url.href} ${words}`);
  }
  return first;
}

interface Got {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

function get(url: URL, { address, family }: { address: string; family: number }): Promise<Got> {
  return new Promise((resolve, reject) => {
    const fail = (words: string, cause?: unknown): void =>
      reject(new Problem('unavailable', `${url.href} could not be read: ${words}`, {}, cause));
    const outgoing = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, {
      headers: { accept: 'application/json', 'accept-encoding': 'identity' },
      signal: AbortSignal.timeout(TIMEOUT_MS),
      agent: false,
      // The name is not asked for again: a second answer could be another address.
      lookup: (_host, options, done) =>
        options.all === true ? done(null, [{ address, family }]) : done(null, address, family),
    });
    outgoing.on('error', (error) => fail(error.name === 'TimeoutError' ? 'it takes too long' : error.message, error));
    outgoing.on('response', (incoming) => {
      const parts: Buffer[] = [];
      let bytes = 0;
      incoming.on('data', (part: Buffer) => {
        bytes += part.length;
        parts.push(part);
        if (bytes <= MAX_BYTES) return;
        fail(`it is larger than ${MAX_BYTES} bytes`);
        outgoing.destroy();
      });
      incoming.on('error', (error) => fail(error.message, error));
      incoming.on('end', () =>
        resolve({
          status: incoming.statusCode ?? 0,
          type: incoming.headers['content-type'] ?? '',
          body: Buffer.concat(parts).toString('utf8'),
        }),
      );
    });
    outgoing.end();
  });
}
