import { readFile } from 'node:fs/promises';

/** Files that go into a pack as they are, or inside its page. */
export type AssetName = 'page.css' | 'page.js' | 'verify.mjs' | 'verify.py' | 'README.txt';

/** The text of a file of `assets/`; the build puts them beside the compiled code. */
export function readAsset(name: AssetName): Promise<string> {
  return readFile(new URL(`assets/${name}`, import.meta.url), 'utf8');
}
