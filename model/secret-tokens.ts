import { compileAnchors } from './secret-anchors.ts';
import { isMixed, looksMade, shannonEntropy } from './secret-strength.ts';

type Report = (start: number, end: number, rule: string) => void;

interface TokenRule {
  readonly rule: string;
  /** Words of which one must be in the text; without any, the rule is tried on every long enough mixed text. */
  readonly needs?: readonly string[];
  readonly pattern: RegExp;
  /** What the secret, which is the group of the match if it has one, must also be. */
  readonly accept?: (secret: string, text: string) => boolean;
}

// Formats that name themselves (sources.md 3.6, and prefixes that their makers publish). See secret-text.ts on time.
const RULES: readonly TokenRule[] = [
  {
    rule: 'jwt',
    needs: ['eyJ', 'eyAi', 'ewog', 'ewoJ'],
    pattern: /(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{11,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){0,3}/g,
    accept: (secret) => /eyJ|eyAi|ewo[gJ]/.test(secret.slice(0, secret.indexOf('.') - 7)),
  },
  {
    rule: 'gitlab_token',
    needs: [
      'glpat-',
      'gloas-',
      'gldt-',
      'glrt-',
      'glrtr-',
      'glcbt-',
      'glptt-',
      'glft-',
      'glimt-',
      'glagent-',
      'glsoat-',
      'glffct-',
      'glwt-',
      'GR1348941',
    ],
    pattern: /(?:gl(?:pat|oas|dt|rtr?|cbt|ptt|ft|imt|agent|soat|ffct|wt)-|GR1348941)[A-Za-z0-9_=.-]{8,}/g,
  },
  {
    rule: 'github_token',
    needs: ['ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_', 'github_pat_'],
    pattern: /(?:gh[pousr]_|github_pat_)[A-Za-z0-9_]{16,}/g,
  },
  {
    rule: 'vault_token',
    needs: ['hvs.', 'hvb.', 'hvr.'],
    pattern: /hv[sbr]\.[A-Za-z0-9_-]{20,}/g,
  },
  // The form before Vault 1.10, and OpenBao's.
  { rule: 'vault_token', pattern: /(?<![A-Za-z0-9_.-])[sbr]\.[A-Za-z0-9]{24,}(?![A-Za-z0-9.])/g, accept: isMixed },
  { rule: 'slack_token', needs: ['xox', 'xapp-'], pattern: /(?:xox[a-z]-|xapp-\d-)[A-Za-z0-9-]{10,}/g },
  {
    rule: 'webhook_url',
    needs: ['hooks.slack.com/', 'webhook.office.com/', '/api/webhooks/'],
    pattern:
      /(?<=hooks\.slack\.com\/(?:services|workflows)\/|webhook\.office\.com\/webhookb2\/|\/api\/webhooks\/)[A-Za-z0-9@/_-]{16,}/g,
  },
  {
    rule: 'private_key',
    needs: ['PRIVATE KEY'],
    pattern:
      /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----[^]*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|$)/g,
  },
  {
    rule: 'bearer',
    needs: ['earer ', 'EARER ', 'earer\t'],
    pattern: /\bbearer\s{1,8}([A-Za-z0-9._~+/=-]{16,})/gi,
    accept: (secret) => looksMade(secret) || secret.length >= 32,
  },
  { rule: 'okta_token', needs: ['SSWS', 'ssws'], pattern: /\bssws\s{1,8}([^\s"'\\,;[]{4,})/gi },
  {
    rule: 'okta_token',
    pattern: /(?<![A-Za-z0-9_-])00[A-Za-z0-9_-]{40}(?![A-Za-z0-9_-])/g,
    accept: isMixed,
  },
  {
    rule: 'basic_auth',
    needs: ['asic ', 'ASIC '],
    pattern: /\bbasic\s{1,8}([A-Za-z0-9+/_-]{6,}={0,2})/gi,
    accept: isUserAndPassword,
  },
  {
    rule: 'aws_session_token',
    needs: ['IQoJ', 'FwoG', 'FQoG'],
    pattern: /(?:IQoJ|FwoG|FQoG)[A-Za-z0-9+/_%-]{60,}={0,2}/g,
  },
  {
    rule: 'aws_secret_key',
    pattern: /(?<![A-Za-z0-9/+])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])/g,
    accept: (secret, text) => /A[KS]IA[A-Z0-9]{16}/.test(text) && isAwsSecret(secret),
  },
  {
    rule: 'vendor_token',
    needs: [
      'sk-',
      'npm_',
      'AIza',
      'ya29.',
      '_live_',
      '_test_',
      'dop_v1_',
      'pypi-',
      'dckr_pat_',
      'SG.',
      'ATATT3',
      '.atlasv1.',
      'AGE-SECRET-KEY-1',
      'shpat_',
      'dapi',
      'xkeysib-',
      'nvapi-',
      'lin_api_',
      'hf_',
      'EAAC',
    ],
    pattern:
      /(?<![A-Za-z0-9])(?:sk-(?:ant-|proj-)?[A-Za-z0-9_-]{20,}|npm_[A-Za-z0-9]{36}|AIza[A-Za-z0-9_-]{35}|ya29\.[A-Za-z0-9_-]{20,}|[sr]k_(?:live|test)_[A-Za-z0-9]{16,}|dop_v1_[a-f0-9]{32,}|pypi-[A-Za-z0-9_-]{32,}|dckr_pat_[A-Za-z0-9_-]{20,}|SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}|ATATT3[A-Za-z0-9_=-]{20,}|AGE-SECRET-KEY-1[A-Z0-9]{40,}|shpat_[a-f0-9]{32}|xkeysib-[a-f0-9]{32,}|nvapi-[A-Za-z0-9_-]{20,}|lin_api_[A-Za-z0-9]{32,}|hf_[A-Za-z0-9]{30,})|(?<![A-Za-z0-9])[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9]{32,}/g,
    accept: looksMade,
  },
];

const NAMED = RULES.filter((rule) => rule.needs !== undefined);
const UNNAMED = RULES.filter((rule) => rule.needs === undefined);

/** Whether a part of a text holds a word by which some token names itself. */
export const hasAnchor = compileAnchors(NAMED.flatMap((rule) => rule.needs ?? []));

/** Tokens that name themselves by a prefix, wherever they stand in the text. */
export function findNamedTokens(text: string, report: Report): void {
  if (!hasAnchor(text, 0, text.length)) return;
  for (const rule of NAMED)
    if (rule.needs?.some((word) => text.includes(word)) === true) findByRule(rule, text, report);
}

/** Tokens that only their length and alphabet tell: for texts of 26 characters or more with both cases and digits. */
export function findUnnamedTokens(text: string, report: Report): void {
  for (const rule of UNNAMED) findByRule(rule, text, report);
}

function findByRule({ rule, pattern, accept }: TokenRule, text: string, report: Report): void {
  for (const match of text.matchAll(pattern)) {
    const secret = match[1] ?? match[0];
    const end = match.index + match[0].length;
    if (accept === undefined || accept(secret, text)) report(end - secret.length, end, rule);
  }
}

/** Whether a word of 40 characters can be the secret of an AWS key: mixed and random, so no git commit and no path. */
export function isAwsSecret(word: string): boolean {
  return /^[A-Za-z0-9/+]{40}$/.test(word) && isMixed(word) && shannonEntropy(word) >= 4.2;
}

function isUserAndPassword(secret: string): boolean {
  const text = Buffer.from(secret, 'base64').toString('latin1');
  return /^[\x20-\x7e\xa0-\xff]*:[\x20-\x7e\xa0-\xff]+$/.test(text) && text.length >= 4;
}
