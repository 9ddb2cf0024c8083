import { openIssuer } from '../../ingest/issuer-kit/issuer.ts';

// An issuer in a process of its own, to be killed: emits events without end or up to a number, and says each id on
// stdout once it is acknowledged, because only those may be counted on afterwards.
const [url = '', folder = '', token = '', source = '', asked = '0'] = process.argv.slice(2);
const most = asked === '0' ? Number.POSITIVE_INFINITY : Number(asked);
const issuer = await openIssuer({
  url,
  token,
  source,
  spoolFolder: folder,
  maxBatchEvents: 20,
  backoffMs: [20, 200],
  onNotice: () => undefined,
});
const party = { kind: 'human', iss: 'https://idp.acme.example', sub: '00u1' } as const;
for (let nth = 0; nth < most; nth += 1) {
  const { id, sequence } = await issuer.emit({
    type: 'requested',
    data: { request_id: `req-${process.pid}-${nth}`, requester: party },
  });
  process.stdout.write(`${sequence} ${id}\n`);
}
await issuer.flush(60_000);
await issuer.close();
