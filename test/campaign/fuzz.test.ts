/**
 * Every reader of a file of the format, fed with changed files: it gives a value, or an error of its own code, in
 * bounded memory and time. More with COFFRE_FUZZ=10000000; a case that fails prints how to repeat it alone.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCoffreError } from '../../packages/repository/src/errors.ts';
import { createSeededRandom } from '../../packages/repository/src/testing/seeded-random.ts';
import { fuzzSubjects } from './fuzz-subjects.ts';
import type { FuzzSubject } from './fuzz-subjects.ts';
import { mutated } from './mutations.ts';

const cases = Number(process.env['COFFRE_FUZZ'] ?? 30_000);
const seed = Number(process.env['COFFRE_SEED'] ?? Date.now() % 1_000_000);
/** Of one case, in processor time: a thousand times what the slowest takes. */
const caseCpuMsMax = 5000;
const memoryBytesMax = 768 * 2 ** 20;

function tryCase(subject: FuzzSubject, caseSeed: number): 'value' | 'refused' {
  const random = createSeededRandom(caseSeed);
  const bytes = mutated(random.pick(subject.samples), subject.kind, random);
  const before = process.cpuUsage();
  try {
    subject.read(bytes, random);
    return 'value';
  } catch (error) {
    assert.ok(isCoffreError(error), `not an error of the tree: ${String(error)}`);
    assert.ok(subject.codes.includes(error.code), `${error.code} is not of ${subject.name}: ${error.message}`);
    assert.ok(error.message.length < 2000, `a message of ${error.message.length} characters`);
    return 'refused';
  } finally {
    const { user, system } = process.cpuUsage(before);
    assert.ok((user + system) / 1000 < caseCpuMsMax, `${subject.name} took ${(user + system) / 1000} ms`);
  }
}

const subjects = fuzzSubjects();

for (const subject of subjects) {
  test(`a changed ${subject.name} is read or refused by its code (seed ${seed})`, async () => {
    const outcomes = { value: 0, refused: 0 };
    for (let number = 0; number < cases / subjects.length; number += 1) {
      const caseSeed = seed + number;
      try {
        outcomes[tryCase(subject, caseSeed)] += 1;
      } catch (error) {
        const again = `COFFRE_SEED=${caseSeed} COFFRE_FUZZ=1 npm test -- --campaign campaign/fuzz`;
        throw new Error(`${subject.name}, seed ${caseSeed}: repeat it with ${again}`, { cause: error });
      }
      if (number % 200 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    assert.ok(process.resourceUsage().maxRSS * 1024 < memoryBytesMax, 'memory stays bounded');
    if (cases > 1000) assert.ok(outcomes.refused > 0, 'the changes are such that something is refused');
  });
}
