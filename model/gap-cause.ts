/** What made a gap of a stream, where two people explain it (gap-explanation.ts, which commands load only when they run). */
export const GAP_CAUSES = ['planned_stop', 'numbers_never_used', 'held_elsewhere', 'source_defect'] as const;
