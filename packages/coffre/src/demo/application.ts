/** A small application with the kinds of things real ones have: uploads, settings, secrets, state files, a database. */
import { createCipheriv, createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  linkSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { makeFolders } from '@coffre/repository';
import { openShop } from './shop.ts';

/** Inside the application's folder. */
export const databaseName = 'data/shop.sqlite';

/** The live database is saved through a consistent copy; its own files are left out. */
export const liveDatabaseNames: readonly string[] = ['', '-wal', '-shm'].map((ending) => databaseName + ending);

const kib = 1024;

/** What all of it takes, roughly. */
export const applicationBytes: number = 28 * kib * kib;

/** Makes the application when it is not there. Built beside and renamed, so that half of one is never taken for whole. */
export function makeApplication(folder: string): { made: boolean } {
  if (existsSync(folder)) return { made: false };
  const part = `${folder}.part`;
  rmSync(part, { recursive: true, force: true });
  makeFolders(join(part, 'data'), 0o755);
  writeSettings(part);
  writeUploads(part);
  openShop(join(part, databaseName)).close();
  renameSync(part, folder);
  return { made: true };
}

/** What a day brings: one more photo, so that a second backup has something to add. */
export function addTodaysPhoto(folder: string): string {
  const photos = join(folder, 'uploads/photos');
  makeFolders(photos, 0o755);
  const name = `today-${readdirSync(photos).length + 1}.jpg`;
  writeFileSync(join(photos, name), noise(name + String(Date.now()), 300 * kib));
  return `uploads/photos/${name}`;
}

function writeSettings(folder: string): void {
  write(
    folder,
    '.env',
    'SHOP_SECRET=not-a-real-secret\nSMTP_PASSWORD=not-a-real-password\nDATABASE=data/shop.sqlite\n',
    0o600,
  );
  write(
    folder,
    'config/shop.toml',
    '[shop]\nname = "Trial shop"\ncurrency = "EUR"\n\n[mail]\nfrom = "shop@example.org"\n',
    0o640,
  );
  for (const [index, name] of ['orders', 'search', 'mail'].entries()) {
    const state = `[state]\nmodule = "${name}"\ncursor = ${104_729 * (index + 1)}\nlast_seen = 2026-08-24T06:00:12Z\n`;
    write(folder, `modules/${name}/state/${name}_state.toml`, state, 0o644);
  }
  write(folder, 'bin/rebuild-search', '#!/bin/sh\necho "rebuilding"\n', 0o755);
}

function writeUploads(folder: string): void {
  for (let index = 1; index <= 40; index += 1) {
    write(folder, `uploads/photos/photo-${index}.jpg`, noise(`photo ${index}`, (60 + ((index * 37) % 240)) * kib));
  }
  for (let index = 1; index <= 150; index += 1) {
    const month = String(1 + (index % 12)).padStart(2, '0');
    write(
      folder,
      `uploads/invoices/2026/${month}/invoice-${1000 + index}.txt`,
      prose(index, 200 + ((index * 53) % 900)),
    );
  }
  for (let index = 1; index <= 300; index += 1) {
    write(folder, `uploads/avatars/${index % 16}/${index}.png`, noise(`avatar ${index}`, 600 + ((index * 97) % 3000)));
  }
  const film = noise('film', 6 * kib * kib);
  write(folder, 'uploads/films/opening.mp4', film);
  write(folder, 'uploads/films/opening (copy).mp4', film);
  writeOddities(join(folder, 'uploads'));
}

/** What backups have lost before: names, links, holes, empty files, unusual modes. */
function writeOddities(folder: string): void {
  write(folder, 'odd/empty', '');
  write(folder, 'odd/été, 秋, зима.txt', 'names in other scripts\n');
  write(folder, 'odd/two\nlines.txt', 'a line break in the name\n');
  write(folder, 'odd/sparse.img', '');
  truncateSync(join(folder, 'odd/sparse.img'), 4 * kib * kib);
  write(folder, 'odd/read-only.txt', 'nobody may write this\n', 0o444);
  linkSync(join(folder, 'photos/photo-1.jpg'), join(folder, 'odd/photo-1, second name.jpg'));
  symlinkSync('photos/photo-40.jpg', join(folder, 'newest.jpg'));
  symlinkSync('nowhere', join(folder, 'odd/dangling'));
  chmodSync(join(folder, 'odd'), 0o1777);
  if (process.platform === 'linux') {
    writeFileSync(
      Buffer.concat([Buffer.from(`${folder}/odd/not utf-8 `), Buffer.from([0xff, 0xfe])]),
      'bytes, not text\n',
    );
  }
}

function write(folder: string, name: string, content: string | Buffer, mode = 0o644): void {
  const path = join(folder, name);
  makeFolders(dirname(path), 0o755);
  writeFileSync(path, content);
  chmodSync(path, mode);
  const writtenAt = 1_750_000_000 + (seedOf(name).readUInt32LE(0) % 30_000_000) + 0.123_456;
  utimesSync(path, writtenAt, writtenAt);
}

function seedOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** Bytes that do not compress, the same for the same seed. */
function noise(seed: string, sizeBytes: number): Buffer {
  const key = seedOf(seed);
  return createCipheriv('aes-128-ctr', key.subarray(0, 16), key.subarray(16)).update(Buffer.alloc(sizeBytes));
}

const words =
  'order paid shipped to the customer with thanks for article and a discount of euros on invoice dated returned'.split(
    ' ',
  );

function prose(seed: number, wordCount: number): string {
  const text = Array.from(
    { length: wordCount },
    (_, at) => words[(seed * 31 + at * at * 7 + (at >> 3)) % words.length],
  );
  return `Invoice ${seed}\n\n${text.join(' ')}\n`;
}
