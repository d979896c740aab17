/** What is measured: every tool takes its turn on the same data, in another order each time. */
import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { volumeOf, warm, type DataSet } from './data/data-set.ts';
import type { IndexFixture } from './data/index-fixture.ts';
import { measure, type Command, type Measured } from './measure.ts';
import type { RowName } from './options.ts';
import type { Cell, Row } from './report.ts';
import type { Sample } from './statistics.ts';
import type { BenchServer } from './servers.ts';
import type { Place, Tool } from './tools/tool.ts';

export type Surroundings = {
  readonly tools: readonly Tool[];
  readonly pairs: number;
  /** Repositories, caches and restored files; emptied after every turn. */
  readonly workFolder: string;
  /**
   * An empty repository of restic's format, copied for all who use it: each program calibrates the cost of a new key
   * anew, and by the load of that moment; one key costs everybody the same.
   */
  readonly template?: string;
  readonly say: (line: string) => void;
};

type Mutable = {
  samples: Sample[];
  repositoryBytes?: number;
  apart?: { keyMs: number; lockMs: number };
  failure?: string;
};

/** Collects the cells of several rows while the tools take turns. */
class Ledger {
  readonly #rows = new Map<string, Map<string, Mutable>>();
  readonly #say: (line: string) => void;

  constructor(say: (line: string) => void) {
    this.#say = say;
  }

  cell(row: string, tool: Tool): Mutable {
    const cells = this.#rows.get(row) ?? new Map<string, Mutable>();
    this.#rows.set(row, cells);
    const cell = cells.get(tool.name) ?? { samples: [] };
    cells.set(tool.name, cell);
    return cell;
  }

  note(row: string, tool: Tool, measured: Measured, complaint?: string): boolean {
    const cell = this.cell(row, tool);
    const failure = measured.exitCode === 0 ? complaint : `failed with ${measured.exitCode}: ${lastLine(measured)}`;
    if (failure !== undefined) {
      cell.failure = failure;
      this.#say(`  ${row} · ${tool.name}: ${failure}`);
      return false;
    }
    const { wallMs, cpuMs, peakBytes } = measured;
    cell.samples.push({ wallMs, cpuMs, peakBytes });
    const apart = tool.apart?.(measured.stderr);
    if (apart !== undefined) cell.apart = apart;
    const figures = `${(wallMs / 1000).toFixed(2)} s, CPU ${(cpuMs / 1000).toFixed(2)} s, ${(peakBytes / 1e6).toFixed(0)} MB`;
    this.#say(`  ${row} · ${tool.name}: ${figures}`);
    return true;
  }

  /** Rows in the order of their first turn, cells in the order of the tools. */
  rows(tools: readonly Tool[]): Row[] {
    return [...this.#rows].map(([name, cells]) => ({
      name,
      cells: tools.flatMap((tool): Cell[] => {
        const cell = cells.get(tool.name);
        return cell === undefined ? [] : [{ tool: tool.name, ...cell }];
      }),
    }));
  }
}

function lastLine({ stderr, stdout }: Measured): string {
  const text = stderr.trim() === '' ? stdout : stderr;
  return (text.trim().split('\n').at(-1) ?? '').slice(0, 120);
}

/** Nobody always goes first: what runs second finds warmer files and a busier disk. */
function inTurn(tools: readonly Tool[], pair: number): readonly Tool[] {
  const first = pair % tools.length;
  return [...tools.slice(first), ...tools.slice(0, first)];
}

class Turn implements Disposable {
  readonly place: Place;
  /** Where it is copied to. */
  readonly offsite: Place;
  readonly target: string;
  readonly #folder: string;

  constructor(workFolder: string, tool: Tool) {
    this.#folder = join(workFolder, `turn-${tool.name}`);
    this.place = { repository: join(this.#folder, 'repository'), state: join(this.#folder, 'state') };
    this.offsite = { repository: join(this.#folder, 'offsite'), state: this.place.state };
    this.target = join(this.#folder, 'restored');
    this[Symbol.dispose]();
    for (const folder of [this.place.repository, this.offsite.repository, this.place.state, this.target])
      mkdirSync(folder, { recursive: true });
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

async function prepare(tool: Tool, place: Place, template: string | undefined): Promise<void> {
  if (template === undefined || tool.hasResticFormat !== true) return succeed(tool.init(place), `${tool.name} init`);
  cpSync(template, place.repository, { recursive: true });
}

async function succeed(command: Command, what: string): Promise<void> {
  const done = await measure(command);
  if (done.exitCode !== 0) throw new Error(`${what} failed with ${done.exitCode}: ${lastLine(done)}`);
}

/** The first of the tools with restic's format makes it, restic itself where it is here. */
export async function makeTemplate(tools: readonly Tool[], folder: string): Promise<string> {
  const [maker] = tools.filter(({ hasResticFormat }) => hasResticFormat).toSorted((a, b) => rank(a) - rank(b));
  if (maker === undefined) throw new Error('nothing here makes repositories of restic');
  const place: Place = { repository: folder, state: `${folder}-state` };
  mkdirSync(place.state, { recursive: true });
  await succeed(maker.init(place), `${maker.name} init`);
  return folder;
}

function rank({ name }: Tool): number {
  return name === 'restic' ? 0 : 1;
}

/** First, unchanged and changed backup, restore, check and copy of one data set. */
export async function runDataSet(set: DataSet, wanted: readonly RowName[], around: Surroundings): Promise<Row[]> {
  const ledger = new Ledger(around.say);
  const volume = volumeOf(set.path);
  warm(set.path);
  for (let pair = 0; pair < around.pairs; pair++) {
    for (const tool of inTurn(around.tools, pair)) {
      using turn = new Turn(around.workFolder, tool);
      await takeTurn({ set, volume, wanted, template: around.template }, tool, turn, ledger);
    }
  }
  return ledger.rows(around.tools);
}

type Task = {
  readonly set: DataSet;
  readonly volume: { files: number; bytes: number };
  readonly wanted: readonly RowName[];
  readonly template: string | undefined;
};

async function takeTurn(
  { set, volume, wanted, template }: Task,
  tool: Tool,
  { place, offsite, target }: Turn,
  ledger: Ledger,
): Promise<void> {
  const title = (row: string): string => `${row}, ${set.name}`;
  await prepare(tool, place, template);
  const first = await measure(tool.backup(place, set.path));
  if (wanted.includes('first') || first.exitCode !== 0) {
    if (!ledger.note(title('first backup'), tool, first)) return;
    ledger.cell(title('first backup'), tool).repositoryBytes = volumeOf(place.repository).bytes;
  }
  if (wanted.includes('second')) {
    ledger.note(title('unchanged backup'), tool, await measure(tool.backup(place, set.path)));
  }
  const prunes = wanted.includes('prune') && tool.prune !== undefined && tool.forget !== undefined;
  if ((wanted.includes('changed') || prunes) && set.change !== undefined) {
    const before = volumeOf(place.repository).bytes;
    const changeBack = set.change();
    const changed = await measure(tool.backup(place, set.path));
    changeBack();
    ledger.note(title('changed backup'), tool, changed);
    ledger.cell(title('changed backup'), tool).repositoryBytes = volumeOf(place.repository).bytes - before;
  }
  if (wanted.includes('restore')) {
    const restored = await measure(tool.restore(place, set.path, target));
    const found = volumeOf(target);
    const whole = found.files === volume.files && found.bytes >= volume.bytes;
    ledger.note(
      title('restore'),
      tool,
      restored,
      whole ? undefined : `restored ${found.files} files, ${found.bytes} bytes`,
    );
    rmSync(target, { recursive: true, force: true });
  }
  if (wanted.includes('check')) ledger.note(title('check, all data'), tool, await measure(tool.check(place)));
  if (wanted.includes('copy') && tool.copy !== undefined) {
    await prepare(tool, offsite, template);
    const copied = await measure(tool.copy(place, offsite));
    const [there, here] = [volumeOf(offsite.repository).bytes, volumeOf(place.repository).bytes];
    ledger.note(title('copy'), tool, copied, there * 2 > here ? undefined : `copied ${there} of ${here} bytes`);
    ledger.cell(title('copy'), tool).repositoryBytes = there;
  }
  if (prunes && set.change !== undefined) await pruneTurn(title('prune'), tool, place, ledger);
}

/** Of the two backups the first is forgotten, and with it what changed since. */
async function pruneTurn(row: string, tool: Tool, place: Place, ledger: Ledger): Promise<void> {
  if (tool.forget === undefined || tool.prune === undefined) return;
  await succeed(tool.forget(place), `${tool.name} forget`);
  const before = volumeOf(place.repository).bytes;
  const pruned = await measure(tool.prune(place));
  const after = volumeOf(place.repository).bytes;
  ledger.note(row, tool, pruned, after < before ? undefined : 'nothing was freed');
  ledger.cell(row, tool).repositoryBytes = after;
}

/** The first backup to a server on this machine, and its restore. */
export async function runServer(set: DataSet, server: BenchServer, around: Surroundings): Promise<Row[]> {
  const ledger = new Ledger(around.say);
  const tools = around.tools.filter((tool) => tool.reachesServers === true);
  const volume = volumeOf(set.path);
  warm(set.path);
  for (let pair = 0; pair < around.pairs; pair++) {
    for (const tool of inTurn(tools, pair)) {
      using turn = new Turn(around.workFolder, tool);
      const { repository, ...access } = server.place(`${tool.name}-${pair}`);
      const place: Place = { repository, state: turn.place.state, access };
      await succeed(tool.init(place), `${tool.name} init`);
      const saved = await measure(tool.backup(place, set.path));
      if (!ledger.note(`first backup over ${server.name}, ${set.name}`, tool, saved)) continue;
      const restored = await measure(tool.restore(place, set.path, turn.target));
      const whole = volumeOf(turn.target).files === volume.files;
      ledger.note(`restore over ${server.name}, ${set.name}`, tool, restored, whole ? undefined : 'files are missing');
      server.empty();
    }
  }
  return ledger.rows(tools);
}

/** What every command pays before it begins: start of the program and the key. */
export async function runOpening(set: DataSet, around: Surroundings): Promise<Row[]> {
  const ledger = new Ledger(around.say);
  for (const tool of around.tools) {
    using turn = new Turn(around.workFolder, tool);
    await prepare(tool, turn.place, around.template);
    await measure(tool.backup(turn.place, set.path));
    for (let time = 0; time < around.pairs; time++) {
      ledger.note('start and key', tool, await measure(tool.open(turn.place)));
    }
  }
  return ledger.rows(around.tools);
}

/** The unchanged backup of trees of growing size. */
export async function runGrowth(trees: readonly DataSet[], around: Surroundings): Promise<Row[]> {
  const ledger = new Ledger(around.say);
  for (const tree of trees) {
    warm(tree.path);
    for (let pair = 0; pair < around.pairs; pair++) {
      for (const tool of inTurn(around.tools, pair)) {
        using turn = new Turn(around.workFolder, tool);
        await prepare(tool, turn.place, around.template);
        await succeed(tool.backup(turn.place, tree.path), `${tool.name} backup`);
        ledger.note(`unchanged backup, ${tree.title}`, tool, await measure(tool.backup(turn.place, tree.path)));
      }
    }
  }
  return ledger.rows(around.tools);
}

/** Opens a repository with a large index and looks one blob up. The first time is not counted: it fills the caches. */
export async function runIndex(fixtures: readonly IndexFixture[], around: Surroundings): Promise<Row[]> {
  const ledger = new Ledger(around.say);
  const tools = around.tools.filter((tool) => tool.lookUp !== undefined);
  for (const { repository, blobs, blobId } of fixtures) {
    const states = new Map(tools.map((tool) => [tool, new Turn(around.workFolder, tool)]));
    for (let pair = -1; pair < around.pairs; pair++) {
      for (const tool of inTurn(tools, pair + 1)) {
        const state = states.get(tool)?.place.state ?? '';
        const command = tool.lookUp?.({ repository, state }, blobId);
        if (command === undefined) continue;
        const measured = await measure(command);
        if (pair < 0 && measured.exitCode === 0) continue;
        const right = measured.stdout.includes('The blob that the measurement looks up.');
        ledger.note(`look up 1 of ${blobs} blobs`, tool, measured, right ? undefined : 'printed something else');
      }
    }
    for (const turn of states.values()) turn[Symbol.dispose]();
  }
  return ledger.rows(tools);
}
