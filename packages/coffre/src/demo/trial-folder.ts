/** The folder a trial lives in: everything in it was made by us and may be deleted as a whole. */
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { CoffreError, messageOf, type Random } from '@coffre/repository';

export type TrialFolder = {
  readonly path: string;
  /** The application that is backed up; made once, then only added to. */
  readonly application: string;
  /** Consistent copies of databases, and what is true of them. */
  readonly copies: string;
  readonly repository: string;
  readonly passwordFile: string;
  /** Where backups are restored to; emptied before every restore. */
  readonly restored: string;
  /** A path as one would type it: relative where it lies below the folder one is in. */
  readonly near: (path: string) => string;
};

const markName = 'made-by-coffre.txt';
const markText = `This folder was made by \`coffre start\`. Nothing outside it is needed: delete it as a whole when you are done.

repository/  the backups, in restic's format
password     opens the repository; readable by its owner only
app/         the small application that is backed up
copies/      consistent copies of its database
restored/    the last restore; emptied before the next one
`;

/**
 * Makes the folder, or takes one made by an earlier run.
 * @throws {CoffreError} TRIAL_FOLDER_REFUSED when something that is not ours is there
 */
export function claimTrialFolder(path: string, workingFolder: string): TrialFolder {
  if (existsSync(path) && !isOurs(path)) {
    throw new CoffreError('TRIAL_FOLDER_REFUSED', `${path} exists and was not made by coffre start`, {
      hint: 'Name another folder with --folder, or move this one away; nothing was touched.',
    });
  }
  try {
    // Not recursively: a misspelt path should not grow folders, and in /proc that call never ends.
    if (!existsSync(path)) mkdirSync(path, { mode: 0o700 });
    writeFileSync(join(path, markName), markText);
  } catch (error) {
    throw new CoffreError('TRIAL_FOLDER_REFUSED', `${path} cannot be made: ${messageOf(error)}`, {
      hint: 'Name a folder in a place that exists and that you may write to, with --folder.',
      cause: error,
    });
  }
  return {
    path,
    application: join(path, 'app'),
    copies: join(path, 'copies'),
    repository: join(path, 'repository'),
    passwordFile: join(path, 'password'),
    restored: join(path, 'restored'),
    near: (inside) => {
      const short = relative(workingFolder, inside);
      return short === '' || short.startsWith('..') ? inside : short;
    },
  };
}

/** An empty folder is nobody's: taking it loses nothing. */
function isOurs(path: string): boolean {
  if (!statSync(path).isDirectory()) return false;
  const names = readdirSync(path);
  return names.length === 0 || names.includes(markName);
}

/** The password of the trial's repository, made on the first run. */
export function trialPassword(folder: TrialFolder, random: Random): string {
  if (existsSync(folder.passwordFile)) return readFileSync(folder.passwordFile, 'utf8').trim();
  const password = random.bytes(24).toString('base64url');
  writeFileSync(folder.passwordFile, `${password}\n`, { mode: 0o600, flag: 'wx' });
  return password;
}
