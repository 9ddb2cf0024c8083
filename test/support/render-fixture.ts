import { renderReport } from '../../reports/render-report.ts';
import { makeReportModel } from './report-model.ts';

/** Run as a program by a test: renders the fixture to the path given and prints its hash. */
const [path] = process.argv.slice(2);
if (path !== undefined) process.stdout.write((await renderReport(makeReportModel(), path)).sha256);
