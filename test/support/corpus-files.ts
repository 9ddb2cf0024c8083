import type { Source } from '../../model/source.ts';

/** A file of ../shared/corpus and what must be read from it. */
export interface CorpusFile {
  readonly source: Source;
  readonly file: string;
  readonly instance?: string;
  /** Reasons for which lines of it are refused, and the field that each names. */
  readonly refused?: readonly string[];
}

/**
 * Logs that nobody of the project wrote (../shared/corpus). Lines of altered files may be refused, for a reason that
 * names the field; all others must be understood, but for what is said here.
 */
export const CORPUS_FILES: readonly CorpusFile[] = [
  { source: 'okta.log', file: 'okta/ocsf-examples.ndjson' },
  { source: 'okta.log', file: 'okta/panther-parser-samples.ndjson' },
  { source: 'okta.log', file: 'okta/sekoia-system-log.ndjson' },
  { source: 'okta.log', file: 'okta/tenzir-system-log.ndjson' },
  { source: 'okta.log', file: 'okta/transcribed-cribl-okta-rest-io.ndjson' },
  { source: 'okta.log', file: 'scenario-okta-add-administrator/okta.ndjson' },
  // These stamps have no zone, and some lines no id: altered when they were turned into rule tests.
  {
    source: 'okta.log',
    file: 'okta/panther-rule-tests-altered.ndjson',
    refused: ['bad_timestamp published', 'missing_required_fields published', 'missing_required_fields uuid'],
  },
  // The examples of a client library: no time.
  {
    source: 'gitlab.audit-rest',
    file: 'gitlab-audit/go-gitlab-rest-api.ndjson',
    refused: ['missing_required_fields created_at'],
  },
  { source: 'gitlab.audit-rest', file: 'gitlab-audit/transcribed-docs-rest-api.ndjson' },
  { source: 'gitlab.audit-stream', file: 'gitlab-audit/transcribed-docs-streaming.ndjson' },
  { source: 'gitlab.audit-stream', file: 'gitlab-audit/transcribed-elastic-audit-json-log.ndjson' },
  { source: 'gitlab.webhook', file: 'gitlab-webhook/go-gitlab-testdata.ndjson' },
  { source: 'gitlab.webhook', file: 'gitlab-system-hook/go-gitlab-testdata.ndjson' },
  { source: 'hoop.event', file: 'hoop/event-routing-samples.ndjson' },
  { source: 'hoop.event', file: 'hoop/openapi-skeletons.ndjson' },
  { source: 'hoop.event', file: 'hoop/webhook-session-open.ndjson' },
  { source: 'hoop.event', file: 'hoop/hoop-e939597/sessions.ndjson.gz' },
  { source: 'hoop.event', file: 'hoop/hoop-e939597/sessions_detail.ndjson.gz' },
  { source: 'hoop.event', file: 'hoop/hoop-e939597/reviews.ndjson.gz' },
  { source: 'hoop.event', file: 'hoop/hoop-e939597/audit.ndjson.gz' },
  { source: 'aws.cloudtrail', file: 'cloudtrail/invictus-stratus-run.ndjson' },
  { source: 'aws.cloudtrail', file: 'cloudtrail/ocsf-examples.ndjson' },
  { source: 'aws.cloudtrail', file: 'cloudtrail/panther-parser-tests.ndjson' },
  { source: 'aws.cloudtrail', file: 'cloudtrail/panther-rule-tests.ndjson' },
  { source: 'aws.cloudtrail', file: 'cloudtrail/sekoia-cloudtrail.ndjson' },
  { source: 'aws.cloudtrail', file: 'cloudtrail/stratus-red-team.ndjson' },
  { source: 'aws.cloudtrail', file: 'scenario-enrichment-example/cloudtrail.ndjson' },
  // Ids and zones of stamps were lost when these were turned into rule tests; so were they for Kubernetes.
  {
    source: 'aws.cloudtrail',
    file: 'cloudtrail/panther-rule-tests-altered.ndjson',
    refused: ['bad_timestamp eventTime', 'missing_required_fields eventID'],
  },
  { source: 'kubernetes.audit', file: 'kubernetes/falco-k8s-audit.ndjson', instance: 'c1' },
  { source: 'kubernetes.audit', file: 'kubernetes/ocsf-eks.ndjson', instance: 'c1' },
  { source: 'kubernetes.audit', file: 'kubernetes/sekoia-audit-log.ndjson', instance: 'c1' },
  {
    source: 'kubernetes.audit',
    file: 'kubernetes/panther-rule-tests-altered.ndjson',
    instance: 'c1',
    refused: [
      'bad_timestamp requestReceivedTimestamp',
      'missing_required_fields auditID',
      'missing_required_fields requestReceivedTimestamp',
      'missing_required_fields stage',
    ],
  },
  { source: 'vault.audit', file: 'vault/transcribed-datadog-vault-audit.ndjson', instance: 'v1' },
  { source: 'vault.audit', file: 'vault/transcribed-elastic-test-audit.ndjson', instance: 'v1' },
  { source: 'vault.audit', file: 'vault/transcribed-v1.21-notes.ndjson', instance: 'v1' },
  { source: 'entra.log', file: 'entra/panther-rule-tests.ndjson' },
  // One stamp has an hour of one digit: "T5:32:08".
  {
    source: 'entra.log',
    file: 'entra/sekoia-diagnostic-settings.ndjson',
    refused: ['bad_timestamp properties.detectedDateTime'],
  },
  { source: 'entra.log', file: 'entra/sekoia-graph-audit-signin.ndjson' },
  { source: 'entra.log', file: 'entra/tenzir-graph-synthetic.ndjson' },
  // Zones of stamps were lost when these were turned into rule tests.
  {
    source: 'entra.log',
    file: 'entra/panther-rule-tests-altered.ndjson',
    refused: [
      'bad_timestamp properties.activityDateTime',
      'bad_timestamp properties.createdDateTime',
      'bad_timestamp time',
    ],
  },
  { source: 'keycloak.event', file: 'keycloak/sekoia-keycloak-events.ndjson' },
  { source: 'teleport.event', file: 'teleport/panther-parser-samples.ndjson' },
  { source: 'teleport.event', file: 'teleport/panther-parser-tests.ndjson' },
  { source: 'teleport.event', file: 'teleport/panther-rule-tests.ndjson' },
  { source: 'teleport.event', file: 'teleport/panther-rule-tests-altered.ndjson' },
  { source: 'github.audit', file: 'github-audit/ocsf-examples.ndjson' },
  { source: 'github.audit', file: 'github-audit/sekoia-github-audit.ndjson' },
  // Some stamps are no time ("2024-12-17 00:00:00000000"), and the altered ones have none.
  {
    source: 'github.audit',
    file: 'github-audit/panther-rule-tests.ndjson',
    refused: ['bad_timestamp created_at'],
  },
  {
    source: 'github.audit',
    file: 'github-audit/panther-rule-tests-altered.ndjson',
    refused: ['missing_required_fields @timestamp'],
  },
];

/** Logs that real servers wrote, with the instance that each is from; tests of their own compare them with the truth. */
export const REAL_SERVER_FILES: readonly { readonly source: Source; readonly file: string; readonly instance: string }[] = [
  { source: 'keycloak.event', file: 'keycloak/keycloak-26.7.3/events-json-log.ndjson.gz', instance: 'sso.acme.example' },
  { source: 'keycloak.event', file: 'keycloak/keycloak-26.7.3/rest-events.ndjson.gz', instance: 'sso.acme.example/realms/acme' },
  { source: 'keycloak.event', file: 'keycloak/keycloak-26.7.3/rest-admin-events.ndjson.gz', instance: 'sso.acme.example/realms/acme' },
  { source: 'keycloak.event', file: 'keycloak/keycloak-26.7.3/rest-master-admin-events.ndjson.gz', instance: 'sso.acme.example/realms/master' },
  { source: 'vault.audit', file: 'vault/openbao-2.6.2/audit.ndjson.gz', instance: 'lab' },
  { source: 'kubernetes.audit', file: 'kubernetes/apiserver-0.37.2/audit.ndjson.gz', instance: 'lab' },
]; // prettier-ignore

/** Files of the corpus that hold no records of a source, and what they are; every other one is read above. */
export const OTHER_FILES: Readonly<Record<string, string>> = {
  'gitlab-id-token/transcribed-docs-id-token-claims.ndjson': 'claims of a token',
  'hoop/hoop-e939597/ai_agents.ndjson': 'a list at the end of the run',
  'hoop/hoop-e939597/api_keys.ndjson': 'a list at the end of the run',
  'hoop/hoop-e939597/connections.ndjson': 'a list at the end of the run',
  'hoop/hoop-e939597/users.ndjson': 'a list at the end of the run',
  'hoop/hoop-e939597/gateway-api-audit.ndjson.gz': 'lines of stdout, which repeat what the audit log of the API holds',
  'hoop/hoop-e939597/routed.ndjson.gz':
    "bodies of an operator's own template, mostly no JSON; REST is the record (sources.md 1.12.1)",
  'hoop/hoop-e939597/truth.ndjson.gz': 'the truth',
  'keycloak/keycloak-26.7.3/tokens.ndjson.gz': 'tokens, for the truth',
  'keycloak/keycloak-26.7.3/truth.ndjson.gz': 'the truth',
  'kubernetes/apiserver-0.37.2/truth.ndjson.gz': 'the truth',
  'kubernetes/apiserver-0.37.2/webhook-eventlists.ndjson.gz':
    'deliveries: kubernetes-real-server.test.ts reads their items',
  'vault/openbao-2.6.2/truth-edges.ndjson': 'the truth',
  'vault/openbao-2.6.2/truth.ndjson.gz': 'the truth',
};

/** The installation that a line is from; the samples of client libraries name different hosts, else any will do. */
export function hostOf(json: unknown): string {
  const url = (json as { project?: { web_url?: unknown } }).project?.web_url;
  return typeof url === 'string' ? url : 'source.example';
}
