import type { Telling, TellingsQuestion } from '../../store/find-tellings.ts';
import type { KnownEvent, RecalledRecord } from '../../store/stored-records.ts';
import type { DeriveContext } from './derive.ts';
import type { TransformJob, TransformResult } from './transform.ts';

/** What the thread is started with. The policy is a plain value, so it can be given to a thread. */
export interface ThreadData {
  readonly context: Omit<DeriveContext, 'adapterFor'>;
  readonly saltKey: Uint8Array;
}

export type ToThread =
  | { readonly kind: 'transform'; readonly job: TransformJob; readonly block?: ArrayBuffer }
  | { readonly kind: 'release'; readonly id: number }
  | { readonly kind: 'known'; readonly ids: ArrayBuffer }
  | { readonly kind: 'found'; readonly question: number; readonly events: readonly KnownEvent[] }
  | { readonly kind: 'tellings'; readonly question: number; readonly tellings: readonly Telling[] }
  | { readonly kind: 'recalled'; readonly question: number; readonly records: readonly RecalledRecord[] }
  | { readonly kind: 'unanswered'; readonly question: number };

export type FromThread =
  | { readonly kind: 'ready' }
  | { readonly kind: 'done'; readonly id: number; readonly result: TransformResult }
  /** `passing`: the machine, not the batch, was at fault (no space, no handles), so it may be tried again. */
  | { readonly kind: 'failed'; readonly id: number; readonly message: string; readonly passing: boolean }
  | { readonly kind: 'ask'; readonly question: number; readonly ids: readonly string[] }
  | { readonly kind: 'ask_tellings'; readonly question: number; readonly about: TellingsQuestion }
  | { readonly kind: 'recall'; readonly question: number; readonly refs: readonly bigint[] };
