#!/usr/bin/env node
// A checkout runs its TypeScript through tsx, in this same process; an installation has only dist/ and runs on plain Node.
import { existsSync } from 'node:fs';
import module from 'node:module';

// From Node 22 on what was compiled is kept between runs (NODE_DISABLE_COMPILE_CACHE turns it off).
module.enableCompileCache?.();

const source = new URL('../custody.ts', import.meta.url);
if (existsSync(source)) {
  const { register } = await import('tsx/esm/api');
  register();
  await import(source.href);
} else {
  await import(new URL('../dist/custody.js', import.meta.url).href);
}
