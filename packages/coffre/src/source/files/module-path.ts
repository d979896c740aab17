/** Which module a state file belongs to, read off its path: `modules/{module}/state/`. Pure. */

const escaped = /[.*+?^${}()|[\]\\]/g;

/** @param pattern a piece of a path with `{module}` once; it stands for one name */
export function moduleOf(pattern: string, path: string): string | undefined {
  const [before = '', after = ''] = pattern.split('{module}').map((text) => text.replaceAll(escaped, '\\$&'));
  const found = new RegExp(`(?:^|/)${before.replace(/^\//, '')}([^/]+)${after}`).exec(path);
  return found?.[1];
}
