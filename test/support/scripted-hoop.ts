import { unruly } from './scripted-apis.ts';
import { json } from './scripted-server.ts';
import type { ScriptedAnswer, ScriptedRequest } from './scripted-server.ts';

/** hoop behind a scripted server: rows that are overwritten in place, and every version that there ever was. */
export interface ScriptedHoop {
  readonly sessions: Map<string, Record<string, unknown>>;
  readonly reviews: Map<string, Record<string, unknown>>;
  readonly audit: Record<string, unknown>[];
  readonly script: (request: ScriptedRequest) => ScriptedAnswer;
}

const id = (kind: string, number: number): string => `${kind}-4000-8000-${String(number).padStart(12, '0')}`;

export function hoopSession(
  number: number,
  ms: number,
  more: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  return {
    id: id('5e551011', number),
    user: 'rita@acme.example',
    user_id: '00u8rita',
    user_name: 'Rita',
    type: 'database',
    connection: 'pg-payments',
    review: null,
    verb: 'exec',
    status: 'done',
    exit_code: 0,
    start_date: new Date(ms).toISOString(),
    end_date: new Date(ms + 1_000).toISOString(),
    identity_type: 'user',
    ...more,
  };
}

export function hoopReview(number: number, ms: number, status: string, group: object | null): Record<string, unknown> {
  return {
    id: id('4e71e411', number),
    session: id('5e551011', number),
    type: 'onetime',
    status,
    revoke_at: null,
    created_at: new Date(ms).toISOString(),
    review_groups_data: [{ id: id('96009011', number), group: 'dba', status: 'PENDING', reviewed_by: null, review_date: null, forced_review: false, ...group }], // prettier-ignore
    min_approvals: 1,
  };
}

export function hoopAudit(number: number, ms: number): Record<string, unknown> {
  return {
    id: id('a0d17011', number),
    actor_subject: '00u8admin',
    actor_email: 'admin@acme.example',
    created_at: new Date(ms).toISOString(),
    resource_type: 'connections',
    action: 'create',
    http_method: 'POST',
    http_status: 201,
    http_path: '/api/connections',
    client_ip: '192.0.2.1',
    outcome: true,
    error_message: '',
  };
}

/**
 * Lists as the real gateway pages them (sources.md 1.12.1): offsets beyond 10,000 are refused, reviews come whole. With
 * `random` the rows of a page come in any order, some of them twice.
 */
export function hoopApi(random?: () => number): ScriptedHoop {
  const pageOf = (rows: readonly unknown[]): readonly unknown[] => (random ? unruly(rows, random) : rows);
  const sessions = new Map<string, Record<string, unknown>>();
  const reviews = new Map<string, Record<string, unknown>>();
  const audit: Record<string, unknown>[] = [];
  // Their times are of one form, so the order of the text is the order of time.
  const newestFirst = (rows: Iterable<Record<string, unknown>>, name: string): Record<string, unknown>[] =>
    [...rows].sort((a, b) => (String(b[name]) < String(a[name]) ? -1 : 1));
  return {
    sessions,
    reviews,
    audit,
    script({ url, headers }) {
      if (headers['api-key'] !== 'hoop-api-key-00000001') return { status: 401, body: '{}' };
      const number = (name: string): number => Number(url.searchParams.get(name));
      if (url.pathname === '/api/sessions') {
        if (number('offset') > 10_000 || number('limit') > 100) return { status: 422, body: '{}' };
        const [from = 0, to = 0] = ['start_date', 'end_date'].map((name) =>
          Date.parse(url.searchParams.get(name) ?? ''),
        );
        const rows = newestFirst(sessions.values(), 'start_date').filter((row) => {
          const start = Date.parse(String(row['start_date']));
          return start >= from && start <= to;
        });
        return json({
          data: pageOf(rows.slice(number('offset'), number('offset') + number('limit'))),
          total: rows.length,
        });
      }
      if (url.pathname.startsWith('/api/sessions/')) {
        const row = sessions.get(decodeURIComponent(url.pathname.slice('/api/sessions/'.length)));
        return row ? json(row) : { status: 404, body: '{}' };
      }
      if (url.pathname === '/api/reviews') return json(pageOf(newestFirst(reviews.values(), 'created_at')));
      if (url.pathname !== '/api/audit/logs') return { status: 404, body: '{}' };
      const size = number('page_size');
      const rows = newestFirst(audit, 'created_at');
      return json({
        pages: Math.ceil(rows.length / size),
        data: pageOf(rows.slice((number('page') - 1) * size, number('page') * size)),
      });
    },
  };
}
