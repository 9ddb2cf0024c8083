import type {
  ClassificationState,
  DisposedBy,
  DispositionFact,
  ExceptionDispositions,
  ShownDisposition,
} from '../../model/disposition.ts';
import { printable } from '../escape.ts';
import type { ExceptionsPage, ShownExceptionState } from './exceptions-api.ts';

/** A page of exceptions as text: three lines each, then how the list goes on. */
export function exceptionsText({ exceptions, next }: ExceptionsPage): string {
  if (exceptions.length === 0)
    return 'No exception matches. Exceptions are what kept checks found: custody check runs the tests and keeps what they give.\n';
  const entries = exceptions.map(({ exception, dispositions }) =>
    [
      `${exception.id}  ${exception.at.replace('T', ' ').slice(0, 19)}  ${exception.attribute}`,
      `    ${printable(exception.item)}`,
      `    ${printable(exception.finding)}`,
      `    ${stateText(dispositions)}`,
    ].join('\n'),
  );
  const more = next === null ? [] : [`more: --after ${next}`];
  return [...entries, '', `${exceptions.length} shown`, ...more, ''].join('\n');
}

/** One exception as text: the fact, where it stands, and every act in the order of the log. */
export function exceptionText({ exception, dispositions }: ShownExceptionState): string {
  const lines: (readonly [string, string])[] = [
    ['test', exception.test],
    ['attribute', exception.attribute],
    ['item', exception.item],
    ['at', exception.at],
    ['found', exception.finding],
    ['evidence', exception.evidence.length === 0 ? 'none' : exception.evidence.join(', ')],
    ['state', stateText(dispositions)],
  ];
  return [
    exception.id,
    ...lines.map(([name, text]) => `  ${name.padEnd(10)} ${printable(text, 4_000)}`),
    '',
    ...(dispositions.history.length === 0 ? ['  Nobody has said anything of it yet.'] : []),
    ...dispositions.history.flatMap(historyLines),
    '',
  ].join('\n');
}

/** Where an exception stands, in one line. */
export function stateText({ state, response, classification, pending, retest }: ExceptionDispositions): string {
  const parts = [
    response?.disposition.kind === 'response'
      ? `management ${WORDS[response.disposition.agreement]}`
      : 'no response of management',
    classificationText(classification),
    ...(pending ? [`${pending.class?.replaceAll('_', ' ') ?? ''} waits for a second person`] : []),
    ...(retest?.disposition.kind === 'retest' ? [`tested again: ${retest.disposition.result.replaceAll('_', ' ')}`] : []),
  ]; // prettier-ignore
  return `${state}: ${parts.join('; ')}`;
}

const WORDS = { agree: 'agrees', partly: 'agrees in part', disagree: 'disagrees' } as const;

function classificationText({ state, class: name = 'true_deviation' }: ClassificationState): string {
  if (state === 'none') return 'not classified';
  const words = name.replaceAll('_', ' ');
  return state === 'confirmed' ? `${words}, confirmed` : `${words}, waits for a second person`;
}

function historyLines({ id, at, by, disposition, effect, why }: ShownDisposition): readonly string[] {
  return [
    `  ${at.replace('T', ' ').slice(0, 19)}  ${disposition.kind}  by ${printable(nameOf(by))}${effect === 'void' ? '  WITHOUT EFFECT' : ''}`,
    `    ${printable(saidText(disposition), 4_000)}`,
    ...(why === undefined ? [] : [`    ${why}`]),
    `    id ${id}`,
  ];
}

/** Who it was: name where the credential has one, the account, and the person that it is tied to. */
export function nameOf({ key, display, person }: DisposedBy): string {
  const name = display === undefined ? key : `${display} (${key})`;
  return person === undefined || person === key ? name : `${name}, ${person}`;
}

/** What was said, in one line. */
export function saidText(said: DispositionFact): string {
  switch (said.kind) {
    case 'response':
      return [
        `Management ${WORDS[said.agreement]}: ${said.text}`,
        said.severity && `severity ${said.severity}`,
        said.owner && `owner ${said.owner}`,
        said.correction_due && `correction due ${said.correction_due}`,
        said.compensating_control && `compensating control: ${said.compensating_control}`,
        said.compensating_evidence && `its evidence: ${said.compensating_evidence}`,
      ].filter((part) => part !== undefined).join('; '); // prettier-ignore
    case 'classification':
      return `${said.class.replaceAll('_', ' ')}${said.root_cause === undefined ? '' : ` (root cause: ${said.root_cause})`}: ${said.text}`;
    case 'confirmation':
      return `${said.decision} classification ${said.of}${said.text === undefined ? '' : `: ${said.text}`}`;
    case 'retest':
    default:
      return [
        `${said.result.replaceAll('_', ' ')} for ${said.from} to ${said.to}, as of ${said.as_of}`,
        `${said.exceptions} exceptions and ${said.undetermined} undetermined of ${said.population}`,
        said.recurred ? 'the same item is an exception again' : 'the same item is no exception of it',
        `run ${said.run}`,
        ...(said.text === undefined ? [] : [said.text]),
      ].join('; '); // prettier-ignore
  }
}
