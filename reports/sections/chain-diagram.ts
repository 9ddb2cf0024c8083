import type { Chain, ChainEvent, ChainStage, Party } from '../../model/chain.ts';
import { drawChart } from '../pdf/chart.ts';
import type { Fonts } from '../pdf/fonts.ts';
import { buildScene } from '../pdf/scene.ts';
import type { Scene, SceneBuilder } from '../pdf/scene.ts';
import { COLORS, CONTENT_WIDTH } from '../pdf/style.ts';
import { cell, drawTable } from '../pdf/table.ts';
import { markSpans } from '../report-context.ts';
import type { ReportContext } from '../report-context.ts';
import { STAGE_WORDS, STATE_MARKS, bareTime, closed, nounOf } from '../wording.ts';

/** A stage of a chain as diagram and table show it. */
export interface StageStep {
  readonly stage: ChainStage;
  /** Who or what stands in it; the people of a stage each, of keys the first and how many more. */
  readonly who: readonly string[];
  /** When it happened first, as it is printed; absent where nothing of it is on record. */
  readonly when?: string;
  readonly events: readonly string[];
}

const BOX = 31;
const GAP = 17;
const NAME = 106;
const WHEN = 86;
const KEY =
  'A whole frame is a stage that is on record, a dashed one is not. The word at an arrow says how the stage below is known to belong to this flow.';

/** The stages of a chain, in their order, with who and when. */
export function stepsOf(chain: Chain, refs: ReadonlyMap<string, string>): readonly StageStep[] {
  const byName = new Map(chain.events.map((event) => [event.event, event]));
  return chain.stages.map((stage) => {
    const events = stage.events.flatMap((name) => byName.get(name) ?? []);
    const first = events.toSorted((a, b) => (a.occurred_at < b.occurred_at ? -1 : 1))[0];
    return {
      stage,
      who: whoOf(chain, stage, events),
      ...(first === undefined ? {} : { when: bareTime(first.occurred_at) }),
      events: stage.events.map((event) => refs.get(event) ?? event),
    };
  });
}

/** The diagram of a chain and the table of its stages, which says the same. */
export async function drawStages({ sheet }: ReportContext, chain: Chain, refs: ReadonlyMap<string, string>): Promise<void> {
  const steps = stepsOf(chain, refs);
  const scene = chainScene(sheet.fonts, steps);
  drawChart(sheet, { heading: { level: 3, text: 'From request to use' }, key: KEY, scene, alt: chainAlt(steps) });
  await drawTable(sheet, {
    columns: [
      { title: 'Stage', min: 50 },
      { title: 'State', min: 74 },
      { title: 'Who or what', min: 100 },
      { title: 'When (UTC)', min: 58, max: 76 },
      { title: 'Known by', min: 42 },
      { title: 'Note', min: 80 },
      { title: 'Events', min: 36 },
    ],
    rows: steps,
    cells: ({ stage, who, when, events }) => [
      cell([{ text: STAGE_WORDS[stage.stage], face: 'bold' }]),
      cell(markSpans(STATE_MARKS[stage.state])),
      cell(...(who.length === 0 ? ['–'] : who)),
      cell(when ?? '–'),
      cell(stage.grade ?? '–'),
      cell(stage.note === undefined ? '–' : closed(stage.note)),
      cell(events.length === 0 ? '–' : events.join(', ')),
    ],
    expected: chain.stages.length,
  });
} // prettier-ignore

/** A box a stage, and an arrow to the next with the grade by which that one is known: dashed where nothing is. */
export function chainScene(fonts: Fonts, steps: readonly StageStep[]): Scene {
  const draft = buildScene(fonts, CONTENT_WIDTH);
  for (const [i, step] of steps.entries()) {
    const y = i * (BOX + GAP) + 1;
    drawStep(draft, step, y);
    const next = steps[i + 1];
    if (!next) continue;
    const isKnown = next.stage.grade !== undefined;
    const x = NAME / 2;
    draft.arrow([x, y + BOX], [x, y + BOX + GAP - 3.6], { weight: 0.9, dashed: !isKnown });
    draft.label(next.stage.grade ?? 'no link', { x: x + 8, y: y + BOX + 4, width: 120 }, { size: 6.4, face: isKnown ? 'bold' : 'regular', color: isKnown ? COLORS.ink : COLORS.muted }); // prettier-ignore
  }
  return draft.scene(steps.length * (BOX + GAP) - GAP + 3);
}

function drawStep(draft: SceneBuilder, { stage, who, when, events }: StageStep, y: number): void {
  const isThere = stage.state === 'present';
  const mark = STATE_MARKS[stage.state];
  if (isThere) draft.paint({ x: 1, y, width: NAME, height: BOX }, COLORS.head);
  draft.frame({ x: 1, y, width: CONTENT_WIDTH - 2, height: BOX }, { weight: isThere ? 0.9 : 0.6, dashed: !isThere });
  draft.line([NAME + 1, y], [NAME + 1, y + BOX], { weight: 0.5, dashed: !isThere });
  draft.label(STAGE_WORDS[stage.stage], { x: 8, y: y + 3, width: NAME - 14 }, { size: 8, face: 'bold' });
  draft.label(`${mark.sign} ${mark.word}`, { x: 8, y: y + 16, width: NAME - 14 }, { size: 6.8 });
  const middle = { x: NAME + 9, width: CONTENT_WIDTH - NAME - WHEN - 22 };
  const [first = 'nobody and nothing on record', ...rest] = who;
  const isMore = rest.length > 1;
  draft.label(first, { ...middle, y: y + 3 }, { size: 7.4, ...(who.length === 0 ? { color: COLORS.muted } : {}) });
  draft.label(isMore ? `and ${rest.length} more` : (rest[0] ?? ''), { ...middle, y: y + 15 }, { size: 7.4 });
  const right = { x: CONTENT_WIDTH - WHEN - 6, width: WHEN };
  draft.label(when ?? '', { ...right, y: y + 3 }, { size: 7, align: 'right' });
  draft.label(eventWords(events), { ...right, y: y + 15 }, { size: 6.4, align: 'right', color: COLORS.muted });
}

/** What the figure says, in words. */
export function chainAlt(steps: readonly StageStep[]): string {
  const told = steps.map(({ stage, who, when }) => {
    const names = who.length === 0 ? '' : `, ${who.slice(0, 2).join(', ').slice(0, 160)}`;
    const time = when === undefined ? '' : `, ${when} UTC`;
    return `${STAGE_WORDS[stage.stage]}: ${STATE_MARKS[stage.state].word}${names}${time}${stage.grade === undefined ? '' : `, known by ${stage.grade}`}`;
  });
  return `Diagram of a chain from request to use. ${told.join('. ')}. The table below says the same.`;
}

function whoOf(chain: Chain, { stage }: ChainStage, events: readonly ChainEvent[]): readonly string[] {
  switch (stage) {
    case 'requested':
      return namesOf(chain.requester ? [chain.requester] : []);
    case 'approved':
      return namesOf(chain.approvers);
    case 'ran':
      return [...namesOf(chain.initiator ? [chain.initiator] : []), ...(chain.job === undefined ? [] : [chain.job])];
    case 'credential':
      return chain.credentials;
    case 'touched':
      return chain.touched;
    case 'closed':
    default:
      return namesOf(events.slice(0, 1).map(({ actor }) => actor));
  }
}

function namesOf(parties: readonly Party[]): readonly string[] {
  return parties.map(({ key, display }) => (display === undefined ? key : `${display} (${key})`));
}

function eventWords(events: readonly string[]): string {
  return events.length === 0 ? 'no event' : events.length <= 4 ? events.join(', ') : `${events[0]} and ${nounOf(events.length - 1, 'more event')}`; // prettier-ignore
}
