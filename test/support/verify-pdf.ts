import { resolve } from 'node:path';
import { FLAVOURS, missingForVeraPdf, validatePdf } from './verapdf.ts';

/** `npm run verapdf -- FILE...`: whether each file is PDF/A-3a and PDF/UA-1. Exit 0 all pass, 1 one fails, 3 cannot run. */

const say = (text: string): void => void process.stderr.write(`${text}\n`);
const files = process.argv.slice(2).map((file) => resolve(file));
const missing = missingForVeraPdf();
if (missing !== undefined || files.length === 0) {
  say(missing ?? 'usage: npm run verapdf -- FILE...');
  process.exit(missing === undefined ? 2 : 3);
}
let failed = 0;
for (const [i, file] of files.entries()) {
  for (const flavour of FLAVOURS) {
    say(`veraPDF: ${i + 1} of ${files.length}, ${flavour}`);
    const { passed, output } = await validatePdf(file, flavour, say);
    process.stdout.write(`${output.trim()}\n`);
    if (!passed) failed += 1;
  }
}
process.exit(failed === 0 ? 0 : 1);
