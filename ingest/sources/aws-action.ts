import type { Action, Outcome } from '../../model/action.ts';
import { at, getString, note } from './read.ts';
import type { Doc } from './read.ts';

/** What a record of CloudTrail says was done, in our taxonomy (sources.md 2.6), and how it ended (1.8). */
export interface AwsAction {
  readonly service: string;
  readonly operation: string;
  readonly action: Action;
  readonly write: boolean;
  readonly dryRun: boolean;
  /** A login or a call to STS: neither a use of a resource nor a change, whatever it is called. */
  readonly login: boolean;
  readonly outcome: Outcome;
}

const ASSUMES = /^(?:AssumeRole\w*|AssumeRoot|GetSessionToken|GetFederationToken|GetWebIdentityToken)$/;
const READS = /^(?:Get|List|Describe|Head|Lookup|Search|Query|Scan|BatchGet|Select|Check|Test|Simulate)/;
const SECRETS: ReadonlyMap<string, Action> = new Map([
  ['GetSecretValue', 'secret.read'],
  ['BatchGetSecretValue', 'secret.read'],
  ['PutSecretValue', 'secret.write'],
  ['CreateSecret', 'secret.write'],
  ['UpdateSecret', 'secret.write'],
  ['DeleteSecret', 'secret.delete'],
  ['ListSecrets', 'secret.list'],
]);

/** Reads service, operation, kind of action and outcome of a record. */
export function readAction(record: Doc): AwsAction {
  if (isInsight(record)) return NOBODY_CALLED;
  const service = (getString(record, 'eventSource') ?? '').replace(/\.amazonaws\.com(?:\.cn)?$/, '');
  const operation = getString(record, 'eventName') ?? getString(record, 'eventType') ?? '';
  const isRead = readOnly(record) ?? READS.test(operation);
  const action = actionOf(service, operation, isRead);
  const login = service === 'sts' || service === 'signin' || action === 'session.login' || action === 'session.assume';
  const code = getString(record, 'errorCode');
  return {
    service,
    operation,
    action,
    login,
    // AWS answers a dry run that would have worked with this error (EC2).
    dryRun: code?.endsWith('DryRunOperation') === true,
    write: !isRead && !login,
    outcome: outcomeOf(record, code),
  };
}

/**
 * An insight of CloudTrail is a notice of its own that calls, or their errors, are more or fewer than usual: it names a call,
 * and is none. Nobody made it at its time, and nothing was read or changed by it.
 */
export function isInsight(record: Doc): boolean {
  return getString(record, 'eventType') === 'AwsCloudTrailInsight';
}

const NOBODY_CALLED: AwsAction = {
  service: '',
  operation: 'AwsCloudTrailInsight',
  action: 'other',
  write: false,
  dryRun: false,
  login: false,
  outcome: 'unknown',
};

function actionOf(service: string, operation: string, isRead: boolean): Action {
  if (service === 'sts' || service === 'eks-auth') {
    return ASSUMES.test(operation) ? 'session.assume' : 'api.read';
  }
  if (operation === 'ConsoleLogin' || (service === 'sso' && operation === 'Authenticate')) return 'session.login';
  if (service === 'secretsmanager') {
    const secret = SECRETS.get(operation);
    if (secret) return secret;
  }
  if (service === 'ssm' && /^GetParameter(?:s|sByPath|History)?$/.test(operation)) return 'secret.read';
  if (isRead) return 'api.read';
  if (/^(?:Create|Run|Register|Launch|Allocate)/.test(operation)) return 'api.create';
  return /^(?:Delete|Terminate|Deregister|Remove|Release)/.test(operation) ? 'api.delete' : 'api.update';
}

// A boolean; some pipelines turn it into text.
function readOnly(record: Doc): boolean | undefined {
  const value = at(record.json, 'readOnly');
  if (typeof value === 'boolean') return value;
  if (value === 'true' || value === 'false') return value === 'true';
  if (value !== undefined && value !== null) note(record, 'readOnly');
  return undefined;
}

const DENIED =
  /AccessDenied|Unauthorized|UnauthorizedOperation|Forbidden|NotAuthorized|ExpiredToken|InvalidClientTokenId|AuthFailure|TokenRefreshRequired|SignatureDoesNotMatch|InvalidIdentityToken/;

function outcomeOf(record: Doc, code: string | undefined): Outcome {
  if (code === undefined || code === '') {
    const console = at(record.json, 'responseElements', 'ConsoleLogin');
    return console === 'Failure' ? 'denied' : 'success';
  }
  if (code.endsWith('DryRunOperation')) return 'success';
  return DENIED.test(code) ? 'denied' : 'failure';
}
