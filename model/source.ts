/** The systems that send, by the name that stands in a URL or after `--source` (design.md 8). */
export const SOURCES = [
  'gitlab.audit-stream',
  'gitlab.audit-rest',
  'gitlab.webhook',
  'okta.log',
  'issuer.cloudevents',
  'aws.cloudtrail',
  'kubernetes.audit',
  'vault.audit',
  'hoop.event',
  'entra.log',
  'keycloak.event',
  'teleport.event',
  'ssf.set',
  'github.audit',
  'gitlab.users',
] as const;
/** A source, or Custody itself, for which there is no door. */
export type Source = (typeof SOURCES)[number] | 'custody.self';

/**
 * A family is what several sources say of the same happenings: the GitLab stream and its REST page are one family,
 * so the same event from both is one event (sources.md 2.3). It is also the name of the log's topic.
 * The position in this list is part of every stored reference: append only, never reorder.
 */
export const FAMILIES = [
  'custody.self',
  'gitlab.audit',
  'gitlab.hook',
  'okta.log',
  'ce',
  'aws.cloudtrail',
  'k8s.audit',
  'vault.audit',
  'hoop',
  'entra',
  'keycloak',
  'teleport',
  'ssf',
  'github.audit',
  'gitlab.users',
] as const;
export type Family = (typeof FAMILIES)[number];

/**
 * The topic on which rejected records are announced. It is no family: workers read families, so that an announcement can
 * never come back as an event.
 */
export const DEAD_LETTERS = 'custody.dead-letters';
/** Every topic of the log. */
export type Topic = Family | typeof DEAD_LETTERS;
export const TOPICS: readonly Topic[] = [...FAMILIES, DEAD_LETTERS];

const FAMILY_OF: Record<Source, Family> = {
  'custody.self': 'custody.self',
  'gitlab.audit-stream': 'gitlab.audit',
  'gitlab.audit-rest': 'gitlab.audit',
  'gitlab.webhook': 'gitlab.hook',
  'okta.log': 'okta.log',
  'issuer.cloudevents': 'ce',
  'aws.cloudtrail': 'aws.cloudtrail',
  'kubernetes.audit': 'k8s.audit',
  'vault.audit': 'vault.audit',
  'hoop.event': 'hoop',
  'entra.log': 'entra',
  'keycloak.event': 'keycloak',
  'teleport.event': 'teleport',
  'ssf.set': 'ssf',
  'github.audit': 'github.audit',
  'gitlab.users': 'gitlab.users',
};

/** The family, and so the topic, to which a source belongs. */
export function familyOf(source: Source): Family {
  return FAMILY_OF[source];
}

/** Whether a text is the name of a source that may be sent from outside. */
export function isSource(text: string): text is Exclude<Source, 'custody.self'> {
  return (SOURCES as readonly string[]).includes(text);
}
