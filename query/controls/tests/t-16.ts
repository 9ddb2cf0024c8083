import { HOLDS } from '../control-test.ts';
import type { ControlTest } from '../control-test.ts';

/** T-16: who leaves is shut out in time. It needs a list of leavers from elsewhere, so without one it is not in scope. */
export const T16: ControlTest<never> = {
  id: 'T-16',
  version: 1,
  title: 'Deactivation in time',
  control:
    'The identity of whoever leaves is deactivated, and so are the accounts of the connected systems, within the time of the policy.',
  key: false,
  nature: 'corrective',
  frequency: 'per_event',
  population: {
    definition:
      "Ends of employment in the period, by a feed of the personnel department. No such feed can be connected yet; the identity provider's own list of deactivations would prove itself.",
    source: 'independent',
    select: () => [],
  },
  exclusions: [],
  attributes: [
    {
      code: 'late_deactivation',
      text: 'The identity was deactivated within the time of the policy.',
      check: () => HOLDS,
    },
  ],
  minLink: 'policy',
  parameters: () => ({ 'feed of the personnel department': 'none' }),
  inputs: [],
  proves: 'Nothing, as long as no feed of the personnel department is connected.',
  doesNotProve:
    'That anybody who left was deactivated, let alone in time. Get the list of leavers from the personnel department and compare.',
};
