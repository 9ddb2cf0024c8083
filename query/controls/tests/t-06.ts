import { fails, HOLDS, candidate, undecided } from '../control-test.ts';
import type { Answer, Candidate, ControlContext, ControlTest } from '../control-test.ts';
import { productionRequests } from '../requests.ts';
import type { AccessRequest } from '../requests.ts';

/** T-06: whoever asks for production says why. */
export const T06: ControlTest<AccessRequest> = {
  id: 'T-06',
  version: 2,
  title: 'Reason recorded',
  control: 'Each request for production access states a reason, or names a ticket that exists.',
  key: false,
  nature: 'preventive',
  frequency: 'per_event',
  population: {
    definition:
      'Requests for access made in the period, also those that an identity provider keeps, that name production, or on which a production credential rests, and those of which nothing says for which environment they are.',
    source: 'own_records',
    select: (context) =>
      productionRequests(context).map((request) =>
        candidate(request.key, request.at, request, { evidence: request.events.map((event) => event.event) }),
      ),
  },
  stratumOf: ({ subject }) => (subject.production === true ? 'production' : 'environment unclassified'),
  exclusions: [],
  attributes: [
    { code: 'no_reason', text: 'A reason of the length of the policy, or a ticket that exists, is recorded.', check: hasReason },
  ],
  minLink: 'policy',
  parameters: ({ parameters, tickets }) => ({
    reason_min_chars: String(parameters.reason_min_chars),
    ticket_pattern: parameters.ticket_pattern ?? 'none',
    'tracker export': tickets === undefined ? 'not connected: of a ticket only the form is tested' : `${tickets.length} tickets`,
  }),
  inputs: ['ce', 'okta.log', 'hoop', 'teleport', 'entra'],
  proves: 'That a reason, or a ticket that exists, stands in the record of each request for production.',
  doesNotProve: 'That the reason is a good one, or that the ticket is about this access.',
}; // prettier-ignore

// What these logs tell of a request does not include why it was made, so its absence there proves nothing.
const TELL_NO_REASON: ReadonlySet<string> = new Set(['okta.log', 'entra']);

function hasReason({ subject }: Candidate<AccessRequest>, { policy, graph }: ControlContext): Answer {
  const { reason_min_chars: least, ticket_pattern: pattern } = policy.parameters;
  // Whoever relies on the request of another system may state the reason there: an issuer's request that names it.
  const naming = graph.namesOf(subject.key).flatMap(({ ref, role }) => (role === 'uses' ? (graph.events.get(ref) ?? []) : []));
  const telling = [...subject.events, ...naming.filter((event) => event.facts.request !== undefined)];
  const reasons = telling.map((event) => event.facts.request?.reason?.trim() ?? '');
  if (reasons.some((reason) => reason.length >= least)) return HOLDS;
  const found = pattern === undefined ? [] : ticketsOf(subject, reasons, pattern);
  const known = new Set(policy.tickets?.map(({ id }) => id));
  if (found.some((ticket) => known.has(ticket))) return HOLDS;
  const said = reasons.find((reason) => reason !== '');
  const sentence =
    said === undefined ? 'No reason is recorded' : `The reason has ${said.length} characters, of at least ${least}`;
  if (found.length === 0 && telling.every((event) => TELL_NO_REASON.has(event.family)))
    return undecided('reason_not_observable', 'The log in which the request stands does not tell reasons: look it up where the request was made, or let the issuer that relies on it state it');
  if (subject.production !== true)
    return undecided('environment_unclassified', `${sentence}; nothing says whether the request is for production`);
  if (found.length === 0) return fails('no_reason', `${sentence}, and no ticket is named`);
  return policy.tickets === undefined
    ? undecided('tracker_not_connected', `${sentence}; ${found.join(', ')} has the form of a ticket, and no tracker is connected to say whether it exists`)
    : fails('ticket_unknown', `${sentence}; the tracker has no ticket ${found.join(', ')}`);
} // prettier-ignore

/** Tickets that a request names: in its reason, or as a change that its event is joined to. */
function ticketsOf({ events }: AccessRequest, reasons: readonly string[], pattern: string): readonly string[] {
  const inText = reasons.flatMap((reason) => reason.match(new RegExp(pattern, 'gu')) ?? []);
  const whole = new RegExp(`^(?:${pattern})$`, 'u');
  const joined = events.flatMap((event) =>
    event.keys.flatMap(({ key }) => (key.startsWith('change:') ? [key.slice(key.lastIndexOf('/') + 1)] : [])),
  );
  return [...new Set([...inText, ...joined.filter((name) => whole.test(name))])];
}
