/**
 * What the test server does to statements, in place of or beside answering them:
 * - `refuse`: an error of the engine with this code, nothing done;
 * - `status`: a page of some proxy with this status, nothing done;
 * - `drop_before`: the connection goes before anything was done;
 * - `drop_after`: the statement is done, then the connection goes without an answer;
 * - `half`: the statement is done and half of the answer sent;
 * - `late_error`: half of the answer with status 200, then the error of the engine behind it, as a server that streams sends it;
 * - `slow`: the answer comes `ms` later, the statement is done at once;
 * - `hang`: the statement is done only after `ms`, or when it is released, and goes on although the sender has gone away;
 *   KILL QUERY ends it;
 * - `transit`: the statement reaches the engine only after `ms`, and no list of statements knows it until then.
 */
export type FaultKind =
  | 'refuse'
  | 'status'
  | 'drop_before'
  | 'drop_after'
  | 'half'
  | 'late_error'
  | 'slow'
  | 'hang'
  | 'transit';

export interface ServerFault {
  readonly kind: FaultKind;
  /** A regular expression over the statement. */
  readonly match: string;
  /** How many statements meet it. */
  readonly times: number;
  /** Milliseconds, for those that wait. */
  readonly ms?: number;
  /** The code of the engine or the status. */
  readonly code?: number;
}

/** The faults that are set, each used up by the statements that it meets. */
export function createFaultList(): {
  set(faults: readonly ServerFault[]): void;
  take(sql: string): ServerFault | undefined;
} {
  let faults: { fault: ServerFault; left: number }[] = [];
  return {
    set: (next) => void (faults = next.map((fault) => ({ fault, left: fault.times }))),
    take(sql) {
      const found = faults.find(({ fault, left }) => left > 0 && new RegExp(fault.match, 's').test(sql));
      if (!found) return undefined;
      found.left -= 1;
      return found.fault;
    },
  };
}

/** From the test to the server, and back. */
export type ToServer =
  | { readonly kind: 'faults'; readonly faults: readonly ServerFault[] }
  | { readonly kind: 'statements' }
  | { readonly kind: 'release' }
  | { readonly kind: 'stop' };
export type FromServer =
  | { readonly kind: 'ready'; readonly port: number }
  | { readonly kind: 'done' }
  | { readonly kind: 'statements'; readonly statements: readonly SeenStatement[] };

/** A statement as it came in. `written` counts rows that it wrote. */
export interface SeenStatement {
  readonly sql: string;
  readonly queryId: string;
  readonly user: string;
  readonly settings: Readonly<Record<string, string>>;
  readonly bodyBytes: number;
  readonly bodyEncoding: string;
  readonly multipart: boolean;
  fault?: FaultKind;
  ended?: 'ok' | 'error' | 'killed';
}
