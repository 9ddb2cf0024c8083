import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { open } from 'lmdb';
import type { RootDatabase } from 'lmdb';
import { z } from 'zod';
import { Problem } from '../model/problem.ts';
import { isRunning, processIdentitySchema, thisProcess } from './process-identity.ts';
import type { ProcessIdentity } from './process-identity.ts';

/** A data folder that this process owns. Only its owner can read what is in it. */
export interface Folder {
  readonly path: string;
  /** The event log, the engine's files, keys that are made here. */
  readonly log: string;
  readonly store: string;
  readonly keys: string;
  /** Tells other commands of this user where the server listens, and the token that they may use. */
  announce(server: { readonly url: string; readonly token: string }): void;
  /** Gives the folder up. Killed instead, the process loses it all the same. */
  release(): Promise<void>;
}

/** A server that holds a data folder. */
export interface RunningServer {
  readonly pid: number;
  readonly url: string;
  readonly token: string;
}

const serverSchema = processIdentitySchema.extend({ url: z.string(), token: z.string() });
const OWNER = 'owner';
const SERVER_FILE = 'server.json';
const BEAT_FILE = 'beat';
const BEAT_MS = 5_000;
// An owner that cannot be seen from here counts as gone when it was silent for so long.
const SILENCE_MS = 30_000;

/**
 * Takes a data folder for this process, and makes it (mode 0700) if it is not there. Who owns it stands in a small LMDB
 * database, because its write lock goes with the process that held it: of two that find a dead owner at the same moment
 * exactly one wins, which lock files cannot promise. A Problem of code `folder_in_use` names the owner's process and,
 * if it is a server, its URL; `configuration` if the folder holds something else.
 */
export function takeFolder(path: string): Folder {
  const root = resolve(path);
  prepare(root);
  const owner = open<string, string>({
    path: join(root, OWNER),
    noSubdir: false,
    encoding: 'string',
    overlappingSync: false,
  });
  const here = thisProcess();
  const holder = owner.transactionSync(() => {
    const other = readOwner(owner);
    if (other !== undefined && isAlive(root, other, here)) return other;
    owner.putSync('owner', JSON.stringify(here));
    beat(root);
    return undefined;
  });
  if (holder !== undefined) {
    void owner.close();
    throw inUse(root, holder);
  }
  rmSync(join(root, SERVER_FILE), { force: true });
  const timer = setInterval(() => beat(root), BEAT_MS).unref();
  return {
    path: root,
    log: join(root, 'log'),
    store: join(root, 'store'),
    keys: join(root, 'keys'),
    announce: (server) => writeWhole(join(root, SERVER_FILE), JSON.stringify({ ...here, ...server })),
    async release() {
      clearInterval(timer);
      rmSync(join(root, SERVER_FILE), { force: true });
      owner.removeSync('owner');
      await owner.close();
    },
  };
}

/** The server that holds a data folder; undefined if none does, or what is written of it is of a process that died. */
export async function findServer(path: string): Promise<RunningServer | undefined> {
  const root = resolve(path);
  let text: string;
  try {
    text = await readFile(join(root, SERVER_FILE), 'utf8');
  } catch {
    return undefined;
  }
  const server = parse(serverSchema, text);
  if (server === undefined || !isAlive(root, server, thisProcess())) return undefined;
  return { pid: server.pid, url: server.url, token: server.token };
}

function prepare(root: string): void {
  const isOurs = existsSync(join(root, OWNER));
  if (!isOurs && existsSync(root) && readdirSync(root).length > 0) {
    throw new Problem('configuration', `${root} holds other files; name an empty or a new folder for the data`);
  }
  for (const folder of ['', OWNER, 'log', 'store', 'keys'])
    mkdirSync(join(root, folder), { recursive: true, mode: 0o700 });
  chmodSync(root, 0o700);
}

function isAlive(root: string, other: ProcessIdentity, here: ProcessIdentity): boolean {
  const running = isRunning(other, here);
  if (running !== 'unknown') return running === 'yes';
  try {
    return Date.now() - statSync(join(root, OWNER, BEAT_FILE)).mtimeMs < SILENCE_MS;
  } catch {
    return false;
  }
}

function beat(root: string): void {
  const file = join(root, OWNER, BEAT_FILE);
  const now = new Date();
  try {
    utimesSync(file, now, now);
  } catch {
    // Not there yet, or the folder was taken away while we run: then there is nothing left to defend.
    if (existsSync(join(root, OWNER))) writeFileSync(file, '', { mode: 0o600 });
  }
}

function readOwner(owner: RootDatabase<string, string>): ProcessIdentity | undefined {
  return parse(processIdentitySchema, owner.get('owner') ?? '');
}

function inUse(root: string, holder: ProcessIdentity): Problem {
  const server = readServer(root);
  const remedy =
    server === undefined
      ? '. One process at a time works on a data folder: try again when that one has ended.'
      : `, which answers at ${server.url}: ask it there (--url), or stop it first.`;
  return new Problem('folder_in_use', `${root} belongs to process ${holder.pid}${remedy}`, {
    pid: holder.pid,
    ...(server === undefined ? {} : { url: server.url }),
  });
}

function readServer(root: string): RunningServer | undefined {
  try {
    return parse(serverSchema, readFileSync(join(root, SERVER_FILE), 'utf8'));
  } catch {
    return undefined;
  }
}

function parse<T>(schema: z.ZodType<T>, text: string): T | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** Writes a file so that a reader sees the old text or the new one. Only the owner can read it, from the first byte. */
function writeWhole(path: string, text: string): void {
  const draft = `${path}.${process.pid}`;
  rmSync(draft, { force: true });
  writeFileSync(draft, text, { mode: 0o600 });
  renameSync(draft, path);
}
