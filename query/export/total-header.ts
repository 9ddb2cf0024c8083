/** The header of an export that tells how many events its body will hold, so that its reader can show how far it is. */
export const TOTAL_HEADER = 'custody-total-events';
