import type { Source } from '../../model/source.ts';
import type { SourceAdapter } from './adapter.ts';
import { awsCloudtrail } from './aws-cloudtrail.ts';
import { custodySelf } from './custody-self.ts';
import { entraLog } from './entra-log.ts';
import { githubAudit } from './github-audit.ts';
import { gitlabAuditRest, gitlabAuditStream } from './gitlab-audit.ts';
import { gitlabUsers } from './gitlab-users.ts';
import { gitlabWebhook } from './gitlab-webhook.ts';
import { hoopEvent } from './hoop-event.ts';
import { oktaLog } from './okta-log.ts';
import { issuerCloudevents } from './issuer-cloudevents.ts';
import { keycloakEvent } from './keycloak-event.ts';
import { kubernetesAudit } from './kubernetes-audit.ts';
import { ssfSet } from './ssf-set.ts';
import { teleportEvent } from './teleport-event.ts';
import { vaultAudit } from './vault-audit.ts';

/** Every adapter that is built, by the name of its source. A new source is a file and a line here. */
const ADAPTERS: Partial<Record<Source, SourceAdapter>> = {
  'custody.self': custodySelf,
  'issuer.cloudevents': issuerCloudevents,
  'aws.cloudtrail': awsCloudtrail,
  'kubernetes.audit': kubernetesAudit,
  'vault.audit': vaultAudit,
  'gitlab.audit-stream': gitlabAuditStream,
  'gitlab.audit-rest': gitlabAuditRest,
  'gitlab.webhook': gitlabWebhook,
  'okta.log': oktaLog,
  'hoop.event': hoopEvent,
  'entra.log': entraLog,
  'keycloak.event': keycloakEvent,
  'teleport.event': teleportEvent,
  'ssf.set': ssfSet,
  'github.audit': githubAudit,
  'gitlab.users': gitlabUsers,
};

/** The adapter of a source; undefined for a source whose adapter is not built yet. */
export function adapterFor(source: Source): SourceAdapter | undefined {
  return ADAPTERS[source];
}
