import { setTimeout as sleep } from 'node:timers/promises';
import type { Kafka } from 'kafkajs';
import type { Family } from '../../model/source.ts';
import type { BatchHandler, Consumer, ConsumerOptions } from './event-log.ts';
import { openSession } from './kafka-session.ts';
import type { NamedPartition, Session } from './kafka-session.ts';
import { createShare, keyOf } from './kafka-share.ts';
import type { Share, ShareDeps } from './kafka-share.ts';

export interface KafkaConsumerDeps extends Pick<ShareDeps, 'offsets' | 'say' | 'sessionTimeoutMs' | 'maxHeldBytes'> {
  readonly kafka: Kafka;
  /** The name of a family's topic. */
  readonly nameOf: (topic: Family) => string;
  /** Without an answer to a fetch for so long, the consumer is started anew, milliseconds. */
  readonly silenceMs: number;
}

const COMMIT_EVERY_MS = 1_000;
const BACKOFF_MS = { first: 500, most: 30_000 } as const;
// A session that lived so long was well: what ends it then is a new trouble.
const WELL_MS = 60_000;

/** Reads topics as a member of a group, for ever: sessions that end are started anew until `stop`. */
export function startKafkaConsumer(deps: KafkaConsumerDeps, options: ConsumerOptions, handler: BatchHandler): Consumer {
  const stopping = new AbortController();
  const topics = new Map(options.topics.map((topic) => [deps.nameOf(topic), topic]));
  const share = createShare({ ...deps, options, handler, topics });
  const commits = new Map<string, NamedPartition & { readonly offset: number }>();
  let session: Session | undefined;

  async function flush(): Promise<void> {
    const offsets = [...commits.values()];
    commits.clear();
    // A commit that fails loses nothing: positions come from the store.
    if (offsets.length > 0) await session?.commit(offsets).catch(() => undefined);
  }

  const flushing = setInterval(() => void flush(), COMMIT_EVERY_MS);
  flushing.unref();
  const sessionOptions = { ...deps, group: options.group, topics: [...topics.keys()] };
  const open = (): Session => {
    const opened: Session = openSession(
      sessionOptions,
      share.eventsFor(() => opened),
    );
    return (session = opened);
  };
  const done = supervise(open, share, deps, stopping.signal);

  return {
    pause: (place) => share.pause(place),
    resume: (place) => share.resume(place),
    seek: (place, offset) => share.readers.get(keyOf(place))?.seek(offset),
    commit(place, offset) {
      if (share.readers.has(keyOf(place))) {
        commits.set(keyOf(place), { name: deps.nameOf(place.topic), partition: place.partition, offset });
      }
      return Promise.resolve();
    },
    async stop() {
      clearInterval(flushing);
      stopping.abort();
      await share.stop();
      await flush();
      session?.end(new Error('stopped'));
      await done;
      await share.settled();
    },
  };
}

/** Opens sessions, one after the other, with growing waits between those that end soon. */
async function supervise(
  open: () => Session,
  share: Share,
  { say }: Pick<KafkaConsumerDeps, 'say'>,
  signal: AbortSignal,
): Promise<void> {
  for (let failures = 0; !signal.aborted; failures += 1) {
    const startedAt = Date.now();
    const session = open();
    const why = await session.ended;
    share.revokeAll();
    await session.close();
    if (signal.aborted) return;
    if (Date.now() - startedAt > WELL_MS) failures = 0;
    const wait = Math.min(BACKOFF_MS.most, BACKOFF_MS.first * 2 ** failures) * (0.75 + Math.random() / 2);
    say('warn', { error: why.message, wait_ms: Math.round(wait) }, 'the consumer ended; it is started anew');
    await sleep(wait, undefined, { signal }).catch(() => undefined);
  }
}
