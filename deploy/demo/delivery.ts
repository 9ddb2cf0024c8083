/** A captured delivery, one line of deliveries.ndjson (design.md 8). */
export interface Delivery {
  readonly delivery_id: string;
  readonly received_at: string;
  readonly source: string;
  readonly transport: string;
  readonly method: 'POST' | 'PULL';
  readonly path_hint: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The senders' secrets: sample values, good for nothing but the demo. */
export interface DemoSecrets {
  readonly gitlab_stream: string;
  readonly gitlab_hook: string;
  readonly okta_hook: string;
  readonly issuer: string;
  readonly eventbridge: string;
  readonly kubernetes: string;
  readonly vault: string;
  readonly hoop: string;
}

/** A delivery before it is numbered; `at` is its arrival in milliseconds UTC. */
export type Unnumbered = Omit<Delivery, 'delivery_id' | 'received_at'> & { readonly at: number };
