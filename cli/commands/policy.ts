import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { formatOption } from '../command.ts';
import type { Command } from '../command.ts';
import { loadSecrets } from '../../ingest/intake/secrets.ts';
import { checkPolicy } from '../../model/policy-check.ts';
import type { PolicyCheck, PolicyFault } from '../../model/policy-check.ts';
import { policyContentSha256, policySha256 } from '../../model/policy-hash.ts';
import { Problem } from '../../model/problem.ts';

export const policyCommand: Command = {
  name: 'policy',
  summary: 'check a policy file: line, fault and remedy',
  help: `
Usage: custody policy check [FILE] [options]

Looks through a policy file (default: the one of --config, else ./custody.yaml): its syntax, its fields, and what contradicts
itself. Each fault stands with its line and with what to do about it. Where custody.secrets.yaml lies beside it, the names of
secrets are compared too; values are never shown. Without a fault it prints the hashes under which the policy is recorded:
register the second one, of the content, in \`policy_versions\` (T-26, T-40).

  custody policy check
  custody policy check new-custody.yaml --format json

Exit codes here: 0 no fault, 1 warnings only, 2 errors: Custody would refuse the file.`,
  options: {},
  describe: {},
  async run(args, context) {
    const [verb, file, ...more] = args.positionals;
    if (verb !== 'check' || more.length > 0)
      throw new Problem('usage', 'policy knows one verb: custody policy check [FILE]. See: custody policy --help');
    const format = formatOption(args, ['text', 'json']);
    const path = file === undefined ? context.settings.configFile : resolve(file);
    if (path === undefined)
      throw new Problem('usage', 'there is no ./custody.yaml here; name a policy file: custody policy check FILE');
    const check = checkPolicy(readText(path), secretNames(path));
    await context.out(format === 'json' ? `${JSON.stringify(jsonOf(path, check))}\n` : textOf(path, check));
    if (check.faults.some(({ severity }) => severity === 'error')) return 2;
    return check.faults.length > 0 ? 1 : 0;
  },
};

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new Problem('configuration', `the policy file ${path} cannot be read: ${(error as Error).message}`, {}, error);
  }
} // prettier-ignore

function secretNames(path: string): ReadonlySet<string> | undefined {
  const secrets = join(dirname(path), 'custody.secrets.yaml');
  return existsSync(secrets) ? new Set(loadSecrets(secrets).names) : undefined;
}

function jsonOf(file: string, { faults, policy }: PolicyCheck): object {
  const hashes = policy && { sha256: policySha256(policy), content_sha256: policyContentSha256(policy) };
  return { file, valid: !faults.some(({ severity }) => severity === 'error'), faults, ...hashes };
}

function textOf(file: string, { faults, policy }: PolicyCheck): string {
  const lines = faults.map((fault) => lineOf(file, fault));
  const count = (severity: PolicyFault['severity']): number => faults.filter((fault) => fault.severity === severity).length;
  const summary = faults.length === 0 ? `${file}: no faults` : `${file}: ${count('error')} errors, ${count('warning')} warnings`;
  const hashes = policy === undefined ? [] : [`  policy   SHA-256 ${policySha256(policy)}`, `  content  SHA-256 ${policyContentSha256(policy)}`];
  return `${[...lines, summary, ...hashes].join('\n')}\n`;
} // prettier-ignore

function lineOf(file: string, { severity, line, path, message, remedy }: PolicyFault): string {
  return `${file}${line === undefined ? '' : `:${line}`}: ${severity}: ${path}: ${message}\n    ${remedy}`;
}
