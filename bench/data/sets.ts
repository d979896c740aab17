import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, readSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { SetName } from '../options.ts';
import { ByteStream, drawFrom, fileSize, wordPool } from './content.ts';
import { madeOnce, type DataSet } from './data-set.ts';

const mib = 2 ** 20;
const largeBytes = 2 * 2 ** 30;
const blockBytes = 16 * mib;

export function makeDataSet(name: SetName, folder: string, scale: number): DataSet {
  mkdirSync(folder, { recursive: true });
  switch (name) {
    case 'random':
      return randomFile(join(folder, 'random'), roundedBytes(largeBytes * scale));
    case 'usr':
      return tarOfUsr(join(folder, 'usr'), roundedBytes(largeBytes * scale));
    case 'small':
      return smallFiles(join(folder, 'small'), Math.max(100, Math.round(50_000 * scale)));
    case 'scattered':
      return scatteredFile(join(folder, 'scattered'), roundedBytes(largeBytes * scale), scale);
    default:
      return name satisfies never;
  }
}

function roundedBytes(size: number): number {
  return Math.max(1, Math.round(size / mib)) * mib;
}

function writeBlocks(path: string, sizeBytes: number, block: (size: number) => Buffer): void {
  const fd = openSync(path, 'w');
  for (let at = 0; at < sizeBytes; at += blockBytes) writeSync(fd, block(Math.min(blockBytes, sizeBytes - at)));
  closeSync(fd);
}

function randomFile(folder: string, sizeBytes: number): DataSet {
  madeOnce(folder, { kind: 'random', sizeBytes }, () => {
    const bytes = new ByteStream('random');
    writeBlocks(join(folder, 'random.bin'), sizeBytes, (size) => bytes.take(size));
  });
  return { name: 'random', title: `one file of ${sizeBytes / mib} MiB, random`, path: folder };
}

/** The one set that is not the same on every machine: programs, libraries and texts as this machine has them. */
function tarOfUsr(folder: string, sizeBytes: number): DataSet {
  madeOnce(folder, { kind: 'tar of /usr', sizeBytes }, () => {
    const script = 'tar --sort=name --mtime=@0 -cf - /usr 2>/dev/null | head -c "$1" > "$2"';
    spawnSync('bash', ['-c', script, 'bash', String(sizeBytes), join(folder, 'usr.tar')], { stdio: 'inherit' });
  });
  return { name: 'usr', title: `one tar file of /usr, its first ${sizeBytes / mib} MiB`, path: folder };
}

function smallFiles(folder: string, count: number): DataSet {
  const shape = { meanLog: 8.44, spreadLog: 1.3, maxBytes: 400_000 };
  madeOnce(folder, { kind: 'small files', count, ...shape }, () => {
    const draw = drawFrom('small files');
    const random = new ByteStream('small files');
    const words = wordPool('small files', 4 * mib);
    const paths = folders(folder, count);
    for (const path of paths) {
      const size = fileSize(draw, shape.meanLog, shape.spreadLog, shape.maxBytes);
      // Three of five are text.
      const at = Math.floor(draw() * (words.length - size));
      writeFileSync(path, draw() < 0.6 ? words.subarray(at, at + size) : random.take(size));
    }
  });
  const change = (): (() => void) => {
    const draw = drawFrom('small changes');
    const changed = [...filePaths(folder, count)].filter(() => draw() < 0.01);
    const before = changed.map((path) => readFileSync(path));
    for (const [index, path] of changed.entries())
      writeFileSync(path, `changed\n${before[index]?.toString('latin1')}`, 'latin1');
    return () => changed.forEach((path, index) => writeFileSync(path, before[index] as Buffer));
  };
  return { name: 'small', title: `${count} files of mixed size, 1 in 100 changes`, path: folder, change };
}

/** The same number of files per folder at every size, so that only the number of folders grows. */
export function growthTree(folder: string, count: number): DataSet {
  const path = join(folder, `growth-${count}`);
  madeOnce(path, { kind: 'growth', count }, () => {
    const draw = drawFrom('growth');
    const words = wordPool('growth', mib);
    for (const file of folders(path, count)) {
      const size = 100 + Math.floor(draw() * 900);
      const at = Math.floor(draw() * (words.length - size));
      writeFileSync(file, words.subarray(at, at + size));
    }
  });
  return { name: `growth-${count}`, title: `${count} files of 100 to 1000 bytes`, path };
}

function* filePaths(folder: string, count: number): Generator<string> {
  for (let index = 0; index < count; index++) {
    const branch = `branch-${Math.floor(index / 5000)}`;
    yield join(folder, branch, `folder-${Math.floor(index / 100)}`, `file-${index}.dat`);
  }
}

function* folders(folder: string, count: number): Generator<string> {
  let index = 0;
  for (const path of filePaths(folder, count)) {
    if (index++ % 100 === 0) mkdirSync(join(path, '..'), { recursive: true });
    yield path;
  }
}

/** Like a disk image or a database: half of it compresses; then small places all over it are written anew. */
function scatteredFile(folder: string, sizeBytes: number, scale: number): DataSet {
  const path = join(folder, 'disk.img');
  madeOnce(folder, { kind: 'scattered', sizeBytes }, () => {
    const draw = drawFrom('scattered');
    const random = new ByteStream('scattered');
    const words = wordPool('scattered', 4 * mib);
    const piece = 64 * 1024;
    writeBlocks(path, sizeBytes, (size) => {
      const block = random.take(size);
      for (let at = 0; at < size; at += 2 * piece) {
        const from = Math.floor(draw() * (words.length - piece));
        words.copy(block, at, from, from + piece);
      }
      return block;
    });
  });
  const places = Math.max(5, Math.round(200 * scale));
  const change = (): (() => void) => {
    const draw = drawFrom('scattered changes');
    const random = new ByteStream('scattered changes');
    const fd = openSync(path, 'r+');
    const undo = Array.from({ length: places }, () => {
      const bytes = random.take(8192);
      const position = Math.floor((draw() * (sizeBytes - bytes.length)) / 4096) * 4096;
      const before = Buffer.alloc(bytes.length);
      readSync(fd, before, 0, before.length, position);
      writeSync(fd, bytes, 0, bytes.length, position);
      return { before, position };
    });
    closeSync(fd);
    return () => {
      const back = openSync(path, 'r+');
      for (const { before, position } of undo.toReversed()) writeSync(back, before, 0, before.length, position);
      closeSync(back);
    };
  };
  return {
    name: 'scattered',
    title: `one file of ${sizeBytes / mib} MiB, half of it text; ${places} places of 8 KiB change`,
    path: folder,
    change,
  };
}
