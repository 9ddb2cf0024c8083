import type { RedactionRule } from './adapter.ts';

/**
 * Fields of a record that hold secrets (sources.md 1.8, "Redact"). AWS hides many itself, but not all, and not in all
 * services. Wherever the record is wrapped, the paths begin with any number of segments.
 */
export const awsRedactions: readonly RedactionRule[] = [
  { path: ['message'], rule: 'embedded', part: 'json' },
  { path: ['CloudTrailEvent'], rule: 'embedded', part: 'json' },
  { path: ['**', 'credentials', 'sessionToken'], rule: 'aws_session_token' },
  { path: ['**', 'credentials', 'secretAccessKey'], rule: 'aws_secret_key' },
  { path: ['**', 'accessKey', 'secretAccessKey'], rule: 'aws_secret_key' },
  { path: ['**', 'sessionToken'], rule: 'aws_session_token' },
  { path: ['**', 'secretAccessKey'], rule: 'aws_secret_key' },
  { path: ['**', 'requestParameters', 'environment', 'variables'], rule: 'environment' },
  { path: ['**', 'responseElements', 'environment', 'variables'], rule: 'environment' },
  { path: ['**', 'containerDefinitions', '*', 'environment'], rule: 'environment' },
  { path: ['**', 'requestParameters', 'userData'], rule: 'user_data' },
  { path: ['**', 'responseElements', 'userData'], rule: 'user_data' },
  { path: ['**', 'requestParameters', 'parameters', 'commands'], rule: 'command' },
  { path: ['**', 'requestParameters', 'value'], rule: 'parameter_value' },
  { path: ['**', 'requestParameters', 'secretString'], rule: 'secret' },
  { path: ['**', 'requestParameters', 'secretBinary'], rule: 'secret' },
  { path: ['**', 'requestParameters', 'password'], rule: 'password' },
  { path: ['**', 'requestParameters', 'masterUserPassword'], rule: 'password' },
  { path: ['**', 'requestParameters', 'webIdentityToken'], rule: 'token' },
  { path: ['**', 'requestParameters', 'sAMLAssertion'], rule: 'assertion' },
  { path: ['**', 'requestParameters', 'x-amz-security-token'], rule: 'aws_session_token' },
  { path: ['**', 'requestParameters', 'X-Amz-Security-Token'], rule: 'aws_session_token' },
  { path: ['**', 'requestParameters', 'X-Amz-Signature'], rule: 'signature' },
];
