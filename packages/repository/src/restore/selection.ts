import type { ByteString } from '../format/bytestring.ts';
import type { PathMatcher } from '../select/patterns.ts';

/** What happens to one entry: whether it is restored, and whether anything below it may be. */
export type Choice = { readonly selected: boolean; readonly descend: boolean };

/** `path` begins at the root of what is restored: `/` and then the names. */
export type RestoreSelection = (path: ByteString, isFolder: boolean) => Choice;

const both: Choice = { selected: true, descend: true };
const entryOnly: Choice = { selected: true, descend: false };
const belowOnly: Choice = { selected: false, descend: true };
const neither: Choice = { selected: false, descend: false };

/** Leaves nothing out. */
export const everythingSelected: RestoreSelection = () => both;

/** What an exclude pattern matches is left out, with everything below. */
export function excluding(matcher: PathMatcher): RestoreSelection {
  return (path) => (matcher.matches(path) ? neither : both);
}

/** Only what an include pattern matches; folders on the way are made as they are needed. */
export function including(matcher: PathMatcher): RestoreSelection {
  return (path, isFolder) => {
    const descend = isFolder && matcher.mayMatchBelow(path);
    if (matcher.matches(path)) return descend ? both : entryOnly;
    return descend ? belowOnly : neither;
  };
}
