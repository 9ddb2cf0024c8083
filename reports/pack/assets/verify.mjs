// Verifies an evidence pack of Custody. One file, no dependencies, no network: Node 20 or later.
//
//   node verify.mjs [FOLDER] [--key VKEY-OR-FILE] [--checkpoint FILE] [--json]
//
// FOLDER is the unpacked pack (default: the folder above this file). Take this file from where you trust it, not from the
// pack that you doubt. Exit code: 0 nothing found, 1 findings, 2 wrong usage. README.txt tells what is checked.
/* oxlint-disable max-lines -- one file by purpose: an auditor reads it, hashes it and runs it as it is */
import { X509Certificate, createHash, createHmac, createPublicKey, verify } from 'node:crypto';
import { lstatSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const findings = [];
const notes = [];
const find = (code, where, message) => findings.push({ code, where, message });
const sha256 = (bytes) => createHash('sha256').update(bytes).digest();
const hex = (bytes) => Buffer.from(bytes).toString('hex');
const attempt = (work) => {
  try {
    return work();
  } catch {
    return undefined;
  }
};

let args;
try {
  args = parseArgs({
    options: { key: { type: 'string' }, checkpoint: { type: 'string' }, json: { type: 'boolean' } },
    allowPositionals: true,
  });
} catch (error) {
  process.stderr.write(`${error.message}\nUsage: node verify.mjs [FOLDER] [--key VKEY] [--checkpoint FILE] [--json]\n`);
  process.exit(2);
}
const root = resolve(args.positionals[0] ?? join(dirname(fileURLToPath(import.meta.url)), '..'));
const given = args.values.key;
const keyText = given === undefined ? undefined : (attempt(() => readFileSync(given, 'utf8')) ?? given);
const heldText = args.values.checkpoint === undefined ? undefined : readFileSync(args.values.checkpoint, 'utf8');

const read = (path) => attempt(() => readFileSync(join(root, path)));
const json = (path) => attempt(() => JSON.parse(read(path).toString('utf8')));
const lines = (path) => {
  const text = read(path)?.toString('utf8');
  if (text === undefined) return undefined;
  return attempt(() =>
    text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line)),
  );
};

// What cannot be read as what it should be is a finding too, never a crash.
function guarded(where, work) {
  try {
    work();
  } catch (error) {
    find('unreadable', where, `It is not built as a pack is: ${error.message}`);
  }
}

// ---- signed notes (C2SP signed-note) ----
function parseKey(line) {
  const [, name, id, key64] = /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)$/.exec(line.trim()) ?? [];
  const bytes = Buffer.from(key64 ?? '', 'base64');
  if (name === undefined || bytes.length !== 33 || bytes[0] !== 1) return undefined;
  if (hex(sha256(Buffer.concat([Buffer.from(`${name}\n`), bytes])).subarray(0, 4)) !== id) return undefined;
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: bytes.subarray(1).toString('base64url') };
  return { name, id, key: createPublicKey({ key: jwk, format: 'jwk' }) };
}

function openNote(note, where, code) {
  const end = note.lastIndexOf('\n\n');
  if (end < 0 || !note.endsWith('\n')) return void find(`${code}_malformed`, where, 'This is no signed note.');
  const text = note.slice(0, end + 1);
  // A checkpoint is signed under the name of its log; a key of another name, such as that of a server, signs packs alone.
  const signers = code === 'signature' ? keys : keys.filter((key) => key.name === text.slice(0, text.indexOf('\n')));
  let good = false;
  for (const line of note.slice(end + 2, -1).split('\n')) {
    const [, name, sig64] = /^\u2014 ([^\s+]+) ([A-Za-z0-9+/]+=*)$/.exec(line) ?? [];
    const bytes = Buffer.from(sig64 ?? '', 'base64');
    const known = signers.find((key) => key.name === name && key.id === hex(bytes.subarray(0, 4)));
    if (!known) continue;
    if (!verify(null, Buffer.from(text), known.key, bytes.subarray(4)))
      return void find(`${code}_bad`, where, 'A signature does not fit what it stands under.');
    good = true;
  }
  if (!good) return void find(`${code}_unknown_key`, where, 'No signature is of a key that is trusted here.');
  return text;
}

// ---- Merkle trees (RFC 6962, RFC 9162) ----
const leafHash = (text) => sha256(Buffer.concat([Buffer.of(0), Buffer.from(text, 'utf8')]));
const nodeHash = (left, right) => sha256(Buffer.concat([Buffer.of(1), left, right]));
const path = (list) => list.map((one) => Buffer.from(one, 'hex'));

function included(leaf, index, size, siblings, rootHex) {
  if (!(Number.isSafeInteger(index) && index >= 0 && index < size)) return false;
  let [node, last, hash] = [index, size - 1, leaf];
  for (const sibling of siblings) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      hash = nodeHash(sibling, hash);
      while (node % 2 === 0 && node !== 0) [node, last] = [node / 2, Math.floor(last / 2)];
    } else hash = nodeHash(hash, sibling);
    [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
  }
  return last === 0 && hex(hash) === rootHex;
}

function consistent(first, second, siblings) {
  if (first.size > second.size) return false;
  if (first.size === second.size) return siblings.length === 0 && first.root === second.root;
  if (first.size === 0) return siblings.length === 0;
  let [node, last] = [first.size - 1, second.size - 1];
  while (node % 2 === 1) [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
  const whole = (BigInt(first.size) & (BigInt(first.size) - 1n)) === 0n;
  const [start, ...rest] = whole ? [Buffer.from(first.root, 'hex'), ...siblings] : siblings;
  if (start === undefined || siblings.length === 0) return false;
  let [before, after] = [start, start];
  for (const sibling of rest) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      before = nodeHash(sibling, before);
      after = nodeHash(sibling, after);
      while (node % 2 === 0 && node !== 0) [node, last] = [node / 2, Math.floor(last / 2)];
    } else after = nodeHash(after, sibling);
    [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
  }
  return last === 0 && hex(before) === first.root && hex(after) === second.root;
}

function checkpointOf(text) {
  const [origin, size, root64] = text.split('\n');
  return { origin, size: Number(size), root: hex(Buffer.from(root64 ?? '', 'base64')) };
}

// ---- files against the manifest ----
function walk(folder, prefix) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const name = `${prefix}${entry.name}`;
    if (entry.isDirectory()) return walk(join(folder, entry.name), `${name}/`);
    if (!entry.isFile()) find('not_a_file', name, 'This is a link or a device, not a file.');
    return [name];
  });
}

function checkFiles(manifest) {
  const listed = new Map(manifest.files.map((file) => [file.path, file]));
  if (listed.size !== manifest.files.length) find('manifest_malformed', 'manifest.json', 'A path is listed twice.');
  for (const name of walk(root, ''))
    if (!listed.has(name) && name !== 'manifest.json' && name !== 'manifest.sig')
      find('file_added', name, 'This file is not in the manifest.');
  for (const file of listed.values()) {
    const safe = file.path.split('/').every((part) => /^[A-Za-z0-9._@-]+$/.test(part) && !/^\.+$/.test(part));
    if (!safe) find('name_unsafe', file.path, 'This path leads out of the pack.');
    else if (!attempt(() => lstatSync(join(root, file.path)).isFile()))
      find('file_missing', file.path, 'The manifest names this file, and it is not there.');
    else if (hex(sha256(read(file.path))) !== file.sha256)
      find('file_changed', file.path, 'Its content is not what the manifest says.');
  }
}

// ---- populations, exceptions and samples against the results ----
function checkTest(place) {
  const result = json(`${place}/result.json`);
  const rows = lines(`${place}/population.ndjson`);
  const exceptions = lines(`${place}/exceptions.ndjson`);
  const sample = json(`${place}/sample.json`);
  if (!result || !rows || !exceptions || !sample) {
    find('test_unreadable', place, 'A file of this test cannot be read.');
    return;
  }
  const digest = hex(sha256(rows.map((row) => `${row.key}\n`).join('')));
  const count = (verdict) => rows.filter((row) => row.verdict === verdict).length;
  const excluded = Object.values(result.excluded).reduce((sum, one) => sum + one, 0);
  const told = [result.population.count, result.passed, result.exceptions, result.undetermined, excluded];
  const seen = [rows.length, ...['pass', 'exception', 'undetermined', 'excluded'].map(count)];
  if (digest !== result.population.sha256 || told.join() !== seen.join())
    find(
      'population_differs',
      `${place}/population.ndjson`,
      `Its rows give ${seen.join('/')}, the result says ${told.join('/')}; digest ${digest}.`,
    );
  const keysOf = (list) => list.map((row) => row.key).join('\n');
  if (keysOf(exceptions) !== keysOf(rows.filter((row) => row.verdict === 'exception')))
    find('exceptions_differ', `${place}/exceptions.ndjson`, 'These are not the exceptions of the population.');
  if (!sampleFits(sample, rows, result))
    find('sample_differs', `${place}/sample.json`, 'Drawing again with its seed gives another sample.');
}

function sampleFits(sample, rows, result) {
  const byRank = (a, b) => (a.rank < b.rank ? -1 : a.rank > b.rank ? 1 : a.key < b.key ? -1 : 1);
  const ranked = rows
    .map((row) => ({
      key: row.key,
      stratum: row.stratum,
      rank: createHmac('sha256', sample.seed).update(row.key).digest('hex'),
    }))
    .toSorted(byRank);
  const strata = new Set(ranked.flatMap((row) => row.stratum ?? []));
  const first = [...strata].map((stratum) => ranked.find((row) => row.stratum === stratum)).toSorted(byRank);
  const rest = ranked.filter((row) => !first.includes(row));
  const wanted = [...first, ...rest].slice(0, Math.max(sample.requested, first.length));
  const drawn = sample.requested === 0 ? [] : wanted.map((row) => row.key);
  const told = sample.items.filter((item) => item.selection === 'drawn').map((item) => item.key);
  const all = new Set(rows.map((row) => row.key));
  return (
    sample.population_sha256 === result.population.sha256 &&
    drawn.join('\n') === told.join('\n') &&
    sample.items.every((item) => all.has(item.key))
  );
}

// ---- the signature inside report.pdf (PAdES baseline B-B; CMS, RFC 5652) ----
function tlv(tag, ...parts) {
  const content = Buffer.concat(parts);
  const digits = content.length.toString(16);
  const length = Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex');
  const head = content.length < 128 ? length : Buffer.concat([Buffer.of(128 + length.length), length]);
  return Buffer.concat([Buffer.of(tag), head, content]);
}

function readValues(bytes, depth = 0) {
  const values = [];
  for (let at = 0; at < bytes.length;) {
    const rest = bytes.subarray(at);
    const more = rest[1] < 128 ? 0 : rest[1] - 128;
    const length = more === 0 ? rest[1] : rest.readUIntBE(2, more);
    const whole = rest.subarray(0, 2 + more + length);
    if (depth > 32 || whole.length < 2 + more + length) throw new Error('no DER');
    const content = whole.subarray(2 + more);
    values.push({ whole, content, children: whole[0] & 32 ? readValues(content, depth + 1) : [] });
    at += whole.length;
  }
  return values;
}

const OIDS = {
  data: '06092a864886f70d010701',
  signedData: '06092a864886f70d010702',
  contentType: '06092a864886f70d010903',
  messageDigest: '06092a864886f70d010904',
  certificate: '060b2a864886f70d010910022f',
  sha256: '0609608648016503040201',
  rsa: '06092a864886f70d010101',
};
const oid = (name) => Buffer.from(OIDS[name], 'hex');

function attributesOf(digest, named) {
  const list = [
    tlv(0x30, oid('contentType'), tlv(0x31, oid('data'))),
    tlv(0x30, oid('messageDigest'), tlv(0x31, tlv(4, digest))),
    tlv(0x30, oid('certificate'), tlv(0x31, tlv(0x30, tlv(0x30, tlv(0x30, tlv(4, named)))))),
  ];
  return Buffer.concat(list.toSorted(Buffer.compare));
}

// The parts of a signature. All else in it is fixed, so it must be what these parts give, byte for byte.
function readCms(bytes) {
  const signed = readValues(bytes)[0].children[1].children[0].children;
  const chain = signed[3].children.map((one) => one.whole);
  const signer = signed[4].children[0].children;
  const values = signer[3].children.map((one) => one.children[1].children[0]);
  const digest = values.find((one) => one.whole[0] === 4).content;
  const named = values.find((one) => one.whole[0] === 0x30).children[0].children[0].children[0].content;
  const signature = signer[5].content;
  const fields = readValues(chain[0])[0].children[0].children.filter((one) => one.whole[0] !== 0xa0);
  const sha = tlv(0x30, oid('sha256'));
  const one = Buffer.from('020101', 'hex');
  const info = [
    one,
    tlv(0x30, fields[2].whole, fields[0].whole),
    sha,
    tlv(0xa0, attributesOf(digest, named)),
    tlv(0x30, oid('rsa'), tlv(5)),
    tlv(4, signature),
  ];
  const parts = [one, tlv(0x31, sha), tlv(0x30, oid('data')), tlv(0xa0, ...chain), tlv(0x31, tlv(0x30, ...info))];
  const again = tlv(0x30, oid('signedData'), tlv(0xa0, tlv(0x30, ...parts)));
  const certificate = new X509Certificate(chain[0]);
  const { publicKey: key } = certificate;
  if (!again.equals(bytes) || key.asymmetricKeyType !== 'rsa') throw new Error('no signature of ours');
  return { digest, named, signature, certificate: chain[0], key };
}

function checkPdf(facts) {
  const where = 'report.pdf';
  const pdf = read(where);
  if (!pdf) return;
  const told = judgePdf(pdf, facts);
  for (const [code, message] of told) find(code, where, message);
  if (told.length > 0) return;
  const who = facts.self_signed ? 'self-signed, so nobody else vouches for its name' : `issued by ${facts.issuer}`;
  notes.push(
    `report.pdf is signed as a whole by ${facts.subject} (${who}); SHA-256 of the certificate: ${facts.sha256}`,
  );
}

function judgePdf(pdf, facts) {
  const ranges = [...pdf.toString('latin1').matchAll(/\/ByteRange \[0 (\d{1,10}) (\d{1,10}) (\d{1,10}) *\]/g)];
  const range = ranges.at(-1);
  if (!range) return [['pdf_signature_missing', 'The manifest names a signature inside this file, and there is none.']];
  const [start, end, rest] = range.slice(1).map(Number);
  const whole = start < end && end + rest === pdf.length && end - start <= 131_074;
  const found = whole ? /^<((?:[0-9a-f]{2})+)>$/.exec(pdf.toString('latin1', start, end)) : undefined;
  if (!found) return [['pdf_signature_range', 'Its signature does not cover every byte of the file but its own.']];
  const cms = attempt(() => readCms(Buffer.from(found[1], 'hex')));
  if (!cms)
    return [['pdf_signature_malformed', 'What stands in the place of its signature is none of the form of ours.']];
  const print = sha256(cms.certificate);
  const signed = tlv(0x31, attributesOf(cms.digest, cms.named));
  const around = sha256(Buffer.concat([pdf.subarray(0, start), pdf.subarray(end)]));
  const other = `It is signed by certificate ${hex(print)}, the manifest names ${facts.sha256}.`;
  return [
    [around.equals(cms.digest), 'pdf_signature_digest', 'The file is not what was signed.'],
    [print.equals(cms.named), 'pdf_certificate_not_bound', 'Its signature was made for another certificate.'],
    [
      verify('sha256', signed, cms.key, cms.signature),
      'pdf_signature_bad',
      'Its signature is not of the key of its certificate.',
    ],
    [hex(print) === facts.sha256, 'pdf_certificate_other', other],
  ].flatMap(([good, ...told]) => (good ? [] : [told]));
}

// ---- records against the signed log ----
const u32 = (value) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const framed = (bytes) => Buffer.concat([u32(bytes.length), bytes]);

function entryLeaf(record) {
  const headers = Object.entries(record.headers).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const commit = sha256(
    Buffer.concat([
      Buffer.from(record.salt, 'hex'),
      framed(Buffer.from(record.key, 'base64')),
      framed(Buffer.from(record.value, 'base64')),
      u32(headers.length),
      ...headers.flatMap(([name, value]) => [framed(Buffer.from(name)), framed(Buffer.from(value))]),
    ]),
  );
  const fields = [
    record.origin,
    record.source_epoch,
    record.topic,
    record.partition,
    record.offset,
    record.timestamp_ms,
    record.type,
    hex(commit),
  ];
  return leafHash(`audit-leaf/v1\n${fields.join('\n')}\n`);
}

function checkLedger() {
  const note = read('ledger/checkpoint.txt')?.toString('utf8');
  if (note === undefined) {
    notes.push('This pack holds no checkpoint of the log: its records are not proved.');
    return;
  }
  const text = openNote(note, 'ledger/checkpoint.txt', 'checkpoint');
  if (text === undefined) return;
  const checkpoint = checkpointOf(text);
  const tenant = json('manifest.json')?.tenant;
  if (tenant !== undefined && checkpoint.origin !== `custody.${tenant}`)
    find('wrong_origin', 'ledger/checkpoint.txt', `It is of ${checkpoint.origin}, the pack of tenant ${tenant}.`);
  const heads = new Map();
  for (const head of json('ledger/heads.json') ?? []) {
    const leaf = leafHash(`${head.origin}\n${head.size}\n${Buffer.from(head.root, 'hex').toString('base64')}\n`);
    if (
      head.origin.startsWith(`${checkpoint.origin}/`) &&
      included(leaf, head.index, checkpoint.size, path(head.path), checkpoint.root)
    )
      heads.set(head.origin, head);
    else
      find(
        'head_not_included',
        'ledger/heads.json',
        `The head of ${head.origin} is not in the signed log of checkpoints.`,
      );
  }
  const proofs = new Map(
    (lines('ledger/proofs.ndjson') ?? []).map((proof) => [`${proof.origin} ${proof.index}`, proof]),
  );
  let proved = 0;
  for (const record of lines('evidence/records.ndjson') ?? []) {
    const where = `${record.topic}/${record.partition}/${record.offset}`;
    const proof = proofs.get(`${record.origin} ${record.index}`);
    const head = heads.get(record.origin);
    if (!proof || !head) find('proof_missing', where, 'This record has no proof.');
    else if (hex(entryLeaf(record)) !== proof.leaf)
      find('record_changed', where, 'The record is not what its leaf was made from.');
    else if (
      proof.size !== head.size ||
      proof.root !== head.root ||
      !included(Buffer.from(proof.leaf, 'hex'), proof.index, head.size, path(proof.path), head.root)
    )
      find('leaf_not_included', where, 'Its leaf is not in the tree of its partition.');
    else proved += 1;
  }
  notes.push(`${proved} records proved to be in the log of ${checkpoint.origin} at size ${checkpoint.size}.`);
  if (heldText !== undefined) checkHeld(checkpoint);
}

function checkHeld(later) {
  const text = openNote(heldText, 'the checkpoint given', 'held_checkpoint');
  if (text === undefined) return;
  const held = checkpointOf(text);
  const proof = (json('ledger/consistency.json') ?? []).find((one) => one.first.size === held.size);
  if (held.origin !== later.origin) find('wrong_origin', 'the checkpoint given', `It is of ${held.origin}.`);
  else if (held.size !== later.size && !proof)
    find('consistency_not_shown', 'the checkpoint given', `The pack holds no proof from size ${held.size}.`);
  else if (!consistent(held, later, path(held.size === later.size ? [] : proof.path)))
    find(
      'not_consistent',
      'the checkpoint given',
      `The log at size ${later.size} does not begin with what it was at size ${held.size}.`,
    );
  else notes.push(`The log begins with what it was at the checkpoint given (size ${held.size}).`);
}

// ---- all of it ----
const keyLines = keyText?.split('\n') ?? json('ledger/keys.json')?.verifiers ?? [];
const keys = keyLines.flatMap((line) => parseKey(line) ?? []);
if (keyText === undefined)
  notes.push(`The key came with the pack; compare it with the one that the issuer publishes: ${keyLines.join(', ')}`);
const manifestBytes = read('manifest.json');
const manifest = json('manifest.json');
const signature = read('manifest.sig')?.toString('utf8');
if (manifestBytes === undefined) find('manifest_missing', 'manifest.json', 'There is no manifest.');
else if (manifest?.format !== 'custody-pack/v1' || !Array.isArray(manifest.files))
  find('manifest_malformed', 'manifest.json', 'This is no manifest of a pack.');
if (signature === undefined) find('signature_missing', 'manifest.sig', 'There is no signature of the manifest.');
else {
  const text = openNote(signature, 'manifest.sig', 'signature');
  if (text !== undefined && manifestBytes && text !== `custody-pack/v1\n${hex(sha256(manifestBytes))}\n`)
    find('signature_other_manifest', 'manifest.sig', 'It was made for another manifest.');
}
if (manifest && Array.isArray(manifest.files)) {
  guarded('manifest.json', () => checkFiles(manifest));
  for (const file of manifest.files)
    if (file.role === 'result') guarded(dirname(file.path), () => checkTest(dirname(file.path)));
}
guarded('ledger', checkLedger);
const isManifest = manifest?.format === 'custody-pack/v1';
if (isManifest && manifest.pdf_signature) guarded('report.pdf', () => checkPdf(manifest.pdf_signature.certificate));
else if (isManifest) notes.push('The manifest names no signature inside report.pdf.');
const words = findings.map((one) => `FOUND ${one.code}  ${one.where}\n      ${one.message}\n`);
if (args.values.json)
  process.stdout.write(`${JSON.stringify({ files: manifest?.files?.length ?? 0, findings, notes })}\n`);
else
  process.stdout.write(
    `${words.join('')}${notes.map((note) => `${note}\n`).join('')}${manifest?.files?.length ?? 0} files, ${findings.length} findings\n`,
  );
process.exitCode = findings.length === 0 ? 0 : 1;
