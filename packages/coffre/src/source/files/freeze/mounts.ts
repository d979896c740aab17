/**
 * What is mounted where, as Linux tells it (/proc/self/mountinfo):
 *
 *   <id> <parent> <major:minor> <root> <mount point> <options> <tags…> - <type> <source> <options>
 *
 * Blanks in paths are written as octal numbers. Pure.
 */
export type Mount = {
  readonly point: string;
  readonly type: string;
  /** A device, a dataset, or whatever the file system calls itself. */
  readonly source: string;
  /** Of the file system, what is seen at the mount point. */
  readonly root: string;
};

export function parseMounts(text: string): Mount[] {
  return text.split('\n').flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ');
    const [, , , root, point] = before.split(' ');
    const [type, source] = after.split(' ');
    if (root === undefined || point === undefined || type === undefined || source === undefined) return [];
    return [{ point: plain(point), type, source: plain(source), root: plain(root) }];
  });
}

function plain(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

/** The last one mounted over a path hides those before it. */
export function mountOf(mounts: readonly Mount[], path: string): Mount | undefined {
  const above = mounts.filter(({ point }) => isWithin(path, point));
  const deepest = Math.max(...above.map(({ point }) => point.length));
  return above.findLast(({ point }) => point.length === deepest);
}

export function mountsBelow(mounts: readonly Mount[], path: string): Mount[] {
  return mounts.filter(({ point }) => point !== path && isWithin(point, path));
}

export function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder === '/' ? '/' : `${folder}/`);
}
