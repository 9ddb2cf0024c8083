import { Problem } from '../model/problem.ts';
import { signCheckpoint } from './checkpoint-signer.ts';
import type { SignerDeps } from './checkpoint-signer.ts';

export interface SigningLoopOptions extends SignerDeps {
  /** How often a checkpoint is signed where something has changed, milliseconds; 2,000 when left out. */
  readonly signMs?: number | undefined;
  /** Whether nothing can be there to sign, so that the store need not be asked; asked each time. Never, if left out. */
  readonly isQuiet?: ((hasSigned: boolean) => boolean) | undefined;
  /** Told of a failure when it is another than the one before; it is tried again. */
  readonly onFault: (problem: Problem) => void;
  /** Told after each round what kept it from signing, if anything did. */
  readonly onRound?: ((fault: Problem | undefined) => void) | undefined;
}

/** How the signing fares. */
export interface SigningState {
  /** Size of the log of checkpoints that was signed last. */
  readonly size: number;
  /** Seconds since the signer last found everything signed, or made it so. */
  readonly waitingSeconds: number;
}

/** The hand that signs: one checkpoint after another. */
export interface SigningLoop {
  /** Signs what the store holds by now, once what is under way has ended. Rejects with what keeps it from that. */
  sign(): Promise<void>;
  state(): SigningState;
  /** Signs once more and ends; does not reject. */
  stop(): Promise<void>;
}

const SIGN_MS = 2_000;

/** Signs again and again, until it is stopped. A round that takes long is waited for: rounds do not pile up. */
export function startSigning(options: SigningLoopOptions): SigningLoop {
  const { onFault, onRound = () => undefined, isQuiet = () => false } = options;
  let tail: Promise<void> = Promise.resolve();
  let underWay = 0;
  let fault: Problem | undefined;
  let hasSigned = true;
  let lastDoneMs = performance.now();

  function sign(): Promise<void> {
    underWay += 1;
    const work = tail
      .then(() => signCheckpoint(options))
      .then((something) => {
        hasSigned = something;
        fault = undefined;
        lastDoneMs = performance.now();
        onRound(undefined);
      });
    tail = work
      .catch((error: unknown) => {
        const before = fault;
        fault =
          error instanceof Problem ? error : new Problem('internal', 'A checkpoint could not be signed.', {}, error);
        if (fault.message !== before?.message) onFault(fault);
        onRound(fault);
      })
      .finally(() => (underWay -= 1));
    return work;
  }

  const timer = setInterval(() => {
    if (underWay === 0 && !isQuiet(hasSigned)) void sign().catch(() => undefined);
  }, options.signMs ?? SIGN_MS);
  timer.unref();
  return {
    sign,
    state: () => ({ size: options.state.read().size, waitingSeconds: (performance.now() - lastDoneMs) / 1_000 }),
    async stop() {
      clearInterval(timer);
      await sign().catch(() => undefined);
    },
  };
}
