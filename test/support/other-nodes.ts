import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Programs named node on the PATH whose major version is another than this process has, one a version. */
export function otherNodes(): readonly { readonly path: string; readonly version: string }[] {
  const found = new Map<string, { path: string; version: string }>();
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, 'node');
    if (!existsSync(path)) continue;
    const version = execFileSync(path, ['--version'], { encoding: 'utf8' }).trim();
    const major = version.split('.')[0] ?? '';
    if (major !== process.version.split('.')[0] && !found.has(major)) found.set(major, { path, version });
  }
  return [...found.values()];
}
