/** Programs that save the same database: first backup, a day of changes, second backup, restore. One after the other. */

export type Contestant = {
  readonly name: string;
  backup(): Promise<void> | void;
  /** Of everything it keeps. */
  storedBytes(): number;
  /** Into a fresh place. @returns how many rows are there afterwards, which must be all */
  restore(): Promise<number> | number;
};

/** One engine with the shop in it. */
export type Arena = AsyncDisposable & {
  readonly title: string;
  readonly versions: readonly string[];
  readonly contestants: readonly Contestant[];
  /** What a day brings, to the one database that all of them save. */
  liveADay(day: number): Promise<void> | void;
  rows(): number;
};

export const columns = ['program', 'first s', 'day s', 'restore s', 'first MB', 'day MB'] as const;

/** Every contestant saves the same two states. @returns lines of a table, and what went wrong */
export async function holdContest(
  arena: Arena,
  say: (line: string) => void,
): Promise<{ readonly lines: string[][]; readonly failures: string[] }> {
  const { contestants } = arena;
  const figures = new Map(contestants.map(({ name }) => [name, [] as string[]]));
  const failures: string[] = [];
  const each = async (what: string, act: (one: Contestant) => Promise<string[]>): Promise<void> => {
    for (const one of contestants) {
      if (failures.some((line) => line.startsWith(`${one.name}:`))) continue;
      say(`${what}: ${one.name}`);
      try {
        figures.get(one.name)?.push(...(await act(one)));
      } catch (error) {
        failures.push(`${one.name}: ${what}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  };
  const stored = new Map<string, number>();
  const save = async (one: Contestant): Promise<string[]> => {
    const tookS = await secondsOf(() => one.backup());
    const before = stored.get(one.name) ?? 0;
    stored.set(one.name, one.storedBytes());
    return [tookS, ((one.storedBytes() - before) / 1e6).toFixed(2)];
  };
  await each('first backup', save);
  await arena.liveADay(1);
  await each('backup after a day', save);
  const rows = arena.rows();
  await each('restore', async (one) => {
    let found = 0;
    const tookS = await secondsOf(async () => void (found = await one.restore()));
    if (found !== rows) throw new Error(`${found} rows came back, and there were ${rows}`);
    return [tookS];
  });
  const lines = contestants.map(({ name }) => {
    const [first = 'failed', firstMb = '', day = '', dayMb = '', restored = ''] = figures.get(name) ?? [];
    return [name, first, day, restored, firstMb, dayMb];
  });
  return { lines: [[...columns], ...lines], failures };
}

async function secondsOf(act: () => Promise<void> | void): Promise<string> {
  const beganMs = performance.now();
  await act();
  return ((performance.now() - beganMs) / 1000).toFixed(2);
}
