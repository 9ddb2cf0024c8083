import { Problem } from '../model/problem.ts';

/** What the intake takes from the environment. */
export interface IngestSettings {
  /** Bytes of bodies held at once, over all senders. */
  readonly maxBytesInFlight: number;
}

const DEFAULT_MEMORY_MIB = 64;

/** Reads `CUSTODY_INTAKE_MEMORY_MIB` (1 to 4096, default 64): room for bodies that are being taken in. */
export function readIngestSettings(env: NodeJS.ProcessEnv = process.env): IngestSettings {
  const text = env['CUSTODY_INTAKE_MEMORY_MIB'];
  const mebibytes = text === undefined || text === '' ? DEFAULT_MEMORY_MIB : Number(text);
  if (!Number.isInteger(mebibytes) || mebibytes < 1 || mebibytes > 4_096) {
    throw new Problem('configuration', 'CUSTODY_INTAKE_MEMORY_MIB must be a whole number from 1 to 4096');
  }
  return { maxBytesInFlight: mebibytes * 1_048_576 };
}
