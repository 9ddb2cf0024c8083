import type { RedactionRule } from './adapter.ts';

/**
 * Fields of a Kubernetes audit event that hold secrets (sources.md 1.9 and 1.9.1): bodies, which quote whole objects
 * (secrets, tokens, applied annotations), messages and causes, which quote rejected values, and the query of the URL.
 * Of the bodies only what chains need stays: ids, owners and dry runs are read before from fields that are not bodies.
 */
export const k8sRedactions: readonly RedactionRule[] = [
  // Managed clusters wrap the event, as text or parsed.
  { path: ['message'], rule: 'embedded', part: 'json' },
  { path: ['log'], rule: 'embedded', part: 'json' },
  { path: ['properties', 'log'], rule: 'embedded', part: 'json' },
  { path: ['**', 'requestURI'], rule: 'query', part: 'query' },
  { path: ['**', 'responseStatus', 'message'], rule: 'message' },
  { path: ['**', 'responseStatus', 'details', 'causes'], rule: 'causes' },
  ...['requestObject', 'responseObject'].flatMap((body): RedactionRule[] => [
    { path: ['**', body, 'data'], rule: 'object_data' },
    { path: ['**', body, 'stringData'], rule: 'object_data' },
    { path: ['**', body, 'binaryData'], rule: 'object_data' },
    { path: ['**', body, 'items', '*', 'data'], rule: 'object_data' },
    { path: ['**', body, 'items', '*', 'stringData'], rule: 'object_data' },
    { path: ['**', body, 'items', '*', 'binaryData'], rule: 'object_data' },
    { path: ['**', body, 'status', 'token'], rule: 'token' },
    { path: ['**', body, 'spec', 'token'], rule: 'token' },
    { path: ['**', body, '**', 'annotations', 'kubectl.kubernetes.io/last-applied-configuration'], rule: 'applied' },
    { path: ['**', body, '**', 'managedFields'], rule: 'applied' },
    { path: ['**', body, '**', 'env', '*', 'value'], rule: 'environment' },
    { path: ['**', body, '**', 'command'], rule: 'command' },
    { path: ['**', body, '**', 'args'], rule: 'command' },
    { path: ['**', body, 'message'], rule: 'message' },
    { path: ['**', body, 'details', 'causes'], rule: 'causes' },
    // A JSON patch is an array of operations; its values may be anything.
    { path: ['**', body, '*', 'value'], rule: 'patch_value' },
  ]),
];
