import { parentPort, workerData } from 'node:worker_threads';
import { adapterFor } from '../sources/registry.ts';
import type { FromThread, ThreadData, ToThread } from './thread-messages.ts';
import { createTransformer } from './transform.ts';

// The thread in which batches are transformed, so that the main thread stays free (performance.md A2). It holds no
// connection to the store: what it must know of earlier events it asks for.

/** The store could not be asked; the batch is as good as before. */
class Unanswered extends Error {}

const port = parentPort;
if (!port) throw new Error('this file is run as a thread');
const data = workerData as ThreadData;
type Answer = Extract<ToThread, { kind: 'found' | 'tellings' | 'recalled' }>;
interface Question {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

const questions = new Map<number, Question>();
let lastQuestion = 0;
const say = (message: FromThread): void => port.postMessage(message);

const transformer = createTransformer({
  context: { ...data.context, adapterFor },
  saltKey: data.saltKey,
  async ask(ids) {
    const answer = await ask((question) => ({ kind: 'ask', question, ids }));
    return answer.kind === 'found' ? answer.events : [];
  },
  async askTellings(about) {
    const answer = await ask((question) => ({ kind: 'ask_tellings', question, about }));
    return answer.kind === 'tellings' ? answer.tellings : [];
  },
  async recall(refs) {
    const answer = await ask((question) => ({ kind: 'recall', question, refs }));
    // A value comes as plain bytes: a Buffer does not keep its kind on the way between threads.
    return answer.kind === 'recalled'
      ? answer.records.map((record) => ({ ...record, value: asBuffer(record.value) }))
      : [];
  },
});

function ask(words: (question: number) => FromThread): Promise<Answer> {
  lastQuestion += 1;
  const question = lastQuestion;
  return new Promise((resolve, reject) => {
    questions.set(question, { resolve, reject });
    say(words(question));
  });
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

async function transform(message: Extract<ToThread, { kind: 'transform' }>): Promise<void> {
  try {
    say({ kind: 'done', id: message.job.id, result: await transformer.transform(message.job, message.block) });
  } catch (error) {
    const passing = error instanceof Unanswered || (error instanceof Error && 'syscall' in error);
    say({
      kind: 'failed',
      id: message.job.id,
      message: error instanceof Error ? error.message : String(error),
      passing,
    });
  }
}

port.on('message', (message: ToThread) => {
  if (message.kind === 'transform') void transform(message);
  else if (message.kind === 'release') transformer.release(message.id);
  else if (message.kind === 'known') transformer.addKnown(Buffer.from(message.ids));
  else {
    const question = questions.get(message.question);
    questions.delete(message.question);
    if (message.kind === 'unanswered') question?.reject(new Unanswered('the store did not answer'));
    else question?.resolve(message);
  }
});
say({ kind: 'ready' });
