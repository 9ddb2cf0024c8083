/** What the made-up systems emit before it is packed into deliveries: one native event and the moment it happened. */
export type NativeSource =
  | 'okta'
  | 'gitlab-webhook'
  | 'gitlab-audit'
  | 'issuer'
  | 'cloudtrail'
  | 'kubernetes'
  | 'vault'
  | 'hoop';

export interface NativeEvent {
  /** Milliseconds UTC. */
  readonly at: number;
  readonly source: NativeSource;
  /** Cluster, account or host, where the delivery needs it. */
  readonly instance: string;
  readonly body: Readonly<Record<string, unknown>>;
}

export type Emit = (event: NativeEvent) => void;

/** RFC 3339 with milliseconds. */
export function iso(at: number): string {
  return new Date(at).toISOString();
}

/** RFC 3339 with whole seconds, as CloudTrail writes it. */
export function isoSeconds(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19)}Z`;
}

/** RFC 3339 with microseconds, as Kubernetes writes it. */
export function isoMicros(at: number): string {
  return new Date(at).toISOString().replace('Z', '417Z');
}

/** "2026-08-20 09:11:40 UTC", as GitLab's hooks write it. */
export function gitlabUtc(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** "2026-08-20 09:15:32 +0000", as GitLab's deployment hook writes it. */
export function gitlabOffset(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19).replace('T', ' ')} +0000`;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** "Aug 20, 2026, 10:15:41 AM", as STS writes the expiration into CloudTrail. */
export function awsLocale(at: number): string {
  const time = new Date(at);
  const hour = time.getUTCHours();
  const clock = [
    hour % 12 === 0 ? 12 : hour % 12,
    String(time.getUTCMinutes()).padStart(2, '0'),
    String(time.getUTCSeconds()).padStart(2, '0'),
  ].join(':');
  return `${MONTHS[time.getUTCMonth()] ?? ''} ${time.getUTCDate()}, ${time.getUTCFullYear()}, ${clock} ${hour < 12 ? 'AM' : 'PM'}`;
}
