import { drawBullets, drawHeading, drawText } from '../pdf/blocks.ts';
import type { Rich } from '../pdf/plain-layout.ts';
import { GRADE_WORDS, showTime } from '../wording.ts';
import type { ReportContext } from '../report-context.ts';
import { openSection } from './open-section.ts';

/** Section 7: the rules by which items, results, order, identity and links were judged (controls.md 2.3). */
export function drawMethod(context: ReportContext): void {
  const { sheet, model } = context;
  openSection(context, 'method');
  for (const { title, text, points } of rulesOf(model.as_of)) {
    drawHeading(sheet, 2, title);
    if (text !== undefined) drawText(sheet, text);
    drawBullets(sheet, points);
  }
}

interface Rule {
  readonly title: string;
  readonly text?: string;
  readonly points: readonly Rich[];
}

function rulesOf(asOf: string): readonly Rule[] {
  return [
    {
      title: 'Population first, then verdicts',
      points: [
        'The population of a test is drawn, sorted by canonical key, counted and hashed before its first member is judged. The hash is SHA-256 over the keys, one a line.',
        'Each member gets one verdict: pass, exception, undetermined, or excluded by a rule of a fixed list. Exclusions stay in the population and are listed; where ten items or more share the reason for being undetermined or excluded, this report tells it once, and the files of the pack list each item.',
        'The whole population is tested. There is no sampling risk and nothing is projected.',
        'Exceptions are facts. They are never removed or resolved; management’s response is recorded beside them.',
      ],
    },
    {
      title: 'Three-valued judgement',
      text: 'A question about evidence is true, false, or cannot be decided. What cannot be decided never becomes a pass: all attributes must be true for a pass, one that is false makes an exception, and otherwise one that is unknown makes the item undetermined.',
      points: [
        'A test cannot conclude if more items are undetermined than the policy tolerates (none, for key controls), or if a stream that it reads has an unexplained gap in the period.',
        'A population of none is never a result without exceptions: the control did not operate, and that is what is reported.',
      ],
    },
    {
      title: 'Order of two events',
      text: 'Whether an approval came before a credential decides many tests, so order is judged in this sequence:',
      points: [
        "By cause: the later event's own record names the earlier one. A link that Custody added does not count.",
        'By sequence: both stand in one stream, which keeps its own order.',
        'By clock, only if the times differ by more than eps, the sum of both sources’ greatest clock skew and of both times’ resolution. Within eps the order is unknown, and the item undetermined.',
      ],
    },
    {
      title: 'Links',
      text: 'A chain is made of links between keys that events name. Each link is graded by how it is known, and each test names the weakest grade that it accepts:',
      points: Object.values(GRADE_WORDS),
    },
    {
      title: 'Persons and environments',
      points: [
        'Two-person rules compare persons, not accounts: accounts are tied to persons by the policy or by an event that vouches for it. An agent and its sponsor are one party. An account that cannot be tied makes a two-person test undetermined.',
        'Environments come from the policy. A resource that it does not classify makes the item undetermined where that matters.',
      ],
    },
    {
      title: 'As of a moment',
      points: [
        `The run saw what had been received by ${showTime(asOf)}, and nothing later. The same records, policy and moment give the same verdicts and the same bytes of this file.`,
        'Evidence that arrives later belongs to a later report; it does not change an issued one.',
        'Parameters that decided a test are printed in its section. They come from the policy, whose hash stands in section 8.',
      ],
    },
    {
      title: 'How values are shown',
      points: [
        'Keys, names and hashes are shown as they are in the records. A character that can hide, merge or reorder text, or that the fonts of this file do not have, is shown by its number, set in bold: for example \\u{202E}. Scripts that run from right to left are shown so too.',
        'Nothing in this file that came from a record is a link.',
      ],
    },
  ];
}
