import type { SourceAdapter } from '../sources/adapter.ts';
import type { IntakeDeps } from './deps.ts';
import { createJsonCutter } from './json-cutter.ts';
import { withhold } from './json-scan.ts';
import { MAX_RECORD_BYTES } from './limits.ts';
import type { ScanOptions, ScannedElement } from './scan-types.ts';

const NOTHING = Buffer.alloc(0);

/**
 * The elements of a page that was fetched and cannot be scanned as a whole (one element is nested too deep, or is no
 * JSON): each for itself, and what is bad is withheld. Nobody can be asked to mend it, and a page that is refused again
 * and again would keep all that come after it from ever being read.
 */
export function cutPage(
  { scan }: Pick<IntakeDeps, 'scan'>,
  adapter: SourceAdapter,
  body: Buffer,
  options: ScanOptions,
): readonly ScannedElement[] {
  const scanOne = (bytes: Buffer | undefined): readonly ScannedElement[] => {
    if (!bytes)
      return [withhold(NOTHING, { reason: 'too_large', detail: `longer than ${MAX_RECORD_BYTES} bytes`, position: 0 })];
    const scanned = scan(bytes, { ...options, containers: [], faults: 'withhold', format: 'json' });
    return scanned.ok ? scanned.elements : [withhold(bytes, scanned)];
  };
  const cutter = createJsonCutter(adapter.containers, MAX_RECORD_BYTES);
  const elements = cutter.push(body).flatMap(scanOne);
  const { last, isCutOff, isTooLong } = cutter.end();
  if (isTooLong) return [...elements, ...scanOne(undefined)];
  const cutOff = { reason: 'invalid_json', detail: 'the page ends within a value', position: body.length } as const;
  if (isCutOff) return [...elements, withhold(last ?? NOTHING, cutOff)];
  return last ? [...elements, ...scanOne(last)] : elements;
}
