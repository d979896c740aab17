/** A folder with two repositories whose keys cost no time, a configuration as text, and runs of its plans in this process. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  createFiles,
  createLocalBackend,
  dump,
  newestFirst,
  systemClock,
  systemRandom,
  toByteString,
  type Repository,
  type SnapshotId,
  type StoredSnapshot,
} from '@coffre/repository';
import { createSampleHost, createSampleRepository, samplePassword } from '@coffre/repository/testing';
import { openConfigured, type RepositorySurroundings } from '../../access/configured-repository.ts';
import type { PlanName, RepositoryName } from '../../config/config.ts';
import { plainOf } from '../../config/located.ts';
import { parseConfig, requireConfig } from '../../config/parse.ts';
import { systemSecretDoors } from '../../config/read/secrets.ts';
import { readYaml } from '../../config/yaml-text.ts';
import { createPrograms } from '../../platform/programs.ts';
import type { ZoneName } from '../../schedule/schedule-spec.ts';
import { listRuns, type Run } from '../../store/runs.ts';
import { openStore, type Store } from '../../store/store.ts';
import type { RunMessage } from '../run-message.ts';
import { runPlan } from '../run-plan.ts';
import { runPurpose, type RunPurpose, type RunResult } from '../run-request.ts';
import type { Machine, RunSurroundings } from '../run-surroundings.ts';

export type PlanScene = AsyncDisposable & {
  readonly folder: string;
  readonly store: Store;
  readonly machine: Machine;
  /** Everything that runs told, in order. */
  readonly messages: RunMessage[];
  write(path: string, text: string): string;
  read(path: string): string;
  run(yaml: string, plan?: string, more?: RunMore): Promise<RunResult>;
  around(yaml: string, more?: RunMore): RunSurroundings;
  /** Oldest first. */
  snapshots(yaml: string, repository: string): Promise<readonly StoredSnapshot[]>;
  /** Content of a file of a snapshot. */
  fileOf(yaml: string, repository: string, snapshot: SnapshotId, path: string): Promise<Buffer>;
  rows(): Promise<readonly Run[]>;
};

export type RunMore = {
  readonly purpose?: Partial<RunPurpose>;
  readonly signal?: AbortSignal;
  /** What the clock of the run says; the real time when absent. */
  readonly nowMs?: number;
  readonly onMessage?: (message: RunMessage) => void;
};

/** What every configuration of the tests begins with: repositories `local` and `offsite`. */
export function usualYaml(folder: string, rest: string, offsite = join(folder, 'offsite')): string {
  return `version: 1
secrets: {key: {file: ${join(folder, 'key')}}}
repositories:
  local: {url: ${join(folder, 'local')}, password: "\${secret:key}", medium: disk, place: here}
  offsite: {url: ${offsite}, password: "\${secret:key}", medium: disk, place: there}
${rest.replaceAll('FOLDER', folder)}`;
}

export async function makePlanScene(): Promise<PlanScene> {
  const folder = mkdtempSync(join(tmpdir(), 'coffre-plan-'));
  for (const name of ['local', 'offsite']) {
    const backend = createLocalBackend({ path: join(folder, name) });
    const { repository } = await createSampleRepository({
      backend,
      host: { ...createSampleHost(), random: systemRandom() },
    });
    await repository[Symbol.asyncDispose]();
  }
  const clock = systemClock();
  const store = await openStore({ kind: 'sqlite', file: join(folder, 'state', 'state.db') }, { clock });
  const messages: RunMessage[] = [];
  const environment = { PATH: process.env['PATH'], HOME: folder, TMPDIR: join(folder, 'tmp') };
  const machine: Machine = { host: hostname(), pid: process.pid, bootId: 'boot-1 1', isAlive: () => true };
  const write = (path: string, text: string): string => {
    const whole = join(folder, path);
    mkdirSync(dirname(whole), { recursive: true });
    writeFileSync(whole, text);
    return whole;
  };
  write('key', `${samplePassword}\n`);
  const repositories = (yaml: string): RepositorySurroundings => ({
    secrets: configOf(yaml).secrets,
    doors: systemSecretDoors(environment),
    environment,
    cache: { cacheDir: join(folder, 'cache'), noCache: false },
    warn: () => undefined,
  });
  const around: PlanScene['around'] = (yaml, { signal, onMessage, nowMs } = {}) => ({
    config: configOf(yaml),
    configuration: plainOf(parsed(yaml).root),
    store,
    stateFolder: join(folder, 'state'),
    machine,
    repositories: repositories(yaml),
    source: {
      programs: createPrograms(environment),
      searchPath: environment.PATH ?? '',
      files: createFiles(),
      // Waiting for others takes no time in tests.
      clock: {
        ...clock,
        nowNs: () => (nowMs === undefined ? clock.nowNs() : BigInt(nowMs) * 1_000_000n),
        monotonicMs: () => clock.monotonicMs(),
        sleep: async () => undefined,
      },
      temporaryFolder: join(folder, 'tmp'),
    },
    programVersion: 'coffre test',
    tell: (message) => {
      messages.push(message);
      onMessage?.(message);
    },
    signal: signal ?? new AbortController().signal,
  });
  const opened = async (yaml: string, name: string): Promise<Repository> =>
    await openConfigured(configOf(yaml).repositories.get(name as RepositoryName)!, repositories(yaml));
  return {
    folder,
    store,
    machine,
    messages,
    write,
    read: (path) => readFileSync(join(folder, path), 'utf8'),
    around,
    run: async (yaml, plan = 'shop', more = {}) =>
      await runPlan(around(yaml, more), { plan: plan as PlanName, purpose: runPurpose.parse(more.purpose ?? {}) }),
    snapshots: async (yaml, name) => {
      await using repository = await opened(yaml, name);
      return newestFirst(await repository.listSnapshots()).toReversed();
    },
    fileOf: async (yaml, name, id, path) => {
      await using repository = await opened(yaml, name);
      const parts: Uint8Array[] = [];
      const { tree } = await repository.loadSnapshot(id);
      const output = async (bytes: Uint8Array): Promise<void> => void parts.push(Uint8Array.from(bytes));
      await dump(await repository.loadIndex(), { tree, path: toByteString(path), output });
      return Buffer.concat(parts);
    },
    rows: async () => (await listRuns(store, {}, 100)).toReversed(),
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function parsed(yaml: string) {
  const surroundings = { variables: {}, systemZone: 'UTC' as ZoneName };
  return parseConfig([readYaml({ file: 'coffre.yaml', text: yaml })], surroundings);
}

function configOf(yaml: string) {
  return requireConfig(parsed(yaml));
}
