import { createHash } from 'node:crypto';
import { canonicalJson } from '../../model/canonical-json.ts';
import type { SupplementTo } from '../../model/control.ts';
import type { UnsignedPart } from '../pdf/signature-field.ts';
import type { CertificateFacts } from '../sign/signer.ts';
import type { PackFile } from './pack-folder.ts';
import type { PackModel } from './pack-model.ts';

export const PACK_FORMAT = 'custody-pack/v1';
export const MANIFEST = 'manifest.json';
export const SIGNATURE = 'manifest.sig';

/** The signature inside report.pdf, as the manifest tells of it. */
export interface PdfSignature {
  readonly certificate: CertificateFacts;
  /** The file without its signature: so many bytes from its beginning. */
  readonly unsigned: UnsignedPart;
}

/** What `manifest.json` holds: what the pack is about, and every other file but the signature. */
export interface Manifest {
  readonly format: typeof PACK_FORMAT;
  readonly name: string;
  readonly organisation: string;
  readonly tenant: string;
  readonly framework: string;
  readonly from: string;
  readonly to: string;
  readonly as_of: string;
  readonly status: 'draft' | 'issued';
  readonly version: string;
  readonly supplement_to?: SupplementTo;
  /** SHA-256 of the report's model as canonical JSON; it is printed on the cover of the PDF. */
  readonly model_sha256: string;
  readonly catalogue_version: string;
  readonly policy_sha256: string;
  readonly custody_version: string;
  /** Absent where report.pdf is not signed. */
  readonly pdf_signature?: PdfSignature;
  readonly files: readonly PackFile[];
}

/** The manifest of a pack as it is written and hashed: canonical JSON (RFC 8785), files in the order of their paths. */
export function manifestText(
  model: PackModel,
  name: string,
  files: readonly PackFile[],
  unsigned?: UnsignedPart,
): string {
  const { report, origin, signer } = model;
  const supplement = report.supplement_to;
  const manifest: Manifest = {
    format: PACK_FORMAT,
    name,
    organisation: report.organisation,
    tenant: report.tenant,
    framework: report.framework,
    from: report.from,
    to: report.to,
    as_of: report.as_of,
    status: report.status ?? 'draft',
    version: report.version ?? 'draft',
    ...(supplement === undefined ? {} : { supplement_to: supplement }),
    model_sha256: createHash('sha256').update(canonicalJson(report)).digest('hex'),
    catalogue_version: report.catalogue_version,
    policy_sha256: report.policy_sha256,
    custody_version: origin.version,
    ...(signer && unsigned ? { pdf_signature: { certificate: signer.certificate, unsigned } } : {}),
    files: files.toSorted((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0)),
  };
  return canonicalJson(manifest);
}

/** The text that is signed for a manifest, so that its signature can stand for nothing else. */
export function signedText(manifest: string | Uint8Array): string {
  return `${PACK_FORMAT}\n${createHash('sha256').update(manifest).digest('hex')}\n`;
}

/** The name of a pack and its folder: custody-soc2-2026-07-01-2026-10-01-draft, or -v1 where it is issued. */
export function packName(model: PackModel): string {
  const { framework, from, to, status, version } = model.report;
  const tail = status === 'issued' ? `v${(version ?? '1').replaceAll(/[^A-Za-z0-9.]/g, '')}` : 'draft';
  return `custody-${framework}-${from.slice(0, 10)}-${to.slice(0, 10)}-${tail}`;
}
