/** Looks at a live repository, and changes nothing. */
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { CoffreError } from '@coffre/repository';
import type { SourceContext } from '../source.ts';
import { askGit, gitCall, tryGit, type GitPlace } from './git-program.ts';
import { referencesOf, type GitTruth } from './git-truth.ts';

export type GitFound = {
  readonly place: GitPlace;
  /** Shared by all work trees. */
  readonly gitFolder: string;
  readonly isBare: boolean;
};

/** @throws {CoffreError} SOURCE_MISSING, SOURCE_INVALID, SOURCE_TOOL_MISSING */
export async function findRepository(path: string, context: SourceContext): Promise<GitFound> {
  const folder = resolve(path);
  if (!existsSync(folder)) {
    throw new CoffreError('SOURCE_MISSING', `there is no ${folder}`, {
      hint: 'Check the spelling. Nothing was saved.',
    });
  }
  gitCall({ folder }, [], context);
  const place = { folder };
  const found = statSync(folder).isDirectory()
    ? await tryGit(place, ['rev-parse', '--is-bare-repository', '--git-common-dir'], context)
    : undefined;
  const [isBare, gitFolder] = found?.split('\n') ?? [];
  if (gitFolder === undefined) {
    throw new CoffreError('SOURCE_INVALID', `${folder} is no git repository`, {
      hint: 'Name the folder that holds .git, or a bare repository. Nothing was saved.',
    });
  }
  return { place, gitFolder: resolve(folder, gitFolder), isBare: isBare === 'true' };
}

/** Names as Latin-1, which keeps every byte. */
export async function referencesIn(place: GitPlace, context: SourceContext): Promise<[string, string][]> {
  const text = await askGit(place, ['for-each-ref', '--format=%(objectname) %(refname)'], context);
  return text.split('\n').flatMap((line): [string, string][] => {
    const at = line.indexOf(' ');
    return at < 0 ? [] : [[line.slice(at + 1), line.slice(0, at)]];
  });
}

export async function headOf(place: GitPlace, context: SourceContext): Promise<string | null> {
  const named = await tryGit(place, ['symbolic-ref', '--quiet', 'HEAD'], context);
  return named ?? (await tryGit(place, ['rev-parse', '--quiet', '--verify', 'HEAD'], context)) ?? null;
}

export async function presentTruth(path: string, context: SourceContext): Promise<GitTruth> {
  const { place, gitFolder, isBare } = await findRepository(path, context);
  const format = await tryGit(place, ['rev-parse', '--show-object-format'], context);
  return {
    path: place.folder,
    isBare,
    objectFormat: format === 'sha256' ? 'sha256' : 'sha1',
    head: await headOf(place, context),
    references: referencesOf(await referencesIn(place, context)),
    objects: null,
    isShallow: existsSync(join(gitFolder, 'shallow')),
  };
}

/** What a bundle of everything does not hold. @throws {CoffreError} SOURCE_REFUSED where objects are elsewhere */
export async function warningsFor({ place, gitFolder }: GitFound, context: SourceContext): Promise<string[]> {
  const partial = await tryGit(place, ['config', '--local', '--get', 'extensions.partialClone'], context);
  if (partial !== undefined) {
    throw new CoffreError('SOURCE_REFUSED', 'it is a partial clone: some of its objects are only on another server', {
      hint: 'Save the repository it was cloned from, or fetch all: git fetch --refetch --no-filter. Nothing was saved.',
    });
  }
  const said: string[] = [];
  if (existsSync(join(gitFolder, 'shallow'))) said.push('it is a shallow clone: older commits are not in it');
  if (existsSync(join(gitFolder, 'modules')) || existsSync(join(place.folder, '.gitmodules'))) {
    said.push('its submodules are repositories of their own, and not saved with it');
  }
  if (existsSync(join(gitFolder, 'lfs'))) said.push('files of Git LFS are not in it: save .git/lfs as files');
  if (linesIn(join(gitFolder, 'logs/refs/stash')) > 1) said.push('of its stashes only the newest is saved');
  return said;
}

function linesIn(path: string): number {
  if (!existsSync(path)) return 0;
  return readFileSync(path, 'latin1').split('\n').length - 1;
}

const settingBytesMax = 1024 * 1024;
/** A line for each commit where it was cut. */
const shallowBytesMax = 64 * 1024 * 1024;
const hooksMax = 100;

/** Settings, hooks and where the history was cut, small as they are; names are those of files in the repository's folder. */
export function smallFiles({ gitFolder }: GitFound): { readonly name: string; readonly bytes: Buffer }[] {
  const hooks = isFolder(join(gitFolder, 'hooks')) ? readdirSync(join(gitFolder, 'hooks')) : [];
  const names = [
    'config',
    'description',
    'shallow',
    ...(isFolder(join(gitFolder, 'info')) ? ['info/exclude', 'info/attributes'] : []),
    ...hooks
      .filter((name) => !name.endsWith('.sample'))
      .slice(0, hooksMax)
      .map((name) => `hooks/${name}`),
  ];
  return names.flatMap((name) => {
    const bytes = readSmall(join(gitFolder, name));
    return bytes === undefined ? [] : [{ name, bytes }];
  });
}

/** Of links nothing is read: they may lead to what only we may read. */
function isFolder(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function readSmall(path: string): Buffer | undefined {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
  try {
    const stat = fstatSync(file);
    const bytesMax = path.endsWith('/shallow') ? shallowBytesMax : settingBytesMax;
    return stat.isFile() && stat.size <= bytesMax ? readFileSync(file) : undefined;
  } finally {
    closeSync(file);
  }
}
