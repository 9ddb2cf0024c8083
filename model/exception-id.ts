import { hash } from 'node:crypto';
import type { TestItem } from './control.ts';
import { parseStamp } from './time.ts';

/** The words before what is hashed; store/queries/find-exceptions.ts makes the same in the engine. */
export const EXCEPTION_DOMAIN = 'custody-exception/v1';

/**
 * The id of an exception: its test, and the first 24 hexadecimal digits of SHA-256 over domain, tenant, test, attribute,
 * moment (microseconds UTC) and item, a line each. It is the same in every run that finds the same; another attribute
 * at the same item is another exception, so that nothing that was said of one counts for the other.
 */
export function exceptionIdOf(
  tenant: string,
  test: string,
  { item, attribute = '', at }: Pick<TestItem, 'item' | 'attribute' | 'at'>,
): string {
  const moment = parseStamp(at)?.at ?? 0;
  const text = [EXCEPTION_DOMAIN, tenant, test, attribute, String(moment), item].join('\n');
  return `${test}-${hash('sha256', text, 'hex').slice(0, 24)}`;
}

/** The form of such an id. */
export const EXCEPTION_ID = /^T-\d{2}[a-z]?-[0-9a-f]{24}$/;

/** The test that an exception belongs to. */
export function testOfException(id: string): string {
  return id.slice(0, -25);
}
