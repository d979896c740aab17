/** Several processes work on one state and are killed without warning, again and again. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { systemClock } from '@coffre/repository';
import { listEvents } from '../events.ts';
import { takeLease } from '../leases.ts';
import type { StoreLocation } from '../location.ts';
import { listRuns } from '../runs.ts';
import { openStore } from '../store.ts';
import { readLetters } from './read-letters.ts';
import { endLeases } from './scene.ts';
import type { Scene } from './scene.ts';

const program = fileURLToPath(new URL('hammer.ts', import.meta.url));
const workers = 3;
/** New ones in every round, so that each kill meets work. */
const jobsEachRound = 12;

export function killSuite(engine: string, scene: () => Scene, kills: number): void {
  test(`${engine}: ${kills} kills later every job is done once, and nothing is held`, async () => {
    const place = scene().freshPlace();
    await using store = await openStore(place, { clock: systemClock() });
    const { queue } = store;
    const jobs = kills * jobsEachRound;
    await using crew = new Crew(place);
    const done = async (): Promise<string[]> => (await listEvents(store, {}, 10 * jobs)).map(({ plan }) => plan ?? '');
    for (let kill = 0; kill < kills; kill += 1) {
      await crew.fill();
      for (let n = 0; n < jobsEachRound; n += 1) {
        const place = kill * jobsEachRound + n;
        await queue.enqueue([{ key: `job-${place}`, lane: 'hammer', place }]);
      }
      await pause(20 + ((kill * 7919) % 80));
      await crew.killOne(kill % workers);
    }
    await crew.fill();
    for (let turn = 0; (await done()).length < jobs; turn += 1) {
      // Those of the living too: what they finish then counts for nothing, and is done again.
      if (turn % 20 === 0) await endLeases(store);
      await pause(50);
    }
    await crew.killAll();

    const names = (await done()).toSorted();
    assert.deepEqual(names, Array.from({ length: jobs }, (_, n) => `job-${n}`).toSorted());
    const good = (await listRuns(store, {}, 100_000)).filter(({ end }) => end !== undefined);
    assert.equal(good.length, jobs);
    assert.equal((await readLetters(store)).length, jobs);
    assert.equal(await queue.claim([]), undefined);
    let answer = await takeLease(store, {
      repository: 'local',
      mode: 'exclusive',
      holder: 'after',
      durationMs: 1000,
    });
    while (answer.kind === 'taken') {
      await pause(50);
      answer = await takeLease(store, { repository: 'local', mode: 'exclusive', holder: 'after', durationMs: 1000 });
    }
    assert.equal(answer.kind, 'held', 'a lease whose holder was killed ends by itself');
  });
}

class Crew implements AsyncDisposable {
  readonly #place: StoreLocation;
  readonly #members: (ChildProcess | undefined)[] = Array.from({ length: workers }, () => undefined);
  #hired = 0;

  constructor(place: StoreLocation) {
    this.#place = place;
  }

  async fill(): Promise<void> {
    for (const [place, member] of this.#members.entries()) {
      if (member === undefined) this.#members[place] = await this.#hire();
    }
  }

  async killOne(place: number): Promise<void> {
    const member = this.#members[place];
    this.#members[place] = undefined;
    if (member === undefined || member.exitCode !== null || member.signalCode !== null) return;
    const ended = new Promise((resolve) => member.once('close', resolve));
    member.kill('SIGKILL');
    await ended;
  }

  async killAll(): Promise<void> {
    for (const place of this.#members.keys()) await this.killOne(place);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.killAll();
  }

  async #hire(): Promise<ChildProcess> {
    this.#hired += 1;
    const flags = ['--conditions=@coffre/source', '--disable-warning=ExperimentalWarning'];
    const argv = [...flags, program, JSON.stringify(this.#place), `worker-${this.#hired}`];
    const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise<void>((resolve, reject) => {
      child.stdout.once('data', () => resolve());
      child.once('exit', (code) => reject(new Error(`a worker ended by itself with ${code}`)));
    });
    child.removeAllListeners('exit');
    return child;
  }
}

function pause(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
