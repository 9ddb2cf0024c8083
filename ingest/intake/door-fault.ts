import { Problem } from '../../model/problem.ts';
import type { ProblemCode } from '../../model/problem.ts';
import { REASONS } from '../../model/reason.ts';
import type { Reason } from '../../model/reason.ts';

type DoorReason = { [R in Reason]: (typeof REASONS)[R]['where'] extends 'door' ? R : never }[Reason];

// 403 where the sender is known but may not say this, 422 where the JSON is fine and its meaning is not.
const CODE_OF: Readonly<Record<DoorReason, ProblemCode>> = {
  unauthenticated: 'unauthenticated',
  unknown_source: 'not_found',
  unsupported_media_type: 'unsupported_media_type',
  too_large: 'too_large',
  too_deep: 'invalid_request',
  bounds: 'rejected',
  empty_body: 'invalid_request',
  invalid_encoding: 'unsupported_media_type',
  invalid_json: 'invalid_request',
  not_an_object: 'invalid_request',
  // 400 is what RFC 8935 asks for.
  set_not_verified: 'invalid_request',
  contract: 'rejected',
  token_material_present: 'rejected',
  source_not_registered: 'forbidden',
  issuer_not_registered_for_source: 'forbidden',
};

/**
 * The Problem for a delivery that the door refuses, so that nothing of it is stored. `detail` names a place or a limit
 * and never repeats what was sent; `facts` go into the answer (limit, path, failing indexes).
 */
export function doorFault(reason: DoorReason, detail: string, facts: Readonly<Record<string, unknown>> = {}): Problem {
  return new Problem(CODE_OF[reason], detail, { reason, remedy: REASONS[reason].remedy, ...facts });
}

/** The same for a reason that is only known at run time; `contract` for one that is no fault of the door. */
export function doorFaultFor(reason: Reason, detail: string, facts: Readonly<Record<string, unknown>> = {}): Problem {
  return doorFault(isDoorReason(reason) ? reason : 'contract', detail, facts);
}

function isDoorReason(reason: Reason): reason is DoorReason {
  return REASONS[reason].where === 'door';
}
