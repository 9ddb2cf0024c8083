import { readFileSync } from 'node:fs';
import { Problem } from '../model/problem.ts';

/** A ClickHouse server or cluster, and who we are to it. */
export interface StoreServer {
  readonly url: string;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** The certificate of the authority that signed the server's, PEM; those of the system if left out. */
  readonly ca?: Buffer;
  /** The name of the cluster, where tables are replicated: quorum, sequential reads, statements on all replicas. */
  readonly cluster?: string;
  /** A server that sends nothing for so long has not answered. Milliseconds. */
  readonly silenceMs: number;
  readonly connections: number;
  readonly compression: 'none' | 'gzip';
}

const PREFIX = 'CUSTODY_CLICKHOUSE_';
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

/** The names, with units and presets, as `--help` tells them. */
export const STORE_SETTINGS_HELP = `
  CUSTODY_CLICKHOUSE_URL              https://host:8443 (http:// only on this machine, unless _ALLOW_PLAINTEXT=1)
  CUSTODY_CLICKHOUSE_USER             default: default
  CUSTODY_CLICKHOUSE_PASSWORD_FILE    a file that holds the password; none if left out
  CUSTODY_CLICKHOUSE_DATABASE         default: default
  CUSTODY_CLICKHOUSE_TLS_CA_FILE      the authority of the server's certificate, PEM; the system's if left out
  CUSTODY_CLICKHOUSE_CLUSTER          the name of the cluster where the tables are replicated (deploy/clickhouse)
  CUSTODY_CLICKHOUSE_SILENCE_S        seconds without a byte after which a server has not answered: 60 (1 to 3600)
  CUSTODY_CLICKHOUSE_CONNECTIONS      open connections at most: 10 (2 to 1000)
  CUSTODY_CLICKHOUSE_COMPRESSION      none or gzip, both ways: none (gzip costs a core at some 30 MB/s)`.slice(1);

/**
 * Reads where the store's server is; undefined where `CUSTODY_CLICKHOUSE_URL` names none. A Problem of code
 * `configuration` names everything that is wrong at once, one line each, without any value of a secret.
 */
export function readStoreSettings(env: NodeJS.ProcessEnv = process.env): StoreServer | undefined {
  const text = (name: string): string | undefined => (env[PREFIX + name] === '' ? undefined : env[PREFIX + name]);
  const url = text('URL');
  if (url === undefined) return undefined;
  const faults: string[] = [];
  const wrong = (name: string, why: string): void => void faults.push(`${PREFIX}${name} ${why}`);
  const whole = (name: string, preset: number, least: number, most: number): number => {
    const value = Number(text(name) ?? preset);
    if (!Number.isInteger(value) || value < least || value > most)
      wrong(name, `must be a whole number from ${least} to ${most}`);
    return value;
  };
  const file = (name: string): Buffer | undefined => {
    const path = text(name);
    if (path === undefined) return undefined;
    try {
      return readFileSync(path);
    } catch {
      wrong(name, 'names a file that cannot be read');
      return undefined;
    }
  };
  const name = (setting: string, preset?: string): string | undefined => {
    const value = text(setting) ?? preset;
    if (value !== undefined && !/^[A-Za-z_][A-Za-z0-9_-]{0,63}$/.test(value))
      wrong(setting, 'must be a name of letters, digits, _ and -, 64 at most');
    return value;
  };
  const urlFault = faultOfUrl(url, text('ALLOW_PLAINTEXT') === '1');
  if (urlFault !== undefined) wrong('URL', urlFault);
  const ca = file('TLS_CA_FILE');
  if (ca !== undefined && !ca.includes('-----BEGIN CERTIFICATE-----'))
    wrong('TLS_CA_FILE', 'holds no certificate (PEM)');
  if (ca !== undefined && url.startsWith('http:')) wrong('TLS_CA_FILE', 'is given, but the URL is not https');
  const compression = text('COMPRESSION') ?? 'none';
  if (compression !== 'none' && compression !== 'gzip') wrong('COMPRESSION', 'must be none or gzip');
  const cluster = name('CLUSTER');
  const settings: StoreServer = {
    url,
    user: name('USER', 'default') ?? '',
    password: file('PASSWORD_FILE')?.toString('utf8').trim() ?? '',
    database: name('DATABASE', 'default') ?? '',
    ...(ca === undefined ? {} : { ca }),
    ...(cluster === undefined ? {} : { cluster }),
    silenceMs: whole('SILENCE_S', 60, 1, 3_600) * 1_000,
    connections: whole('CONNECTIONS', 10, 2, 1_000),
    compression: compression === 'gzip' ? 'gzip' : 'none',
  };
  if (faults.length > 0) throw new Problem('configuration', faults.join('\n'), { faults });
  return settings;
}

function faultOfUrl(text: string, allowPlaintext: boolean): string | undefined {
  if (!URL.canParse(text)) return 'must be a URL such as https://clickhouse.example:8443';
  const { protocol, hostname, username, password, search, hash } = new URL(text);
  if (protocol !== 'https:' && protocol !== 'http:') return 'must begin with https:// or http://';
  if (username !== '' || password !== '') return 'must hold no user or password: they have settings of their own';
  if (search !== '' || hash !== '') return 'must have nothing behind the path';
  if (protocol === 'http:' && !LOOPBACK.has(hostname) && !allowPlaintext)
    return 'must be https, for the password and the evidence would be readable on the way (CUSTODY_CLICKHOUSE_ALLOW_PLAINTEXT=1 where the network itself is encrypted)';
  return undefined;
}
