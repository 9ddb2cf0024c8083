import type { GitlabIdentity } from '../../model/keys.ts';
import { printable } from '../escape.ts';
import type { Reason } from './explain.ts';
import type { ShownAccount, ShownConflict, ShownPerson } from './directory.ts';
import type { AccountAnswer, PageAnswer } from './identities-answers.ts';

const METHODS: Readonly<Record<string, string>> = {
  policy: 'the policy file',
  scim: 'SCIM',
  saml: 'SAML',
  extern_uid: "GitLab's users",
  user_identities: "GitLab's claim user_identities",
  admin: 'an administrator',
  issuer: 'an alias that the issuer vouches for',
  email: 'the same e-mail address',
  risc: 'the provider',
};

const VIEWS: Readonly<Record<PageAnswer['view'], string>> = {
  persons: 'Persons and their accounts',
  unresolved: 'Accounts that nothing ties to a person',
  conflicts: 'Accounts that more than one person is said to be',
};

/** A page of the directory for people to read: what is counted, then each with its reasons. Times are UTC. */
export function pageText(page: PageAnswer): string {
  const { counts, view } = page;
  const head = `${count(counts.persons, 'person', 'persons')}, ${count(counts.unresolved, 'account', 'accounts')} of nobody, ${count(counts.conflicts, 'conflict', 'conflicts')}`;
  const rows =
    page.view === 'persons'
      ? page.items.flatMap((person) => personLines(person))
      : page.view === 'conflicts'
        ? page.items.flatMap((conflict) => conflictLines(conflict))
        : page.items.map((account) => `  ${accountText(account)}`);
  const empty = {
    persons: 'No event names anybody yet. custody sources tells what was heard.',
    unresolved: 'None: every account is tied to a person.',
    conflicts: 'None: no account is claimed by two.',
  }[view];
  const more = page.next === null ? [] : ['', `There are more: --after '${printable(page.next, 2_048)}'`];
  const cut = page.cut
    ? ['', 'There are more accounts than are looked at; those whose names come last are left out.']
    : [];
  const providers = page.unknown_providers.map(({ gitlab, provider, number, accounts }) => `  ${printable(provider)}${number === undefined ? '' : ` ${number}`} of ${printable(gitlab)}: ${count(accounts, 'account', 'accounts')}`); // prettier-ignore
  const unknown =
    providers.length === 0
      ? []
      : [
          '',
          'Providers that the policy file does not know (identity_providers), so their names tie nobody',
          ...providers,
        ];
  const hint =
    view === 'persons' && counts.unresolved + counts.conflicts > 0
      ? ['', 'See also: custody identities --view unresolved, --view conflicts']
      : [];
  return `${[head, '', VIEWS[view], ...(rows.length === 0 ? [`  ${empty}`] : rows), ...more, ...unknown, ...cut, ...hint].join('\n')}\n`;
}

/** Why an account is somebody's, whose else it is said to be, and the other accounts of the same person. */
export function accountText(account: ShownAccount): string {
  const name = account.display === undefined ? '' : ` "${printable(account.display)}"`;
  const kind = account.kind === 'human' ? '' : `, ${account.kind.replace('_', ' ')}`;
  const seen = `${day(account.first_seen)} to ${day(account.last_seen)}`;
  return `${printable(account.key)}${name}${kind} (${count(account.events, 'event', 'events')}, ${seen})`;
}

/** The answer to a question about one account or person. */
export function answerText(answer: AccountAnswer): string {
  const { explanation, person, compared } = answer;
  const lines = [`${printable(explanation.key)} at ${answer.at ?? 'the present'}`];
  if (person === undefined) {
    lines.push('  is nobody that is known: no event and no entry of the policy file ties it to a person.');
    lines.push('  An entry under identities: in the policy file, or an identity event of a register, would.');
  } else {
    lines.push(`  is ${nameOf(person)}${person.sponsor === undefined ? '' : `, for whom ${printable(person.sponsor)} answers`}`); // prettier-ignore
    lines.push(...reasonLines(explanation.reasons, '  '));
    if (explanation.reasons.length === 0) lines.push('    its own identity');
    const others = person.accounts.filter((account) => account.key !== explanation.key);
    if (others.length > 0) lines.push('', 'Other accounts of the same person');
    for (const account of others) lines.push(`  ${accountText(account)}`, ...reasonLines(account.reasons, '  '));
  }
  if (explanation.conflict.length > 0) {
    lines.push('', 'CONFLICT: it is said to be more than one');
    for (const claim of explanation.conflict)
      lines.push(`  ${printable(claim.person)} (${claim.grade})`, ...reasonLines(claim.reasons, '  '));
  }
  if (explanation.unknown.length > 0) {
    lines.push('', 'Not known who stands behind: the policy file names no such provider under identity_providers');
    lines.push(...explanation.unknown.map((one) => `  ${identityText(one)}, ${printable(one.event)}${spanText(one)}`));
  }
  if (compared !== undefined) {
    const words = { true: 'are one party', false: 'are two parties', unknown: 'cannot be told apart or together' };
    lines.push('', `${printable(explanation.key)} and ${printable(compared.key)} ${words[`${compared.same}`]}`);
    lines.push(...reasonLines(compared.explanation.reasons, '  '));
  }
  return `${lines.join('\n')}\n`;
}

function personLines(person: ShownPerson): readonly string[] {
  const kind = person.kind === 'human' ? '' : ` (${person.kind.replace('_', ' ')})`;
  const sponsor = person.sponsor === undefined ? '' : `, for whom ${printable(person.sponsor)} answers`;
  const accounts = person.accounts.flatMap((account) => [
    `    ${accountText(account)}`,
    ...reasonLines(account.reasons, '    '),
  ]);
  return [`  ${nameOf(person)}${kind}${sponsor}`, ...accounts];
}

function conflictLines(conflict: ShownConflict): readonly string[] {
  const claims = conflict.claims.flatMap((claim) => [
    `    ${printable(claim.person)} (${claim.grade})`,
    ...reasonLines(claim.reasons, '    '),
  ]);
  return [`  ${accountText(conflict)}`, ...claims];
}

function reasonLines(reasons: readonly Reason[], indent: string): readonly string[] {
  return reasons.map((reason) => {
    const by = METHODS[reason.method] ?? `the policy file (${printable(reason.method)})`;
    const event = reason.event === undefined ? '' : `, ${printable(reason.event)}`;
    const told = reason.through === undefined ? '' : ` (${identityText(reason.through)})`;
    const ended = reason.ended_by === undefined ? '' : ` by ${printable(reason.ended_by)}`;
    return `${indent}  = ${printable(reason.to)}: ${reason.grade}, by ${by}${told}${event}${spanText(reason)}${ended}`;
  });
}

function identityText({ host, provider, number, externUid }: GitlabIdentity): string {
  const name = `${printable(provider)}${number === undefined ? '' : ` ${number}`}`;
  return `extern_uid "${printable(externUid)}" of provider ${name} at ${printable(host)}`;
}

function spanText({ valid_from: from, valid_to: to }: Pick<Reason, 'valid_from' | 'valid_to'>): string {
  return `${from === undefined ? '' : `, from ${from}`}${to === undefined ? '' : `, until ${to}`}`;
}

function nameOf(person: ShownPerson): string {
  return person.display === undefined
    ? printable(person.person)
    : `${printable(person.display)}, ${printable(person.person)}`;
}

function day(time: string): string {
  return time.slice(0, 10);
}

function count(number: number, one: string, many: string): string {
  return `${number} ${number === 1 ? one : many}`;
}
