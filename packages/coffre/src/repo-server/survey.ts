/** One walk through everything a server keeps, when it starts: what killed writers left, and how much there is. */
import { lstat, opendir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCode } from '@coffre/repository';

export type Survey = { readonly usedBytes: number; readonly removedFiles: number };

export type SurveyOptions = {
  /** Of this server, whose own uploads are left alone. */
  readonly run: string;
  /** Left-overs of other programs are taken when they are older than a day. */
  readonly nowMs: number;
};

/** restic, rest-server and Coffre in a folder: a running backup of theirs may still be writing. */
const foreignLeftover = /^(?:[0-9a-f]{64}|config)(?:-tmp-[0-9a-z]+|\.rest-server-temp\d*)$/;
const ownLeftover = /^(?:[0-9a-f]{64}|config)-tmp-serve([0-9a-f]{8})[0-9a-f]+$/;
const dayMs = 24 * 3600_000;

export function temporaryName(place: string, run: string, salt: string): string {
  return `${place}-tmp-serve${run}${salt}`;
}

/** Links are not followed. Files that vanish meanwhile are passed over. */
export async function surveyFolder(folder: string, options: SurveyOptions): Promise<Survey> {
  let [usedBytes, removedFiles] = [0, 0];
  const waiting = [folder];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    // Such as the lost+found of a disk.
    const opened = await passingOver(opendir(path), ['ENOENT', 'EACCES']);
    for await (const entry of opened ?? []) {
      const place = join(path, entry.name);
      if (entry.isDirectory()) waiting.push(place);
      if (!entry.isFile()) continue;
      const { size, mtimeMs } = (await passingOver(lstat(place), ['ENOENT'])) ?? { size: 0, mtimeMs: options.nowMs };
      if (isLeftover(entry.name, mtimeMs, options)) {
        await passingOver(unlink(place), ['ENOENT']);
        removedFiles += 1;
      } else {
        usedBytes += size;
      }
    }
  }
  return { usedBytes, removedFiles };
}

function isLeftover(name: string, modifiedMs: number, { run, nowMs }: SurveyOptions): boolean {
  const own = ownLeftover.exec(name);
  if (own !== null) return own[1] !== run;
  return foreignLeftover.test(name) && nowMs - modifiedMs > dayMs;
}

async function passingOver<T>(work: Promise<T>, codes: readonly string[]): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (codes.includes(systemCode(error) ?? '')) return undefined;
    throw error;
  }
}
