import type { Reader } from '../store/query.ts';
import type { StoredPartition } from '../store/log-state.ts';
import type { Store } from '../store/clickhouse.ts';
import type { LogKeys } from '../ledger/evidence.ts';
import { fromJwk, openSigningKeys } from '../ledger/signing-key.ts';
import type { PublicLogKey, SigningKey } from '../ledger/signing-key.ts';
import type { TrustedLog } from '../ledger/verify-evidence.ts';
import { openTreeKeeper } from '../ingest/trees/tree-keeper.ts';
import type { SealState, TreeKeeper } from '../ingest/trees/tree-keeper.ts';
import { joinKeys, publishedOf, serverNameOf } from './log-keys.ts';
import { openSignerState } from './signer-state.ts';
import { startSigning } from './signing-loop.ts';
import type { Problem } from '../model/problem.ts';

export interface LogHolderOptions {
  readonly folder: string;
  readonly tenant: string;
  readonly store: Pick<Store, 'reader' | 'writer' | 'openReader'>;
  /** How often a checkpoint is signed where something has changed, milliseconds; 2,000 when left out. */
  readonly signMs?: number;
  readonly onFault: (problem: Problem, place?: StoredPartition) => void;
}

/** The trees of this process, its key, what it signs, and whose signatures it believes. */
export interface LogHolder {
  readonly key: SigningKey;
  /** The name under which it signs packs. */
  readonly signsAs: string;
  /** All keys that sign receipts, those that no longer do included. */
  readonly keys: readonly PublicLogKey[];
  readonly published: LogKeys;
  /** Whose checkpoints are believed; undefined where it is not known who signs. */
  readonly trusted: TrustedLog | undefined;
  readonly covered: TreeKeeper['covered'];
  /** How the seals of this process fare; undefined where others keep the trees. */
  readonly seals: () => SealState | undefined;
  /** Resolves when what is stored and was told is sealed (ingest/trees/tree-keeper.ts). */
  sealed(): Promise<void>;
  /** The same, and a checkpoint is signed over it: here, or by the signer that is waited for, where it is known. */
  signed(): Promise<void>;
  /** Seals and signs what is there, for some seconds at most. */
  close(): Promise<void>;
}

// So long after the last record nothing can be on its way into a tree, and the store need not be asked every time.
const QUIET_MS = 60_000;

/** Opens the trees and the signer of a data folder. */
export async function openLogHolder(options: LogHolderOptions): Promise<LogHolder> {
  const { folder, tenant, store, onFault } = options;
  const { active, retired } = await openSigningKeys(folder);
  const state = await openSignerState(folder);
  const keeper = await openTreeKeeper({ store, onFault: (place, problem) => onFault(problem, place) });
  const reader: Reader & { close(): Promise<void> } = await store.openReader();
  const published = publishedOf(tenant, [active, ...retired]);
  let lastCoveredMs = performance.now();
  const signing = startSigning({
    reader,
    writer: store.writer,
    tenant,
    key: active,
    known: [active, ...retired],
    state,
    now: () => Date.now() * 1_000,
    signMs: options.signMs,
    isQuiet: (hasSigned) => !hasSigned && performance.now() - lastCoveredMs > QUIET_MS,
    onFault,
  });
  return {
    key: active,
    signsAs: published.origin,
    keys: [active, ...retired],
    published,
    trusted: published,
    covered(place, end, writerEpoch) {
      lastCoveredMs = performance.now();
      keeper.covered(place, end, writerEpoch);
    },
    seals: keeper.seals,
    sealed: () => keeper.sealed(),
    async signed() {
      await keeper.sealed();
      await signing.sign();
    },
    async close() {
      await keeper.close();
      await signing.stop();
      await reader.close();
    },
  };
}

/**
 * The keys of a server that reads what others store: its own signs packs and receipts, and no checkpoint; `signer` are the
 * public keys of the one who signs those. `sealed` and `signed` wait for the others. `own` in place of the folder's key.
 */
export async function openRemoteLogHolder(
  options: Pick<LogHolderOptions, 'folder' | 'tenant'> & {
    readonly sealed: () => Promise<void>;
    readonly signed: () => Promise<void>;
    readonly signer?: LogKeys | undefined;
    readonly own?: SigningKey | undefined;
  },
): Promise<LogHolder> {
  const { tenant, signer, sealed, signed } = options;
  const { active, retired } = await openSigningKeys(options.folder);
  const key = options.own ?? active;
  const own = [key, ...(options.own ? [active] : []), ...retired];
  const published = joinKeys(publishedOf(tenant, own, serverNameOf(tenant)), signer);
  return {
    key,
    signsAs: serverNameOf(tenant),
    keys: published.keys.flatMap((jwk) => fromJwk(jwk) ?? []),
    published,
    trusted: signer && { origin: signer.origin, verifiers: signer.verifiers },
    covered: () => undefined,
    seals: () => undefined,
    sealed,
    signed: signer ? signed : sealed,
    close: () => Promise.resolve(),
  };
}
