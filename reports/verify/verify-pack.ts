import { createHash } from 'node:crypto';
import { z } from 'zod';
import { logKeysSchema } from '../../ledger/evidence.ts';
import { parseVerifierKey } from '../../ledger/note.ts';
import type { NoteVerifier } from '../../ledger/note.ts';
import { MANIFEST, PACK_FORMAT, SIGNATURE, signedText } from '../pack/manifest.ts';
import { isSafePath } from '../pack/read-zip.ts';
import type { Find, PackFinding } from './finding.ts';
import { openPack, readJsonFile, readWhole } from './open-pack.ts';
import type { PackReader } from './open-pack.ts';
import { openNote, verifyLedger } from './verify-ledger.ts';
import { verifyPdfSignature } from './verify-signature.ts';
import { verifyTest } from './verify-tests.ts';

export interface VerifyOptions {
  /** vkey lines that are trusted; without them, those of the pack itself. */
  readonly keys?: readonly string[];
  /** A signed checkpoint that was kept from before. */
  readonly held?: string;
  readonly onProgress?: (done: number, total: number, path: string) => void;
}

export interface Verification {
  /** Files that the manifest names. */
  readonly files: number;
  readonly findings: readonly PackFinding[];
  /** What was shown, and what it rests on. */
  readonly notes: readonly string[];
}

const manifestSchema = z.object({
  format: z.literal(PACK_FORMAT),
  tenant: z.string(),
  pdf_signature: z
    .object({
      certificate: z.object({
        sha256: z.string(),
        subject: z.string(),
        issuer: z.string(),
        self_signed: z.boolean(),
      }),
    })
    .optional(),
  files: z
    .array(z.object({ path: z.string(), bytes: z.number(), sha256: z.string(), role: z.string() }))
    .refine((files) => new Set(files.map((file) => file.path)).size === files.length, 'a path is listed twice'),
});
type Listed = z.output<typeof manifestSchema>;

/**
 * Verifies a pack, a folder or an archive, without unpacking it and without a network: the signature of the manifest,
 * every file, the signature inside the PDF, every population with its sample, every record against the signed log. Whatever is wrong is a finding;
 * throws only `usage`, if there is nothing at the path.
 */
export async function verifyPack(path: string, options: VerifyOptions = {}): Promise<Verification> {
  const findings: PackFinding[] = [];
  const find: Find = (code, where, message) => void findings.push({ code, where, message });
  const pack = await openPack(path, find);
  if (!pack) return { files: 0, findings, notes: [] };
  try {
    const lines = options.keys ?? (await keysOfPack(pack));
    const keys = lines.flatMap((line) => parseVerifierKey(line.trim()) ?? []);
    const manifest = await verifyManifest(pack, keys, find);
    const signed: string[] = [];
    if (manifest) {
      await verifyFiles(pack, manifest.files, find, options.onProgress);
      for (const { path: name } of manifest.files.filter((file) => file.role === 'result')) {
        const place = name.split('/').slice(0, -1).join('/');
        await guarded(place, find, () => verifyTest(pack, place, find));
      }
      const named = manifest.pdf_signature?.certificate;
      if (named)
        signed.push(...((await guarded('report.pdf', find, () => verifyPdfSignature(pack, named, find))) ?? []));
      else signed.push('The manifest names no signature inside report.pdf.');
    }
    const check = { keys, tenant: manifest?.tenant, ...(options.held === undefined ? {} : { held: options.held }) };
    const shown = await guarded('ledger', find, () => verifyLedger(pack, check, find));
    const origin = `The key came with the pack; compare it with the one that the issuer publishes: ${lines.join(', ')}`;
    const notes = [...(options.keys === undefined ? [origin] : []), ...(shown ?? []), ...signed];
    return { files: manifest?.files.length ?? 0, findings, notes };
  } finally {
    pack.close();
  }
}

async function keysOfPack(pack: PackReader): Promise<readonly string[]> {
  const read = logKeysSchema.safeParse(await readJsonFile(pack, 'ledger/keys.json'));
  return read.success ? read.data.verifiers : [];
}

async function verifyManifest(
  pack: PackReader,
  keys: readonly NoteVerifier[],
  find: Find,
): Promise<Listed | undefined> {
  const bytes = await readWhole(pack, MANIFEST);
  const manifest = manifestSchema.safeParse(await readJsonFile(pack, MANIFEST));
  if (!bytes) find('manifest_missing', MANIFEST, 'There is no manifest.');
  else if (!manifest.success) find('manifest_malformed', MANIFEST, 'This is no manifest of a pack.');
  const signature = await readWhole(pack, SIGNATURE);
  if (!signature) find('signature_missing', SIGNATURE, 'There is no signature of the manifest.');
  else {
    const text = openNote(signature.toString('utf8'), keys, find, SIGNATURE, 'signature');
    if (text !== undefined && bytes && text !== signedText(bytes))
      find('signature_other_manifest', SIGNATURE, 'It was made for another manifest.');
  }
  return manifest.success ? manifest.data : undefined;
}

async function verifyFiles(
  pack: PackReader,
  files: Listed['files'],
  find: Find,
  onProgress: VerifyOptions['onProgress'],
): Promise<void> {
  const listed = new Set([MANIFEST, SIGNATURE, ...files.map((file) => file.path)]);
  for (const path of pack.paths) if (!listed.has(path)) find('file_added', path, 'This file is not in the manifest.');
  for (const [i, file] of files.entries()) {
    onProgress?.(i, files.length, file.path);
    if (!isSafePath(file.path)) find('name_unsafe', file.path, 'This path leads out of the pack.');
    else if (!pack.paths.has(file.path))
      find('file_missing', file.path, 'The manifest names this file, and it is not there.');
    else if ((await hashFile(pack, file.path)) !== file.sha256)
      find('file_changed', file.path, 'Its content is not what the manifest says.');
  }
}

/** The hash of a file; of one that cannot be unpacked to its declared size, none that any file has. */
async function hashFile(pack: PackReader, path: string): Promise<string> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of await pack.stream(path)) hash.update(chunk as Buffer);
  } catch {
    return 'unreadable';
  }
  return hash.digest('hex');
}

/** What cannot be read as what it should be is a finding too, never a crash. */
async function guarded<Value>(where: string, find: Find, work: () => Promise<Value>): Promise<Value | undefined> {
  try {
    return await work();
  } catch (error) {
    find(
      'unreadable',
      where,
      `It is not built as a pack is: ${error instanceof Error ? error.message : String(error)}`,
    );
    return undefined;
  }
}
