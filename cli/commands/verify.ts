import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { formatOption, textOption } from '../command.ts';
import type { Command } from '../command.ts';
import { countOf, createProgress } from '../progress.ts';
import { parseVerifierKey } from '../../ledger/note.ts';
import { Problem } from '../../model/problem.ts';
import type { Verification } from '../../reports/verify/verify-pack.ts';

/** Findings printed one by one; the rest is counted and stands in the JSON. */
const MOST = 50;

export const verifyCommand: Command = {
  name: 'verify',
  help: `
Usage: custody verify PACK [--key KEY] [--checkpoint FILE] [options]

PACK is a pack as folder or zip; nothing is unpacked to the disk, and no network is used. Verified are the signature of the
manifest, every file, the signature inside report.pdf (that it covers the whole file, and is of the certificate that the
manifest names), every population with its exceptions and its sample (drawn again), and every record of the pack: its
leaf, its place in the tree of its partition, and the way from there to the signed checkpoint.

Without --key the key that came with the pack is used: that shows only that the pack fits together. Give the key that the
issuer publishes (GET /v1/log/keys). With --checkpoint, a signed checkpoint that you kept from before, it is shown that
the log was not rewritten since.

  custody verify out/custody-soc2-2026-07-01-2026-10-01-v1.zip --key issuer.vkey --checkpoint kept-in-june.txt`,
  common: ['format'],
  options: { key: { type: 'string' }, checkpoint: { type: 'string' } },
  describe: {
    key: 'the key of the issuer: the line itself, or a file that holds it',
    checkpoint: 'a signed checkpoint that you kept from before',
  },
  async run(args, context) {
    const [path, ...others] = args.positionals;
    if (path === undefined || others.length > 0)
      throw new Problem('usage', 'verify takes one pack, a folder or a zip. See: custody verify --help');
    const format = formatOption(args, ['text', 'json']);
    const progress = createProgress(context, 'verify');
    const keys = readKeys(textOption(args, 'key'));
    const file = textOption(args, 'checkpoint');
    const { verifyPack } = await import('../../reports/verify/verify-pack.ts');
    const verified = await verifyPack(resolve(path), {
      ...(keys === undefined ? {} : { keys }),
      ...(file === undefined ? {} : { held: readText(file) }),
      onProgress: (done, total, name) => progress.update(done, total, name),
    });
    await context.out(format === 'json' ? `${JSON.stringify(verified)}\n` : verificationText(path, verified));
    return verified.findings.length === 0 ? 0 : 1;
  },
};

/** For people: what was found, by code and place; then what was shown. */
function verificationText(path: string, { files, findings, notes }: Verification): string {
  const lines = findings.slice(0, MOST).map((one) => `FOUND ${one.code}  ${one.where}\n      ${one.message}\n`);
  const more = findings.length > MOST ? `and ${findings.length - MOST} more, in --format json\n` : '';
  const end =
    findings.length === 0
      ? `${path}: ${countOf(files, 'file')}, nothing found.\n`
      : `${path}: ${countOf(files, 'file')}, ${countOf(findings.length, 'finding')}. Do not rely on this pack.\n`;
  return `${lines.join('')}${more}${notes.map((note) => `${note}\n`).join('')}${end}`;
}

function readKeys(value: string | undefined): readonly string[] | undefined {
  if (value === undefined) return undefined;
  const lines = (existsSync(value) ? readText(value) : value)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const wrong = lines.find((line) => !parseVerifierKey(line));
  if (lines.length === 0 || wrong !== undefined)
    throw new Problem(
      'usage',
      `--key is a line such as custody.acme+0123abcd+BASE64, or a file of such lines, not "${(wrong ?? value).slice(0, 100)}"`,
    );
  return lines;
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new Problem('usage', `${path} cannot be read: ${(error as Error).message}`, {}, error);
  }
}
