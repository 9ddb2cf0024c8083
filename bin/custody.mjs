#!/usr/bin/env node
// A build runs on plain Node; a checkout without one runs the TypeScript through tsx, in this same process.
import { existsSync } from 'node:fs';

const source = new URL('../custody.ts', import.meta.url);
if (existsSync(source)) {
  const { register } = await import('tsx/esm/api');
  register();
  await import(source.href);
} else {
  await import(new URL('../custody.js', import.meta.url).href);
}
