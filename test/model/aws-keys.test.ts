import { describe, expect, test } from 'vitest';
import { awsAccessKey, awsSessionKey, awsSourceIdentityKey, isRunId } from '../../model/keys.ts';

/** Which identifiers of AWS stand for one flow, and which would join the flows of months. */
describe('keys of AWS', () => {
  test.each([
    ['ASIAMADEUPKEY0000001', 'chain'],
    ['AKIAMADEUPKEY0000001', 'hub'],
    ['ABIAMADEUPKEY0000001', 'hub'],
    ['asiamadeupkey0000001', undefined],
    ['ASIA', undefined],
    [7, undefined],
  ])('an access key %s is %s', (id, expected) => {
    expect(awsAccessKey(id)?.class).toBe(expected);
  });

  test.each([
    ['AROAX:gl-517-7700-93500', 'chain'],
    ['AROAX:3b7e0f10-0000-4000-8000-00000000b100', 'chain'],
    ['AROAX:vault-jwt-1cMEBN7ZRz3IXgTR', 'chain'],
    ['AROAX:AutoScaling', 'hub'],
    ['AROAX:averylongnamewithoutdigits', 'hub'],
    ['AROAX:anna.berg12345@org.example', 'hub'],
    ['AROAX:i-0123456789abcdef0', 'hub'],
    ['AROAX:eks-prod-eu1-karpenter', 'hub'],
    ['AROAX', undefined],
  ])('a role session %s is %s', (principalId, expected) => {
    expect(awsSessionKey('111122223333', principalId)?.class).toBe(expected);
  });

  test.each([
    ['3b7e0f10-0000-4000-8000-00000000b100', 'chain'],
    ['2NBTFFMxcdUFAkqrpT5VYU51', 'chain'],
    ['anna.berg@org.example', 'hub'],
    ['platform-team', 'hub'],
    ['a-long-name-of-a-team-without-digits', 'hub'],
  ])('a source identity %s is %s', (value, expected) => {
    expect(awsSourceIdentityKey('111122223333', value)?.class).toBe(expected);
    expect(isRunId(value)).toBe(expected === 'chain');
  });
});
