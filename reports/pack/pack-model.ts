import type { ReportModel, TestId, TestItem } from '../../model/control.ts';
import type { DrawnSample } from './draw.ts';
import type { IpeBlock } from './ipe.ts';
import type { PdfSigner } from '../sign/signer.ts';
import type { PackLedger } from './ledger-files.ts';

/** One member of a population with its verdict, as the files of a pack hold it. Times are text in UTC. */
export interface PopulationRow extends Omit<TestItem, 'finding'> {
  /** The canonical key: what the population is sorted by, and what its digest is taken over. */
  readonly key: string;
  /** What was found; absent for a pass. */
  readonly finding?: string;
}

/** A whole population in the order of its keys. `rows` can be asked for again and gives the same each time. */
export interface Population {
  readonly count: number;
  rows(): Iterable<PopulationRow> | AsyncIterable<PopulationRow>;
}

/** What the service itself knows of the run: it stands in the pack, so that a reader can tell who made it from what. */
export interface PackOrigin {
  /** Version of Custody. */
  readonly version: string;
  /** Who asked for the report, as the credential names them. */
  readonly operator: string;
}

/**
 * Everything that a pack shows. Every file of a pack is written from this one value, so the files cannot disagree: the
 * report (the same that the PDF is drawn from), each population in full, the samples drawn from them.
 */
export interface PackModel {
  readonly report: ReportModel;
  readonly origin: PackOrigin;
  readonly populations: ReadonlyMap<TestId, Population>;
  readonly sampling: SamplingPlan;
  /** The signed log, where there is one to prove records by. */
  readonly ledger?: PackLedger;
  /** Who signs the PDF; without one it is not signed. */
  readonly signer?: PdfSigner;
}

/** How samples are drawn (controls.md 3.3). */
export interface SamplingPlan {
  /** The auditor's phrase; without it the seed follows from engagement, test and population. */
  readonly phrase?: string;
  /** How many items of a population over 250 are drawn: 25, 40 or 60. */
  readonly risk: 'low' | 'mid' | 'high';
  /** Sizes by confidence, tolerable rate (shares) and deviations allowed, instead of by the table. */
  readonly attributes?: { readonly confidence: number; readonly tolerable: number; readonly deviations: number };
  /** The auditor's own numbers, which win over all else. */
  readonly sizes: Readonly<Record<string, number>>;
  /** Items that the auditor chose; they are kept apart from what was drawn. */
  readonly picks: readonly { readonly test: TestId; readonly item: string }[];
  /** Why a sample is drawn again with another seed or number. */
  readonly reason?: string;
}

/** What is known of a test beyond its result, once its population was read. */
export interface TestExtras {
  readonly ipe: IpeBlock;
  readonly sample: DrawnSample;
}

/** The table's sizes, a seed that nobody chose, no picks. */
export const DEFAULT_SAMPLING: SamplingPlan = { risk: 'low', sizes: {}, picks: [] };
