/**
 * Why an input was not accepted. The list is closed, so that a count by reason means the same everywhere, and each
 * says what the sender can do. `door` reasons answer 4xx and store nothing; `record` reasons are found after the
 * durable append: the record is kept, with its reason, as evidence (reliability.md 1.2 I6).
 */
export const REASONS = {
  unauthenticated: { where: 'door', remedy: 'Send the credential that the policy file names for this source.' },
  unknown_source: { where: 'door', remedy: 'Use one of the source names that `custody import --help` lists.' },
  unsupported_media_type: { where: 'door', remedy: 'Send JSON, NDJSON, or one of the CloudEvents content types.' },
  too_large: { where: 'door', remedy: 'Send smaller batches; the limit stands in the answer.' },
  too_deep: { where: 'door', remedy: 'Nest no deeper than the limit in the answer.' },
  bounds: { where: 'door', remedy: 'Keep the named field within the limit in the answer.' },
  empty_body: { where: 'door', remedy: 'Send at least one event.' },
  invalid_encoding: { where: 'door', remedy: 'Send UTF-8, not compressed by Content-Encoding.' },
  invalid_json: { where: 'door', remedy: 'Send well-formed JSON; the answer names the place.' },
  not_an_object: { where: 'door', remedy: 'Send a JSON object, or an array of objects.' },
  contract: { where: 'door', remedy: 'Mend the fields that the answer names; the contract is at /openapi.json.' },
  token_material_present: {
    where: 'door',
    remedy: 'Never send a token; send its jti, or its SHA-256. Revoke what was sent.',
  },
  set_not_verified: {
    where: 'door',
    remedy:
      'Push a security event token that is signed with a key of the registered issuer, for the registered audience.',
  },
  source_not_registered: { where: 'door', remedy: 'Register this CloudEvents source in the policy file.' },
  issuer_not_registered_for_source: {
    where: 'door',
    remedy: 'Add the issuer to may_speak_for of this source in the policy file.',
  },
  unreadable: {
    where: 'record',
    remedy: 'The line was not JSON; its content was withheld, because it could not be redacted.',
  },
  missing_required_fields: { where: 'record', remedy: 'The named field is needed to identify or place the event.' },
  wrong_type: { where: 'record', remedy: 'The named field has another type than the source documents.' },
  bad_timestamp: { where: 'record', remedy: 'The time of the event could not be read.' },
  future_timestamp: {
    where: 'record',
    remedy: "The event says it happens later than it arrived; check the sender's clock.",
  },
  ambiguous: {
    where: 'record',
    remedy:
      "The line can be read in more than one way, because a caller broke it; fetch this event from the source's API.",
  },
  unknown_type: { where: 'record', remedy: 'This kind of event is unknown for a source with a closed list of kinds.' },
  instance_mismatch: { where: 'record', remedy: 'The body names another host than the credential is for.' },
  too_many_events: {
    where: 'record',
    remedy: 'One record holds more events than can be referred to; send smaller batches.',
  },
  adapter_failed: {
    where: 'record',
    remedy: 'Custody failed on this record; it is kept. Report the fault and rebuild with the version that mends it.',
  },
  engine_rejected: {
    where: 'record',
    remedy: 'The store could not take the derived columns; the record itself is kept.',
  },
} as const;

export type Reason = keyof typeof REASONS;

/** How a record ends. `duplicate`: seen before with the same content; `conflict`: seen before with other content. */
export const DISPOSITIONS = ['accepted', 'duplicate', 'conflict', 'rejected'] as const;
export type Disposition = (typeof DISPOSITIONS)[number];
