/** How many batches may be in memory at once, over all partitions: one stored, two transformed, two waiting. */
const SLOTS = 5;

/** Hands out places; whoever holds one gives it back by calling what it got. First come, first served. */
export function createSlots(count = SLOTS): { readonly take: () => Promise<() => void> } {
  let free = count;
  const queue: (() => void)[] = [];
  const give = (): (() => void) => {
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      const next = queue.shift();
      if (next) next();
      else free += 1;
    };
  };
  return {
    take() {
      if (free > 0) {
        free -= 1;
        return Promise.resolve(give());
      }
      return new Promise((resolve) => queue.push(() => resolve(give())));
    },
  };
}
