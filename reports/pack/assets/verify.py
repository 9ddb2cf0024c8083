#!/usr/bin/env python3
"""Verifies an evidence pack of Custody: a second implementation, apart from the others, with the standard library alone.

    python3 verify.py [FOLDER] [--key VKEY-OR-FILE] [--checkpoint FILE] [--json]

FOLDER is the unpacked pack (default: the folder above this file). Exit code: 0 nothing found, 1 findings, 2 wrong usage.
Ed25519 (RFC 8032) and RSA are written out below, so nothing has to be installed; they only ever verify.
"""
import argparse
import base64
import hashlib
import hmac
import json
import os
import re
import sys

findings, notes = [], []


def find(code, where, message):
    findings.append({"code": code, "where": where, "message": message})


def sha256(data):
    return hashlib.sha256(data).digest()


def utf8(text):
    """Half of a surrogate pair is no character; it is hashed as U+FFFD, as the issuer does."""
    return re.sub("[\ud800-\udfff]", "\ufffd", text).encode("utf-8")


# ---- Ed25519, RFC 8032 section 5.1 and appendix A; curve points in extended coordinates ----
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)


def add(a, b):
    x, y = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    z, t = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = y - x, t - z, t + z, y + x
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def multiply(scalar, point):
    out = (0, 1, 1, 0)
    while scalar > 0:
        if scalar & 1:
            out = add(out, point)
        point = add(point, point)
        scalar >>= 1
    return out


def same(a, b):
    return (a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0


def recover(y, sign):
    if y >= P:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if x2 == 0:
        return None if sign else 0
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P != 0:
        x = x * ROOT % P
    if (x * x - x2) % P != 0:
        return None
    return P - x if x & 1 != sign else x


def decompress(data):
    if len(data) != 32:
        return None
    number = int.from_bytes(data, "little")
    y = number & ((1 << 255) - 1)
    x = recover(y, number >> 255)
    return None if x is None else (x, y, 1, x * y % P)


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE_X = recover(BASE_Y, 0)
BASE = (BASE_X, BASE_Y, 1, BASE_X * BASE_Y % P)


def ed25519_ok(public, message, signature):
    if len(signature) != 64:
        return False
    a, r = decompress(public), decompress(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= L:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    return same(multiply(s, BASE), add(r, multiply(h, a)))


# ---- files ----
def read(path):
    try:
        with open(os.path.join(root, path), "rb") as file:
            return file.read()
    except OSError:
        return None


def read_json(path):
    try:
        return json.loads(read(path).decode("utf-8"))
    except (AttributeError, ValueError):
        return None


def read_lines(path):
    try:
        return [json.loads(line) for line in read(path).decode("utf-8").split("\n") if line]
    except (AttributeError, ValueError):
        return None


def walk():
    for folder, folders, names in os.walk(root):
        for name in names + [one for one in folders if os.path.islink(os.path.join(folder, one))]:
            whole = os.path.join(folder, name)
            path = os.path.relpath(whole, root).replace(os.sep, "/")
            if os.path.islink(whole) or not os.path.isfile(whole):
                find("not_a_file", path, "This is a link or a device, not a file.")
            yield path


def check_files(manifest):
    listed = {file["path"]: file for file in manifest["files"]}
    if len(listed) != len(manifest["files"]):
        find("manifest_malformed", "manifest.json", "A path is listed twice.")
    for path in sorted(walk()):
        if path not in listed and path not in ("manifest.json", "manifest.sig"):
            find("file_added", path, "This file is not in the manifest.")
    for path, file in listed.items():
        whole = os.path.join(root, path)
        if not all(re.fullmatch(r"[A-Za-z0-9._@-]+", part) and part.strip(".") for part in path.split("/")):
            find("name_unsafe", path, "This path leads out of the pack.")
        elif os.path.islink(whole) or not os.path.isfile(whole):
            find("file_missing", path, "The manifest names this file, and it is not there.")
        elif sha256(read(path)).hex() != file["sha256"]:
            find("file_changed", path, "Its content is not what the manifest says.")


# ---- signed notes (C2SP signed-note) ----
def decode(text):
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""


def parse_key(line):
    match = re.fullmatch(r"([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)", line.strip())
    data = decode(match[3]) if match else b""
    if len(data) != 33 or data[0] != 1 or sha256(match[1].encode() + b"\n" + data)[:4].hex() != match[2]:
        return None
    return (match[1], match[2], data[1:])


def open_note(note, where, code):
    end = note.rfind("\n\n")
    if end < 0 or not note.endswith("\n"):
        return find(code + "_malformed", where, "This is no signed note.")
    text, good = note[: end + 1], False
    # A checkpoint is signed under the name of its log; a key of another name, such as that of a server, signs packs alone.
    names = None if code == "signature" else [text.split("\n")[0]]
    for line in note[end + 2 : -1].split("\n"):
        match = re.fullmatch("\u2014 ([^\\s+]+) ([A-Za-z0-9+/]+=*)", line)
        data = decode(match[2]) if match else b""
        known = [key for key in keys if match and key[0] == match[1] and key[1] == data[:4].hex() and (names is None or key[0] in names)]
        if not known:
            continue
        if not ed25519_ok(known[0][2], text.encode("utf-8"), data[4:]):
            return find(code + "_bad", where, "A signature does not fit what it stands under.")
        good = True
    if not good:
        return find(code + "_unknown_key", where, "No signature is of a key that is trusted here.")
    return text


# ---- Merkle trees (RFC 6962, RFC 9162) ----
def leaf_hash(text):
    return sha256(b"\x00" + text.encode("utf-8"))


def node_hash(left, right):
    return sha256(b"\x01" + left + right)


def included(leaf, index, size, path, root_hash):
    if not 0 <= index < size:
        return False
    node, last, value = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if node & 1 or node == last:
            value = node_hash(sibling, value)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            value = node_hash(value, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and value == root_hash


def consistent(first, second, path):
    (size1, root1), (size2, root2) = first, second
    if size1 > size2:
        return False
    if size1 == size2:
        return not path and root1 == root2
    if size1 == 0:
        return not path
    if not path:
        return False
    node, last = size1 - 1, size2 - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    rest = [root1] + path if size1 & (size1 - 1) == 0 else path
    before = after = rest[0]
    for sibling in rest[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            before, after = node_hash(sibling, before), node_hash(sibling, after)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            after = node_hash(after, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and before == root1 and after == root2


def hashes(path):
    return [bytes.fromhex(one) for one in path]


def checkpoint_of(text):
    origin, size, root64 = text.split("\n")[:3]
    return origin, int(size), decode(root64)


# ---- populations, exceptions and samples against the results ----
def check_test(place):
    result, sample = read_json(place + "/result.json"), read_json(place + "/sample.json")
    rows, exceptions = read_lines(place + "/population.ndjson"), read_lines(place + "/exceptions.ndjson")
    if result is None or rows is None or exceptions is None or sample is None:
        return find("test_unreadable", place, "A file of this test cannot be read.")
    digest = sha256(utf8("".join(row["key"] + "\n" for row in rows))).hex()
    told = [result["population"]["count"], result["passed"], result["exceptions"], result["undetermined"]]
    told.append(sum(result["excluded"].values()))
    verdicts = ("pass", "exception", "undetermined", "excluded")
    seen = [len(rows)] + [sum(row["verdict"] == verdict for row in rows) for verdict in verdicts]
    if digest != result["population"]["sha256"] or told != seen:
        find("population_differs", place + "/population.ndjson", f"Its rows give {seen}, the result says {told}; digest {digest}.")
    if [row["key"] for row in exceptions] != [row["key"] for row in rows if row["verdict"] == "exception"]:
        find("exceptions_differ", place + "/exceptions.ndjson", "These are not the exceptions of the population.")
    if not sample_fits(sample, rows, result):
        find("sample_differs", place + "/sample.json", "Drawing again with its seed gives another sample.")
    return None


def sample_fits(sample, rows, result):
    def rank(row):
        digest = hmac.new(utf8(sample["seed"]), utf8(row["key"]), "sha256").hexdigest()
        return (digest, row["key"], row.get("stratum"))

    ranked = sorted(map(rank, rows), key=lambda one: one[:2])
    smallest = {}
    for one in ranked:
        if one[2] is not None:
            smallest.setdefault(one[2], one)
    first = sorted(smallest.values(), key=lambda one: one[:2])
    chosen = {one[1] for one in first}
    order = first + [one for one in ranked if one[1] not in chosen]
    wanted = [one[1] for one in order[: max(sample["requested"], len(first))]] if sample["requested"] else []
    told = [item["key"] for item in sample["items"] if item["selection"] == "drawn"]
    known = {row["key"] for row in rows}
    fits = sample["population_sha256"] == result["population"]["sha256"]
    return fits and wanted == told and all(item["key"] in known for item in sample["items"])


# ---- the signature inside report.pdf (PAdES baseline B-B; CMS, RFC 5652; RSA PKCS #1 v1.5, RFC 8017 8.2.2) ----
def tlv(tag, *parts):
    content = b"".join(parts)
    if len(content) < 128:
        return bytes([tag, len(content)]) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes([tag, 128 + len(length)]) + length + content


def read_values(data, depth=0):
    """Each value as (tag, whole, content, values inside)."""
    values, at = [], 0
    while at < len(data):
        more = max(data[at + 1] - 128, 0)
        size = data[at + 1] if more == 0 else int.from_bytes(data[at + 2 : at + 2 + more], "big")
        end = at + 2 + more + size
        if depth > 32 or end > len(data):
            raise ValueError("no DER")
        content = data[at + 2 + more : end]
        values.append((data[at], data[at:end], content, read_values(content, depth + 1) if data[at] & 32 else []))
        at = end
    return values


OIDS = {
    "data": "06092a864886f70d010701",
    "signed_data": "06092a864886f70d010702",
    "content_type": "06092a864886f70d010903",
    "message_digest": "06092a864886f70d010904",
    "certificate": "060b2a864886f70d010910022f",
    "sha256": "0609608648016503040201",
    "rsa": "06092a864886f70d010101",
}


def oid(name):
    return bytes.fromhex(OIDS[name])


def attributes_of(digest, named):
    return b"".join(
        sorted(
            [
                tlv(0x30, oid("content_type"), tlv(0x31, oid("data"))),
                tlv(0x30, oid("message_digest"), tlv(0x31, tlv(4, digest))),
                tlv(0x30, oid("certificate"), tlv(0x31, tlv(0x30, tlv(0x30, tlv(0x30, tlv(4, named)))))),
            ]
        )
    )


def read_cms(data):
    """The parts of a signature. All else in it is fixed, so it must be what these parts give, byte for byte."""
    signed = read_values(data)[0][3][1][3][0][3]
    chain = [one[1] for one in signed[3][3]]
    signer = signed[4][3][0][3]
    values = [one[3][1][3][0] for one in signer[3][3]]
    digest = [one[2] for one in values if one[0] == 4][0]
    named = [one for one in values if one[0] == 0x30][0][3][0][3][0][3][0][2]
    signature = signer[5][2]
    fields = [one for one in read_values(chain[0])[0][3][0][3] if one[0] != 0xA0]
    sha, one = tlv(0x30, oid("sha256")), bytes.fromhex("020101")
    name = tlv(0x30, fields[2][1], fields[0][1])
    rsa = tlv(0x30, oid("rsa"), tlv(5))
    info = tlv(0x30, one, name, sha, tlv(0xA0, attributes_of(digest, named)), rsa, tlv(4, signature))
    body = tlv(0x30, one, tlv(0x31, sha), tlv(0x30, oid("data")), tlv(0xA0, *chain), tlv(0x31, info))
    algorithm, key = fields[5][3]
    modulus, exponent = read_values(key[2][1:])[0][3]
    if tlv(0x30, oid("signed_data"), tlv(0xA0, body)) != data or algorithm[1] != rsa:
        raise ValueError("no signature of ours")
    return digest, named, signature, chain[0], int.from_bytes(modulus[2], "big"), int.from_bytes(exponent[2], "big")


def rsa_ok(modulus, exponent, message, signature):
    size = (modulus.bit_length() + 7) // 8
    number = int.from_bytes(signature, "big")
    if len(signature) != size or number >= modulus or size > 2048 or exponent.bit_length() > 64:
        return False
    info = bytes.fromhex("3031300d060960864801650304020105000420") + sha256(message)
    padded = b"\x00\x01" + b"\xff" * (size - len(info) - 3) + b"\x00" + info
    return pow(number, exponent, modulus).to_bytes(size, "big") == padded


def check_pdf(facts):
    where = "report.pdf"
    pdf = read(where)
    if pdf is None:
        return
    ranges = re.findall(rb"/ByteRange \[0 (\d{1,10}) (\d{1,10}) (\d{1,10}) *\]", pdf)
    if not ranges:
        return find("pdf_signature_missing", where, "The manifest names a signature inside this file, and there is none.")
    start, end, rest = map(int, ranges[-1])
    whole = start < end and end + rest == len(pdf) and end - start <= 131074
    found = re.fullmatch(rb"<((?:[0-9a-f]{2})+)>", pdf[start:end]) if whole else None
    if not found:
        return find("pdf_signature_range", where, "Its signature does not cover every byte of the file but its own.")
    try:
        digest, named, signature, certificate, modulus, exponent = read_cms(bytes.fromhex(found[1].decode()))
    except (ValueError, IndexError):
        return find("pdf_signature_malformed", where, "What stands in the place of its signature is none of the form of ours.")
    fingerprint, before = sha256(certificate), len(findings)
    if sha256(pdf[:start] + pdf[end:]) != digest:
        find("pdf_signature_digest", where, "The file is not what was signed.")
    if fingerprint != named:
        find("pdf_certificate_not_bound", where, "Its signature was made for another certificate.")
    if not rsa_ok(modulus, exponent, tlv(0x31, attributes_of(digest, named)), signature):
        find("pdf_signature_bad", where, "Its signature is not of the key of its certificate.")
    if fingerprint.hex() != facts["sha256"]:
        find("pdf_certificate_other", where, f"It is signed by certificate {fingerprint.hex()}, the manifest names {facts['sha256']}.")
    if len(findings) == before:
        who = "self-signed, so nobody else vouches for its name" if facts["self_signed"] else f"issued by {facts['issuer']}"
        notes.append(f"report.pdf is signed as a whole by {facts['subject']} ({who}); SHA-256 of the certificate: {fingerprint.hex()}")
    return None


# ---- records against the signed log ----
def framed(data):
    return len(data).to_bytes(4, "big") + data


def entry_leaf(record):
    headers = sorted(record["headers"].items(), key=lambda one: one[0].encode("utf-16-be"))
    parts = bytes.fromhex(record["salt"]) + framed(decode(record["key"])) + framed(decode(record["value"]))
    parts += len(headers).to_bytes(4, "big")
    for name, value in headers:
        parts += framed(utf8(name)) + framed(utf8(value))
    names = ("origin", "source_epoch", "topic", "partition", "offset", "timestamp_ms", "type")
    fields = [str(record[name]) for name in names] + [sha256(parts).hex()]
    return leaf_hash("audit-leaf/v1\n" + "\n".join(fields) + "\n")


def check_ledger():
    note = read("ledger/checkpoint.txt")
    if note is None:
        notes.append("This pack holds no checkpoint of the log: its records are not proved.")
        return
    text = open_note(note.decode("utf-8"), "ledger/checkpoint.txt", "checkpoint")
    if text is None:
        return
    origin, size, root_hash = checkpoint = checkpoint_of(text)
    tenant = (read_json("manifest.json") or {}).get("tenant")
    if tenant is not None and origin != f"custody.{tenant}":
        find("wrong_origin", "ledger/checkpoint.txt", f"It is of {origin}, the pack of tenant {tenant}.")
    heads = {}
    for head in read_json("ledger/heads.json") or []:
        root64 = base64.b64encode(bytes.fromhex(head["root"])).decode()
        leaf = leaf_hash(f"{head['origin']}\n{head['size']}\n{root64}\n")
        fits = head["origin"].startswith(origin + "/")
        if fits and included(leaf, head["index"], size, hashes(head["path"]), root_hash):
            heads[head["origin"]] = head
        else:
            find("head_not_included", "ledger/heads.json", f"The head of {head['origin']} is not in the signed log of checkpoints.")
    proofs = {(one["origin"], one["index"]): one for one in read_lines("ledger/proofs.ndjson") or []}
    proved = 0
    for record in read_lines("evidence/records.ndjson") or []:
        where = f"{record['topic']}/{record['partition']}/{record['offset']}"
        proof, head = proofs.get((record["origin"], record["index"])), heads.get(record["origin"])
        if proof is None or head is None:
            find("proof_missing", where, "This record has no proof.")
        elif entry_leaf(record).hex() != proof["leaf"]:
            find("record_changed", where, "The record is not what its leaf was made from.")
        elif (proof["size"], proof["root"]) != (head["size"], head["root"]) or not included(
            bytes.fromhex(proof["leaf"]), proof["index"], head["size"], hashes(proof["path"]), bytes.fromhex(head["root"])
        ):
            find("leaf_not_included", where, "Its leaf is not in the tree of its partition.")
        else:
            proved += 1
    notes.append(f"{proved} records proved to be in the log of {origin} at size {size}.")
    if held_text is not None:
        check_held(checkpoint)


def check_held(later):
    where = "the checkpoint given"
    text = open_note(held_text, where, "held_checkpoint")
    if text is None:
        return
    origin, size, root_hash = checkpoint_of(text)
    proofs = [one for one in read_json("ledger/consistency.json") or [] if one["first"]["size"] == size]
    if origin != later[0]:
        find("wrong_origin", where, f"It is of {origin}.")
    elif size != later[1] and not proofs:
        find("consistency_not_shown", where, f"The pack holds no proof from size {size}.")
    elif not consistent((size, root_hash), later[1:], [] if size == later[1] else hashes(proofs[0]["path"])):
        find("not_consistent", where, f"The log at size {later[1]} does not begin with what it was at size {size}.")
    else:
        notes.append(f"The log begins with what it was at the checkpoint given (size {size}).")


def guarded(where, work, *given):
    """What cannot be read as what it should be is a finding too, never a crash."""
    try:
        work(*given)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        find("unreadable", where, f"It is not built as a pack is: {error!r}")


def check_manifest():
    data, manifest, signature = read("manifest.json"), read_json("manifest.json"), read("manifest.sig")
    good = isinstance(manifest, dict) and manifest.get("format") == "custody-pack/v1" and isinstance(manifest.get("files"), list)
    if data is None:
        find("manifest_missing", "manifest.json", "There is no manifest.")
    elif not good:
        find("manifest_malformed", "manifest.json", "This is no manifest of a pack.")
    if signature is None:
        find("signature_missing", "manifest.sig", "There is no signature of the manifest.")
    else:
        text = open_note(signature.decode("utf-8"), "manifest.sig", "signature")
        if text is not None and data is not None and text != f"custody-pack/v1\n{sha256(data).hex()}\n":
            find("signature_other_manifest", "manifest.sig", "It was made for another manifest.")
    return manifest if good else None


parser = argparse.ArgumentParser(description="Verifies an evidence pack of Custody, offline.")
parser.add_argument("folder", nargs="?", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
parser.add_argument("--key", help="the key of the issuer (vkey), or a file that holds it")
parser.add_argument("--checkpoint", help="a signed checkpoint that you kept from before")
parser.add_argument("--json", action="store_true")
options = parser.parse_args()
root = os.path.abspath(options.folder)
key_text, held_text = options.key, None
if options.key is not None and os.path.isfile(options.key):
    with open(options.key, encoding="utf-8") as file:
        key_text = file.read()
if options.checkpoint is not None:
    with open(options.checkpoint, encoding="utf-8", newline="") as file:
        held_text = file.read()
key_lines = key_text.split("\n") if key_text is not None else (read_json("ledger/keys.json") or {}).get("verifiers", [])
keys = [key for key in map(parse_key, key_lines) if key]
if key_text is None:
    notes.append("The key came with the pack; compare it with the one that the issuer publishes: " + ", ".join(key_lines))
files, whole = [], {}
try:
    whole = check_manifest() or {}
    files = whole.get("files", [])
except UnicodeDecodeError:
    find("signature_malformed", "manifest.sig", "This is no signed note.")
if files:
    guarded("manifest.json", check_files, {"files": files})
    for one in files:
        if isinstance(one, dict) and one.get("role") == "result":
            guarded(os.path.dirname(one["path"]), check_test, os.path.dirname(one["path"]))
guarded("ledger", check_ledger)
if whole.get("pdf_signature"):
    guarded("report.pdf", lambda: check_pdf(whole["pdf_signature"]["certificate"]))
elif whole:
    notes.append("The manifest names no signature inside report.pdf.")
if options.json:
    print(json.dumps({"files": len(files), "findings": findings, "notes": notes}, ensure_ascii=False))
else:
    for one in findings:
        print(f"FOUND {one['code']}  {one['where']}\n      {one['message']}")
    print("\n".join(notes + [f"{len(files)} files, {len(findings)} findings"]))
sys.exit(1 if findings else 0)
