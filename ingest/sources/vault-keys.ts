import { keyOf } from '../../model/key.ts';
import type { Key } from '../../model/key.ts';
import { vaultKey } from '../../model/keys.ts';

/** Where hashed values can be compared: within one audit device of one cluster, whose salt they share. */
export interface VaultScope {
  readonly cluster: string;
  readonly device: string;
}

/** Whether a value is hashed by an audit device. */
export function isHashed(value: string | undefined): value is string {
  return value?.startsWith('hmac-sha256:') ?? false;
}

/** A token by its accessor: as it is, or hashed, and then only within its device. */
export function accessorKey(scope: VaultScope, accessor: string | undefined): Key | undefined {
  if (!isHashed(accessor)) return vaultKey('vault:accessor', scope.cluster, accessor);
  return keyOf('vault:accessor-hmac', `${scope.cluster}/${scope.device}`, accessor);
}

/** A token by the hash of itself: what a dead token, which has no accessor any more, is known by. */
export function tokenHmacKey(scope: VaultScope, token: string | undefined): Key | undefined {
  return isHashed(token) ? keyOf('vault:token-hmac', `${scope.cluster}/${scope.device}`, token) : undefined;
}

/** A wrapping token by its accessor. */
export function wrapKey(scope: VaultScope, accessor: string | undefined): Key | undefined {
  return vaultKey('vault:wrap', isHashed(accessor) ? `${scope.cluster}/${scope.device}` : scope.cluster, accessor);
}

/** A wrapping token by the hash of itself: how the body of an unwrap names it. */
export function wrapTokenKey(scope: VaultScope, token: string | undefined): Key | undefined {
  return isHashed(token) ? keyOf('vault:wrap-token-hmac', `${scope.cluster}/${scope.device}`, token) : undefined;
}

/** A lease by its id, or by the hash that bodies of `sys/leases` show. */
export function leaseKey(scope: VaultScope, lease: string | undefined): Key | undefined {
  return vaultKey('vault:lease', isHashed(lease) ? `${scope.cluster}/${scope.device}` : scope.cluster, lease);
}
