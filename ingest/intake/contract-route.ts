import type { FastifyPluginAsync } from 'fastify';
import { Problem } from '../../model/problem.ts';
import { contractDocuments } from '../issuer-kit/contract-documents.ts';

/**
 * `GET /v1/issuer-contract`: the names of the documents of the contract with issuers, `/{name}` each of them. Open like
 * the description of the API: who is to keep a contract must be able to read it.
 */
export function contractRoute(): FastifyPluginAsync {
  const documents = new Map(Object.entries(contractDocuments()));
  return async (app) => {
    app.get('/v1/issuer-contract', () => ({
      documents: [...documents.keys()].map((name) => `/v1/issuer-contract/${name}`),
    }));
    app.get<{ Params: { name: string } }>('/v1/issuer-contract/:name', (request) => {
      const found = documents.get(request.params.name);
      if (!found)
        throw new Problem('not_found', `There is no such document. There are ${[...documents.keys()].join(', ')}.`);
      return found;
    });
    return Promise.resolve();
  };
}
