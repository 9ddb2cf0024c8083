import { readFileSync } from 'node:fs';

/** The version of the issuer kit, which is that of the contract that it carries. */
export function contractVersion(): string {
  const path = new URL('../../ingest/issuer-kit/package.json', import.meta.url);
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version;
}
