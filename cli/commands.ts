import type { Command } from './command.ts';

/** A command as the overview tells it; what it needs is loaded when it is called for. */
export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  load(): Promise<Command>;
}

/** Every command, in the order of the overview. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'demo',
    summary: 'a made-up company, from raw logs to a chain, control tests and evidence packs',
    load: async () => (await import('./commands/demo.ts')).demoCommand,
  },
  {
    name: 'start',
    summary: 'intake, worker and API in one process',
    load: async () => (await import('./commands/start.ts')).startCommand,
  },
  {
    name: 'import',
    summary: 'read files of a source: NDJSON, JSON array, {"Records":[...]}, {"records":[...]}, gzip of each',
    load: async () => (await import('./commands/import.ts')).importCommand,
  },
  {
    name: 'deliver',
    summary: 'replay captured deliveries through the intake',
    load: async () => (await import('./commands/deliver.ts')).deliverCommand,
  },
  {
    name: 'poll',
    summary: 'fetch from the APIs that the policy file names: Okta, GitLab, Entra, Keycloak, hoop, CloudTrail',
    load: async () => (await import('./commands/poll.ts')).pollCommand,
  },
  {
    name: 'trace',
    summary: 'the chain behind one fact: who asked, approved, ran, with which credential, what was touched',
    load: async () => (await import('./commands/trace.ts')).traceCommand,
  },
  {
    name: 'timeline',
    summary: 'events of a period, in order of time, filtered',
    load: async () => (await import('./commands/timeline.ts')).timelineCommand,
  },
  {
    name: 'identities',
    summary: 'who is who: persons and their accounts, why two accounts are one person, what is unresolved',
    load: async () => (await import('./commands/identities.ts')).identitiesCommand,
  },
  {
    name: 'export',
    summary: 'every event of a period as OCSF 1.8, NDJSON or a Parquet file, for another tool',
    load: async () => (await import('./commands/export.ts')).exportCommand,
  },
  {
    name: 'check',
    summary: 'run the control tests over a period',
    load: async () => (await import('./commands/check.ts')).checkCommand,
  },
  {
    name: 'dispositions',
    summary: 'exceptions, and what management says of them: list, show, respond, classify, confirm, re-test',
    load: async () => (await import('./commands/dispositions.ts')).dispositionsCommand,
  },
  {
    name: 'gaps',
    summary: 'gaps of the streams: explain one, confirm it as a second person, show what was said',
    load: async () => (await import('./commands/gaps.ts')).gapsCommand,
  },
  {
    name: 'report',
    summary: 'write the results of a period as an evidence pack: PDF, populations, samples, OSCAL, proofs, verifier',
    load: async () => (await import('./commands/report.ts')).reportCommand,
  },
  {
    name: 'verify',
    summary: 'verify an evidence pack, offline: signature, files, populations, samples, records',
    load: async () => (await import('./commands/verify.ts')).verifyCommand,
  },
  {
    name: 'sources',
    summary: 'what each source sent, against what was expected of it: counts, pace, lateness, gaps',
    load: async () => (await import('./commands/sources.ts')).sourcesCommand,
  },
  {
    name: 'issuers',
    summary: 'how good the evidence of each token issuer is: a score, and what the issuer can mend',
    load: async () => (await import('./commands/issuers.ts')).issuersCommand,
  },
  {
    name: 'dead-letters',
    summary: 'records that were rejected: list them, look at one, replay them',
    load: async () => (await import('./commands/dead-letters.ts')).deadLettersCommand,
  },
  {
    name: 'issuer-check',
    summary: 'whether an issuer keeps the contract: what is wrong with its events or keys, and how to mend it',
    load: async () => (await import('./commands/issuer-check.ts')).issuerCheckCommand,
  },
  {
    name: 'policy',
    summary: 'check a policy file: line, fault and remedy',
    load: async () => (await import('./commands/policy.ts')).policyCommand,
  },
  {
    name: 'rebuild',
    summary: 'derive events, keys and edges again from the records',
    load: async () => (await import('./commands/rebuild.ts')).rebuildCommand,
  },
  {
    name: 'serve',
    summary: 'the doors, the API and reports of a cluster: Kafka before it, ClickHouse behind it',
    load: async () => (await import('./commands/serve.ts')).serveCommand,
  },
  {
    name: 'ingest',
    summary: 'a worker of a cluster, one of any number: Kafka to ClickHouse',
    load: async () => (await import('./commands/ingest.ts')).ingestCommand,
  },
  {
    name: 'sign',
    summary: 'the signer of a cluster: checkpoints over what is stored, by a key that nobody else has',
    load: async () => (await import('./commands/sign.ts')).signCommand,
  },
  {
    name: 'topics',
    summary: 'make the Kafka topics of all sources, or check those that are there',
    load: async () => (await import('./commands/topics.ts')).topicsCommand,
  },
];
