/**
 * A process of its own that locks a sample repository in a folder, for tests of what two processes do to each other:
 * `node lock-holder.ts FOLDER shared|exclusive` says `held ID`, and lets go at the end of its stdin;
 * `node lock-holder.ts FOLDER contend MILLISECONDS` takes locks again and again, and says how often it had which.
 */
import { open, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createLocalBackend } from '../backend/local.ts';
import { isCoffreError } from '../errors.ts';
import { systemClock, systemIdentity, systemRandom } from '../host/system.ts';
import { acquireLock } from '../lock/lock.ts';
import { openRepository } from '../repository.ts';
import type { Repository } from '../repository.ts';
import { createSampleHost, samplePassword } from './sample-repository.ts';
import type { SampleHost } from './sample-repository.ts';

/** A sample host as the real machine is. */
export function createRealHost(): SampleHost {
  const host = createSampleHost();
  const real = { ...host, clock: systemClock(), random: systemRandom(), identity: systemIdentity() };
  return real as typeof real & Pick<SampleHost, 'clock'>;
}

export function openSample(folder: string): Promise<Repository> {
  return openRepository({
    backend: createLocalBackend({ path: folder }),
    host: createRealHost(),
    password: samplePassword,
  });
}

export type ContendResult = { readonly exclusive: number; readonly shared: number; readonly refused: number };

async function holdUntilStdinEnds(repository: Repository, exclusive: boolean): Promise<void> {
  await using lock = await acquireLock(repository, { exclusive });
  process.stdout.write(`held ${lock.id}\n`);
  for await (const _ of process.stdin) continue;
}

/** Each holder puts a mark into a folder and looks whose marks are there: an exclusive one must be alone. */
async function contend(repository: Repository, folder: string, durationMs: number): Promise<ContendResult> {
  const counts = { exclusive: 0, shared: 0, refused: 0 };
  const endMs = performance.now() + durationMs;
  while (performance.now() < endMs) {
    const kind = Math.random() < 0.5 ? 'exclusive' : 'shared';
    try {
      await using _ = await acquireLock(repository, { exclusive: kind === 'exclusive' });
      await assertRightfulAmong(join(folder, 'marks'), kind);
      counts[kind] += 1;
    } catch (error) {
      if (!isCoffreError(error, 'REPO_LOCKED')) throw error;
      counts.refused += 1;
      await pause(Math.random() * 150);
    }
  }
  return counts;
}

async function assertRightfulAmong(marks: string, kind: 'shared' | 'exclusive'): Promise<void> {
  const own = join(marks, `${kind}-${process.pid}`);
  await (await open(own, 'wx')).close();
  await pause(20);
  const others = (await readdir(marks)).filter((name) => name !== `${kind}-${process.pid}`);
  await unlink(own);
  const wrong = kind === 'exclusive' ? others : others.filter((name) => name.startsWith('exclusive'));
  if (wrong.length > 0) throw new Error(`${kind} lock of ${process.pid} beside ${wrong.join(', ')}`);
}

if (import.meta.main) {
  const [folder = '', kind, durationMs = '0'] = process.argv.slice(2);
  const repository = await openSample(folder);
  if (kind === 'contend') {
    process.stdout.write(`${JSON.stringify(await contend(repository, folder, Number(durationMs)))}\n`);
  } else {
    await holdUntilStdinEnds(repository, kind === 'exclusive');
  }
}
