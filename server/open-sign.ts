import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyBaseLogger } from 'fastify';
import { takeFolder } from '../ingest/folder.ts';
import { openSigningKeys } from '../ledger/signing-key.ts';
import type { Problem } from '../model/problem.ts';
import { openServerWriter } from '../store/server-store.ts';
import type { StoreServer } from '../store/settings.ts';
import { tellTreeFault, waited } from './backing.ts';
import { createHealth } from './health.ts';
import type { Health } from './health.ts';
import { closeApp, createClosing, listenOn } from './listen.ts';
import { createManagement } from './management.ts';
import { createMetrics } from './metrics.ts';
import { openSignerState } from './signer-state.ts';
import { startSigning } from './signing-loop.ts';
import type { SigningLoop } from './signing-loop.ts';
import { startWatch } from './watch.ts';

// What the store does not answer within this time after a stop is signed by the next start.
const STOP_MS = 4_000;

export interface SignOptions {
  /** The folder of the signer alone: the key, and what it signed last. */
  readonly folder: string;
  readonly tenant: string;
  readonly clickhouse: StoreServer;
  readonly management: { readonly host: string; readonly port: number };
  readonly logger: FastifyBaseLogger;
  /** Ends the wait for a store that is not there yet. */
  readonly signal: AbortSignal;
  /** How often it signs where something has changed, milliseconds; 2,000 if left out. */
  readonly signMs?: number;
}

/** The signer of a store, and how it fares. */
export interface SignProcess {
  /** Where `/healthz`, `/readyz` and `/metrics` are. */
  readonly url: string;
  readonly health: Health;
  /** Signs at once what is there. */
  readonly sign: () => Promise<void>;
  /** Signs what is there once more, if the store answers, and gives the folder back. */
  close(): Promise<void>;
}

/**
 * Opens the one signer of a store that other processes fill: it signs every two seconds what their trees have come to,
 * where it continues what was signed before. The listener for monitoring stands first; the store is waited for, for ever.
 * Throws `folder_in_use` for a folder that another process has, `configuration` for keys or a store that are not to be used.
 */
export async function openSign(options: SignOptions): Promise<SignProcess> {
  const { tenant, logger, clickhouse, management, signMs } = options;
  const closing = createClosing();
  try {
    const folder = takeFolder(options.folder);
    closing.add(() => folder.release());
    const { active, retired } = await openSigningKeys(folder.path);
    const state = await openSignerState(folder.path);
    const health = createHealth();
    health.set('starting', true);
    const watch = startWatch({ health, logger, folder: folder.path });
    closing.add(() => watch.stop());
    let signing: SigningLoop | undefined;
    const metrics = createMetrics({ health, watch: () => watch, signing: () => signing?.state() });
    const app = createManagement({ health, metrics, logger });
    closing.add(() => closeApp(app));
    const url = await listenOn(app, management.host, management.port);
    const store = await waited(options, () => openServerWriter({ server: clickhouse }));
    closing.add(() => store.close());
    signing = startSigning({
      // Reads go through the session that writes: after an insert whose end was not told it is known what became of it
      // before anything is read, so no place of the log of checkpoints is given twice.
      reader: store.writer,
      writer: store.writer,
      tenant,
      key: active,
      known: [active, ...retired],
      state,
      signMs,
      now: () => Date.now() * 1_000,
      onFault: (problem) => tellFault(logger, problem),
      onRound(fault) {
        health.set('starting', false);
        health.set('store_unavailable', fault?.code === 'unavailable');
        health.set('signing_stopped', fault !== undefined && fault.code !== 'unavailable');
      },
    });
    const loop = signing;
    closing.add(() => Promise.race([loop.stop(), sleep(STOP_MS, undefined, { ref: false })]));
    return { url, health, sign: () => loop.sign(), close: closing.close };
  } catch (error) {
    await closing.close();
    throw error;
  }
}

/** A store that is away is waited for. Anything else is for a person: nothing is signed until then. */
function tellFault(logger: FastifyBaseLogger, problem: Problem): void {
  if (problem.code === 'unavailable') tellTreeFault(logger, problem);
  else logger.error({ ...problem.facts, alarm: 'signing_stopped', code: problem.code, err: problem }, problem.message);
}
