import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { formatOption } from '../command.ts';
import type { Command } from '../command.ts';
import { countOf } from '../progress.ts';
import type { Policy } from '../../model/policy.ts';
import type { PolicyCheck, PolicyFault } from '../../model/policy-check.ts';
import { Problem } from '../../model/problem.ts';

export const policyCommand: Command = {
  name: 'policy',
  help: `
Usage: custody policy check [FILE] [options]

Looks through a policy file (default: the one of --config, else ./custody.yaml): its syntax, its fields, and what contradicts
itself. Each fault stands with its line and with what to do about it. Where custody.secrets.yaml lies beside it, the names of
secrets are compared too; values are never shown. Without a fault it prints the hashes under which the policy is recorded:
register the second one, of the content, in \`policy_versions\` (T-26, T-40).

  custody policy check
  custody policy check new-custody.yaml --format json

Exit codes here: 0 no fault, 1 warnings only, 2 errors: Custody would refuse the file.`,
  common: ['config', 'format'],
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
    const { checkPolicy } = await import('../../model/policy-check.ts');
    const check = checkPolicy(readText(path), await secretNames(path));
    const hashes = check.policy && (await hashesOf(check.policy));
    await context.out(
      format === 'json' ? `${JSON.stringify(jsonOf(path, check, hashes))}\n` : textOf(path, check, hashes),
    );
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

async function secretNames(path: string): Promise<ReadonlySet<string> | undefined> {
  const secrets = join(dirname(path), 'custody.secrets.yaml');
  if (!existsSync(secrets)) return undefined;
  const { loadSecrets } = await import('../../ingest/intake/secrets.ts');
  return new Set(loadSecrets(secrets).names);
}

interface Hashes {
  readonly sha256: string;
  readonly content_sha256: string;
}

async function hashesOf(policy: Policy): Promise<Hashes> {
  const { policyContentSha256, policySha256 } = await import('../../model/policy-hash.ts');
  return { sha256: policySha256(policy), content_sha256: policyContentSha256(policy) };
}

function jsonOf(file: string, { faults }: PolicyCheck, hashes: Hashes | undefined): object {
  return { file, valid: !faults.some(({ severity }) => severity === 'error'), faults, ...hashes };
}

function textOf(file: string, { faults }: PolicyCheck, hashes: Hashes | undefined): string {
  const lines = faults.map((fault) => lineOf(file, fault));
  const count = (severity: PolicyFault['severity']): number => faults.filter((fault) => fault.severity === severity).length;
  const summary = faults.length === 0 ? `${file}: no faults` : `${file}: ${countOf(count('error'), 'error')}, ${countOf(count('warning'), 'warning')}`;
  const told = hashes === undefined ? [] : [`  policy   SHA-256 ${hashes.sha256}`, `  content  SHA-256 ${hashes.content_sha256}`];
  return `${[...lines, summary, ...told].join('\n')}\n`;
} // prettier-ignore

function lineOf(file: string, { severity, line, path, message, remedy }: PolicyFault): string {
  return `${file}${line === undefined ? '' : `:${line}`}: ${severity}: ${path}: ${message}\n    ${remedy}`;
}
