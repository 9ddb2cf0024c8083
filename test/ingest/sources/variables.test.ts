import { expect, test } from 'vitest';
import { variablesOf } from '../../../ingest/sources/variables.ts';
import { policySchema } from '../../../model/policy.ts';

const okta = (instance: string) => ({ family: 'okta.log', instance });

test.each([
  [
    'the scope that the policy names',
    { sources: [okta('a.example')], pipeline_variables: { request_scope: 'b.example' } },
    'b.example',
  ],
  [
    'the only organisation that is registered',
    { sources: [okta('a.example'), { family: 'hoop', instance: 'h.example' }] },
    'a.example',
  ],
  ['none where two could be meant', { sources: [okta('a.example'), okta('b.example')] }, undefined],
  ['none where nothing is registered', {}, undefined],
  [
    'that of another system',
    {
      sources: [okta('a.example'), { family: 'ce', instance: 'https://issuer.example/eu' }],
      pipeline_variables: { request_system: 'broker' },
    },
    'https://issuer.example/eu',
  ],
])('a request id in a variable belongs to %s', (_name, policy, scope) => {
  expect(variablesOf(policySchema.parse(policy)).requestScope).toBe(scope);
});
