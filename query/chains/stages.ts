import type { ChainStage, ChainStageName } from '../../model/chain.ts';
import type { SourceState } from '../../model/control.ts';
import type { Confidence } from '../../model/event.ts';
import type { StoredEvent } from '../../store/stored-event.ts';
import type { Approval } from './approvals.ts';
import { isCredentialKey } from './levels.ts';
import type { Flow } from './walk-flow.ts';

/** Who would tell of a stage: with none of them connected, its absence says nothing. */
const TELLERS: Record<ChainStageName, readonly string[]> = {
  requested: ['okta.log', 'ce', 'hoop', 'teleport', 'entra'],
  approved: ['okta.log', 'ce', 'gitlab.audit', 'gitlab.hook', 'hoop', 'teleport', 'entra'],
  ran: ['gitlab.hook'],
  credential: ['ce', 'aws.cloudtrail', 'vault.audit', 'k8s.audit', 'teleport'],
  touched: ['aws.cloudtrail', 'k8s.audit', 'vault.audit', 'hoop', 'teleport', 'ce'],
  closed: ['ce', 'gitlab.hook', 'vault.audit', 'hoop', 'teleport'],
};

export interface StageInputs {
  readonly flow: Flow;
  readonly approvals: readonly Approval[];
  readonly touches: readonly StoredEvent[];
  readonly isProtected: boolean;
  readonly sources: readonly SourceState[];
  /** Families whose events may still come. */
  readonly open: ReadonlySet<string>;
  readonly credentialGrade: Confidence;
}

/** The six stages of a flow with their states (sources.md 2.7): what is there, and why what is not there is not. */
export function tellStages(inputs: StageInputs): readonly ChainStage[] {
  const { flow, approvals } = inputs;
  const requested = flow.events.filter((event) => event.stage === 'request');
  const approved = approvals.filter((one) => one.decided === 'approved');
  const ran = flow.events.filter((event) => event.stage === 'run');
  const born = flow.events.filter((event) => isBirth(event));
  const closed = flow.events.filter(
    (event) => event.stage === 'revoke' || event.action === 'job.finish' || event.action === 'exec.session.end',
  );
  const noJob = flow.job === undefined && ran.length === 0;
  return [
    stage(inputs, 'requested', requested, {
      needed: inputs.isProtected && approved.every((one) => !one.on.startsWith('gitlab:')),
    }),
    stage(
      inputs,
      'approved',
      approved.map((one) => one.event),
      { needed: inputs.isProtected, grade: weakest(approved.map((one) => one.grade)) },
    ),
    stage(inputs, 'ran', ran, { needed: !noJob, note: noJob ? 'used by a person, without a job' : undefined }),
    stage(inputs, 'credential', born, {
      needed: true,
      grade: inputs.credentialGrade,
      note: noteOfCredential(inputs, born),
    }),
    stage(inputs, 'touched', inputs.touches, {
      needed: false,
      note:
        inputs.touches.length === 0 ? 'no call is known; calls that the target does not log are not seen' : undefined,
    }),
    stage(inputs, 'closed', closed, {
      needed: false,
      note: closed.length === 0 ? 'no end is told; the credential ends by its lifetime' : undefined,
    }),
  ];
}

interface StageRule {
  readonly needed: boolean;
  readonly grade?: Confidence | undefined;
  readonly note?: string | undefined;
}

function stage(inputs: StageInputs, name: ChainStageName, events: readonly StoredEvent[], rule: StageRule): ChainStage {
  const state = stateOf(inputs, name, events.length > 0, rule.needed);
  return {
    stage: name,
    state,
    ...(events.length > 0 ? { grade: rule.grade ?? 'exact' } : {}),
    ...(rule.note === undefined ? {} : { note: rule.note }),
    events: [...new Set(events.map((event) => event.event))],
  };
}

function stateOf(inputs: StageInputs, name: ChainStageName, isPresent: boolean, needed: boolean): ChainStage['state'] {
  if (isPresent) return 'present';
  if (!needed && name !== 'touched' && name !== 'closed') return 'not_required';
  const tellers = TELLERS[name];
  if (tellers.some((family) => inputs.open.has(family))) return 'late_possible';
  const connected = inputs.sources.some(
    (source) => tellers.includes(source.family) && (source.registered || source.records > 0),
  );
  if (!connected && inputs.sources.length > 0) return 'not_observable';
  return needed ? 'missing' : 'not_observable';
}

function noteOfCredential(inputs: StageInputs, born: readonly StoredEvent[]): string | undefined {
  if (inputs.credentialGrade === 'exact') return undefined;
  const rests = inputs.flow.links.some((link) => link.rule === 'E16' || link.rule === 'E17');
  if (rests) return 'the token is not observable; the session name is borne out by the subject and the time of the job';
  return born.length === 0 ? 'no birth of a credential is known' : undefined;
}

/** Whether a credential begins with this event. */
function isBirth(event: StoredEvent): boolean {
  return event.outcome === 'success' && event.keys.some((key) => key.role === 'creates' && isCredentialKey(key.key));
}

function weakest(grades: readonly Confidence[]): Confidence | undefined {
  return grades.includes('exact') ? 'exact' : grades.includes('asserted') ? 'asserted' : grades[0];
}
