import type { ScanOptions, ScanResult } from './scan-types.ts';

/**
 * Checks a delivery before anything parses it, cuts it into its elements and redacts each: one pass over the bytes,
 * without recursion. Never throws; a fault names its place. See scan-types.ts for what is asked and given.
 */
export type ScanDelivery = (bytes: Buffer, options: ScanOptions) => ScanResult;
