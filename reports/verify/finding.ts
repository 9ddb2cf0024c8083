/** What a verifier can find. The two stand-alone verifiers use the same codes. */
export const PACK_FINDINGS = [
  'archive_refused', 'manifest_missing', 'manifest_malformed', 'signature_missing', 'signature_malformed', 'signature_unknown_key',
  'signature_bad', 'signature_other_manifest', 'name_unsafe', 'not_a_file', 'file_missing', 'file_added', 'file_changed',
  'test_unreadable', 'population_differs', 'exceptions_differ', 'sample_differs', 'checkpoint_malformed', 'checkpoint_unknown_key',
  'checkpoint_bad', 'wrong_origin', 'head_not_included', 'proof_missing', 'record_changed', 'leaf_not_included',
  'held_checkpoint_malformed', 'held_checkpoint_unknown_key', 'held_checkpoint_bad', 'consistency_not_shown', 'not_consistent',
  'pdf_signature_missing', 'pdf_signature_range', 'pdf_signature_malformed', 'pdf_signature_digest', 'pdf_signature_bad',
  'pdf_certificate_not_bound', 'pdf_certificate_other', 'unreadable',
] as const; // prettier-ignore
export type PackFindingCode = (typeof PACK_FINDINGS)[number];

export interface PackFinding {
  readonly code: PackFindingCode;
  /** The file, record or test. */
  readonly where: string;
  /** A sentence for people. */
  readonly message: string;
}

/** Takes findings as they are made. */
export type Find = (code: PackFindingCode, where: string, message: string) => void;
