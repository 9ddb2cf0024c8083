import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SignJWT, exportJWK, generateKeyPair } from 'jose';
import type { OidcSettings } from '../../server/authorize.ts';

/** A token issuer on this machine whose access tokens a server under test verifies as it would any other's. */
export interface OidcCallers {
  readonly oidc: OidcSettings;
  /** The Authorization header of a caller with these roles. */
  bearer(subject: string, ...roles: readonly string[]): Promise<string>;
  close(): Promise<void>;
}

export async function startOidcCallers(issuer = 'https://idp.example'): Promise<OidcCallers> {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
  const keys = { keys: [{ ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256', use: 'sig' }] };
  const server = createServer((_request, response) => void response.end(JSON.stringify(keys)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    oidc: { issuer, audience: 'custody', jwksUrl: `http://127.0.0.1:${port}/keys`, roleClaim: 'roles' },
    async bearer(subject, ...roles) {
      const token = await new SignJWT({ roles })
        .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
        .setIssuer(issuer)
        .setAudience('custody')
        .setSubject(subject)
        .setIssuedAt()
        .setExpirationTime('10m')
        .sign(privateKey);
      return `Bearer ${token}`;
    },
    close: () => new Promise((resolve) => void server.close(() => resolve())),
  };
}
