/** Damaged in the same way, repaired with the same words: what restic gets back, coffre gets back, and restic agrees. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { samplePassword } from '../../packages/repository/src/testing/sample-repository.ts';
import { createSeededRandom } from '../../packages/repository/src/testing/seeded-random.ts';
import { skipWithout } from '../peers.ts';
import { createWorld, messages, restic, type Run, type World } from './cli-programs.ts';

type Case = {
  readonly name: string;
  readonly apply: (repository: string) => void;
  /** Verbs of `repair`; `packs` gets the ids that a check names. */
  readonly road: readonly ('index' | 'packs' | 'snapshots')[];
};

function filesIn(repository: string, kind: string): string[] {
  return readdirSync(join(repository, kind), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort((a, b) => statSync(b).size - statSync(a).size);
}

function change(path: string, edit: (bytes: Buffer) => Buffer): void {
  chmodSync(path, 0o600);
  writeFileSync(path, edit(readFileSync(path)));
}

function flip(path: string, at: (size: number) => number): void {
  change(path, (bytes) => {
    const place = at(bytes.byteLength);
    bytes.writeUInt8(bytes.readUInt8(place) ^ 1, place);
    return bytes;
  });
}

const dataPack = (repository: string): string => filesIn(repository, 'data')[0] ?? '';
/** Trees compress well. */
const treePack = (repository: string): string => filesIn(repository, 'data').at(3) ?? '';

const cases: readonly Case[] = [
  { name: 'a flipped bit in a data blob', apply: (r) => flip(dataPack(r), () => 1000), road: ['packs', 'snapshots'] },
  { name: 'a flipped bit in a small pack', apply: (r) => flip(treePack(r), () => 60), road: ['packs', 'snapshots'] },
  {
    name: 'a flipped bit in a header',
    apply: (r) => flip(dataPack(r), (size) => size - 10),
    road: ['packs', 'snapshots'],
  },
  {
    name: 'a truncated pack',
    apply: (r) => change(dataPack(r), (bytes) => bytes.subarray(0, bytes.byteLength - 200_000)),
    road: ['packs', 'snapshots'],
  },
  {
    name: 'garbage at the end of a pack',
    apply: (r) => change(dataPack(r), (bytes) => Buffer.concat([bytes, Buffer.alloc(99, 1)])),
    road: ['packs', 'snapshots'],
  },
  { name: 'an empty pack', apply: (r) => change(dataPack(r), () => Buffer.alloc(0)), road: ['packs', 'snapshots'] },
  { name: 'a missing data pack', apply: (r) => rmSync(dataPack(r)), road: ['index', 'snapshots'] },
  { name: 'a missing small pack', apply: (r) => rmSync(treePack(r)), road: ['index', 'snapshots'] },
  { name: 'a missing index', apply: (r) => rmSync(filesIn(r, 'index')[0] ?? ''), road: ['index', 'snapshots'] },
  {
    name: 'no index at all',
    apply: (r) => filesIn(r, 'index').forEach((path) => rmSync(path)),
    road: ['index', 'snapshots'],
  },
  {
    name: 'garbage for an index',
    apply: (r) => change(filesIn(r, 'index')[0] ?? '', () => Buffer.from('{}')),
    road: ['index', 'snapshots'],
  },
];

describe('repair', { skip: skipWithout(restic, 'restic 0.19') }, () => {
  let world: World;
  let copies = 0;
  before(async () => {
    world = await createWorld();
    const random = createSeededRandom(5);
    // Several packs of about one size: the loss of one is damage, the loss of most is a storage that is not all there.
    for (const name of ['noise', 'more', 'most']) {
      writeFileSync(join(world.source, name), random.bytes(name === 'noise' ? 1_000_000 : 900_000));
      world.restic(['backup', '-q', '--host', 'one', 'source']);
    }
    writeFileSync(join(world.source, 'late'), 'written later');
    world.restic(['backup', '-q', '--host', 'two', 'source']);
  });
  after(() => world[Symbol.dispose]());

  /** Each way on a copy of its own, in a folder of its own, where the copies of packs go. */
  function damagedCopy({ apply }: Case): { repository: string; cwd: string } {
    const repository = world.copy(`copy${(copies += 1)}`);
    const cwd = join(world.folder, `cwd${copies}`);
    mkdirSync(cwd);
    apply(repository);
    return { repository, cwd };
  }

  function repair(program: World['coffre'], damaged: Case): { repository: string; runs: Run[] } {
    const { repository, cwd } = damagedCopy(damaged);
    const run = (...argv: string[]): Run => program(['-r', repository, ...argv], { cwd });
    const runs: Run[] = [];
    for (const verb of damaged.road) {
      if (verb === 'index') runs.push(run('repair', 'index'));
      if (verb === 'packs') runs.push(run('repair', 'packs', ...brokenPacks(repository)));
      if (verb === 'snapshots') runs.push(run('repair', 'snapshots', '--forget'));
    }
    return { repository, runs };
  }

  function brokenPacks(repository: string): string[] {
    const { stdout } = world.restic(['-r', repository, 'check', '--read-data', '--json']);
    return messages(stdout).flatMap((message) => (message['broken_packs'] as string[] | null | undefined) ?? []);
  }

  /** By host and path: what `dump` gives of every file. */
  function contents(repository: string): { [name: string]: string } {
    const found: { [name: string]: string } = {};
    for (const host of ['one', 'two']) {
      const target = join(world.folder, `restored${(copies += 1)}`);
      world.restic(['-r', repository, 'restore', 'latest', '--host', host, '--target', target]);
      for (const name of ['noise', 'more', 'most', 'late', 'big.bin', 'b.txt', 'sub/c.conf', 'sub/deep/d.conf']) {
        const path = join(target, 'source', name);
        found[`${host}:${name}`] = existsSync(path)
          ? createHash('sha256').update(readFileSync(path)).digest('hex')
          : '';
      }
      rmSync(target, { recursive: true, force: true });
    }
    return found;
  }

  for (const damaged of cases) {
    test(`${damaged.name}: the same exit codes, the same losses, and restic finds our repair sound`, () => {
      const ours = repair(world.coffre, damaged);
      const theirs = repair(world.restic, damaged);
      assert.deepEqual(
        ours.runs.map(({ code }) => code),
        theirs.runs.map(({ code }) => code),
        ours.runs.map(({ stderr }) => stderr).join(),
      );
      assert.deepEqual(comparable(ours.runs), comparable(theirs.runs));
      assert.deepEqual(contents(ours.repository), contents(theirs.repository));
      const judged = world.restic(['-r', ours.repository, 'check', '--read-data']);
      assert.match(judged.stdout, /no errors were found/, judged.stderr);
      assert.equal(world.coffre(['-r', ours.repository, 'check', '--read-data']).code, 0);
    });
  }

  test('once the damaged pack is out of the index, the next backup and another repository each fill the gap', () => {
    const whole = world.copy('whole');
    for (const fill of [
      ['backup', '--host', 'two', 'source'],
      ['repair', 'heal', '--from-repo', whole],
    ]) {
      const repository = world.copy(`gap-${fill[0]}`);
      flip(dataPack(repository), () => 1000);
      const cwd = join(world.folder, `cwd-gap-${fill[0]}`);
      mkdirSync(cwd);
      const broken = brokenPacks(repository);
      assert.equal(broken.length, 1);
      assert.equal(world.coffre(['-r', repository, 'repair', 'packs', ...broken], { cwd }).code, 0);
      assert.equal(world.restic(['-r', repository, 'check']).code, 1);
      const environment = { RESTIC_FROM_PASSWORD: samplePassword };
      assert.equal(world.coffre(['-r', repository, ...fill], { environment }).code, 0);
      const judged = world.restic(['-r', repository, 'check', '--read-data']);
      assert.match(judged.stdout, /no errors were found/, judged.stderr);
    }
  });

  test('restic cuts off what coffre keeps when the index is repaired before a truncated pack', () => {
    // Six pieces or more in two packs at most: the largest has several, and only its last is cut.
    const large = join(world.folder, 'large.bin');
    writeFileSync(large, createSeededRandom(9).bytes(12_000_000));
    const ours = world.copy('truncated-ours');
    world.restic(['-r', ours, 'backup', '-q', large]);
    cases.find(({ name }) => name === 'a truncated pack')?.apply(ours);
    const theirs = join(world.folder, 'truncated-theirs');
    cpSync(ours, theirs, { recursive: true });
    const cwd = join(world.folder, 'cwd-truncated');
    mkdirSync(cwd);
    const run = (...argv: string[]): Run => world.coffre(['-r', ours, ...argv], { cwd });
    assert.equal(run('repair', 'index').code, 0);
    assert.match(run('repair', 'packs').stdout, /[1-9]\d* pieces? can be read/);
    assert.equal(run('repair', 'snapshots', '--forget').code, 0);
    assert.equal(world.restic(['-r', ours, 'check', '--read-data']).code, 0);
    for (const argv of [['index'], ['snapshots', '--forget']]) {
      assert.equal(world.restic(['-r', theirs, 'repair', ...argv], { cwd }).code, 0);
    }
    const kept = (repo: string): number =>
      Number(messages(world.restic(['-r', repo, 'stats', '--mode', 'raw-data', '--json']).stdout)[0]?.['total_size']);
    assert.ok(kept(ours) > kept(theirs));
  });
});

/** The sentences that both say; ours may say more. */
function comparable(runs: readonly Run[]): string[] {
  const shared =
    /^(?:loading indexes|getting pack files|removing not found|reindexing|adding pack file|removing invalid index [0-9a-f]+|rebuilding index|done|saving backup copies|salvaging|removing salvaged|modified|no snapshots|removed (?:old|empty) snapshot|\s+(?:file|dir) ".*": [a-z ]+)/;
  const lines = runs.flatMap(({ stdout, stderr }) =>
    `${stdout}\n${stderr}`.split('\n').map((line) => shared.exec(line)?.[0].trimEnd() ?? ''),
  );
  return [...new Set(lines.filter((line) => line !== '').map((line) => line.replace(/ [0-9a-f]{8}$/, '')))].sort();
}
