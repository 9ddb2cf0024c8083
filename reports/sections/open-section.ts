import { drawHeading } from '../pdf/blocks.ts';
import { newPage } from '../pdf/page.ts';
import { SECTION_TITLES, sectionPlace } from '../plan.ts';
import type { SectionName } from '../plan.ts';
import type { ReportContext } from '../report-context.ts';

/** Begins a numbered section on a new page, with its heading, its target and its bookmark. */
export function openSection({ sheet }: ReportContext, name: SectionName): void {
  newPage(sheet);
  drawHeading(sheet, 1, SECTION_TITLES[name], { destination: sectionPlace(name), bookmark: SECTION_TITLES[name] });
}
