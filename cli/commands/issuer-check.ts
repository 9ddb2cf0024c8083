import type { Checked } from '../../ingest/issuer-check/check-issuer.ts';
import type { Finding } from '../../ingest/issuer-check/finding.ts';
import { Problem } from '../../model/problem.ts';
import { formatOption } from '../command.ts';
import { countOf } from '../progress.ts';
import type { Command } from '../command.ts';

const SHOWN = 50;

export const issuerCheckCommand: Command = {
  name: 'issuer-check',
  help: `
Usage: custody issuer-check FILE|URL [options]

Judges a token issuer against the contract, offline and without sending anything to Custody.

  custody issuer-check events.ndjson          a file of its events: NDJSON, a JSON array, or one event
  custody issuer-check https://broker.example/.well-known/openid-configuration
                                              its metadata, and the keys that it leads to
  custody issuer-check https://broker.example/jwks.json
  custody issuer-check https://broker.example/sample-events.json

An error is what Custody refuses, or keys that cannot be trusted; a warning is taken, and the evidence is weaker for it:
no expiry, no jti, a hole in the sequence, a use after the end. Each says where and what to do. Values are never shown.
The exit code is 1 where there is an error, and with --strict also where there is a warning.

Redirects are not followed, and addresses within your own network not reached, unless --allow-private says so.`,
  common: ['format'],
  options: { strict: { type: 'boolean' }, 'allow-private': { type: 'boolean' } },
  describe: { strict: 'warnings count as well', 'allow-private': 'addresses of an inner network may be fetched' },
  async run(args, context) {
    const [what, ...more] = args.positionals;
    if (what === undefined || more.length > 0)
      throw new Problem('usage', 'issuer-check takes one file or address. See: custody issuer-check --help');
    const format = formatOption(args, ['text', 'json']);
    const isUrl = /^[a-z][a-z0-9+.-]*:\/\//i.test(what);
    if (isUrl && !URL.canParse(what)) throw new Problem('usage', `"${what}" is no address`);
    const { checkFile, checkUrl } = await import('../../ingest/issuer-check/check-issuer.ts');
    const checked = isUrl ? await checkUrl(new URL(what), args.values['allow-private'] === true) : checkFile(what);
    const findings = checked.flatMap((part) => part.findings);
    const errors = findings.filter(({ severity }) => severity === 'error').length;
    const warnings = findings.length - errors;
    const failed = errors > 0 || (args.values['strict'] === true && warnings > 0);
    const document = { ok: !failed, errors, warnings, checked };
    await context.out(format === 'json' ? `${JSON.stringify(document, null, 2)}\n` : textOf(checked, errors, warnings));
    return failed ? 1 : 0;
  },
};

function textOf(checked: readonly Checked[], errors: number, warnings: number): string {
  const parts = checked.map(({ where, kind, judged, findings }) => {
    const head = `${printable(where)}: ${judged} ${kind === 'metadata' ? 'metadata document' : kind}`;
    const lines = group(findings).slice(0, SHOWN).map(lineOf); // prettier-ignore
    const rest = group(findings).length - lines.length;
    return [head, ...lines, ...(rest > 0 ? [`  ... and ${rest} more; --format json lists all`] : [])].join('\n');
  });
  const verdict = errors === 0 ? (warnings === 0 ? 'Keeps the contract.' : 'Keeps the contract, and could say more.') : 'Breaks the contract.'; // prettier-ignore
  return `${parts.join('\n\n')}\n\n${verdict} ${countOf(errors, 'error')}, ${countOf(warnings, 'warning')}.\n`;
}

interface Group {
  readonly finding: Finding;
  readonly lines: readonly number[];
}

/** Findings that say the same of different lines are one, with the lines. */
function group(findings: readonly Finding[]): readonly Group[] {
  const groups = new Map<string, { finding: Finding; lines: number[] }>();
  for (const finding of findings) {
    const name = `${finding.rule} ${finding.path ?? ''} ${finding.message}`;
    const held = groups.get(name) ?? { finding, lines: [] };
    groups.set(name, held);
    if (finding.line !== undefined) held.lines.push(finding.line);
  }
  return [...groups.values()];
}

function lineOf({ finding, lines }: Group): string {
  const { severity, message, remedy, rule } = finding;
  const few = lines.slice(0, 5).join(', ');
  const where = lines.length === 0 ? '' : ` (line ${few}${lines.length > 5 ? ` and ${lines.length - 5} more` : ''})`;
  return `  ${severity.padEnd(7)} ${printable(message)}${where} [${rule}]\n          ${printable(remedy)}`;
}

// Names of fields and addresses are the issuer's: no control or direction character of theirs reaches the terminal.
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?').slice(0, 400);
}
