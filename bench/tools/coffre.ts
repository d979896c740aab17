import type { Command } from '../measure.ts';
import { resticLike } from './restic.ts';
import type { Place, Tool } from './tool.ts';

/** `cacheHome` outlives the places: compiled modules are kept there between starts, as on a user's machine. */
export function coffreTool(program: string, version: string, cacheHome: string): Tool {
  // It speaks SSH itself, with the keys of the home folder.
  const own = <Asked extends Place>(place: Asked): Asked =>
    place.access === undefined ? place : { ...place, access: { env: place.access.env } };
  const tool = resticLike('coffre', version, program, cacheHome);
  const timed = (command: Command): Command => ({ ...command, env: { ...command.env, COFFRE_TIMINGS: '1' } });
  return {
    ...tool,
    init: (place) => tool.init(own(place)),
    backup: (place, source) => timed(tool.backup(own(place), source)),
    restore: (place, source, target) => timed(tool.restore(own(place), source, target)),
    prune: (place) => {
      const { args, ...rest } = (tool.prune as NonNullable<Tool['prune']>)(place);
      return timed({ ...rest, args: [...args, '--instant-delete'] });
    },
    check: (place) => timed(tool.check(place)),
    copy: (from, to) => timed((tool.copy as NonNullable<Tool['copy']>)(from, to)),
    open: (place) => timed(tool.open(place)),
    lookUp: (place: Place, blobId: string) => timed((tool.lookUp as NonNullable<Tool['lookUp']>)(place, blobId)),
    apart: parseTimings,
  };
}

/** The last line of stderr that is a JSON object with `keyMs`. */
export function parseTimings(stderr: string): { keyMs: number; lockMs: number } | undefined {
  for (const line of stderr.trimEnd().split('\n').toReversed()) {
    if (!line.startsWith('{') || !line.includes('"keyMs"')) continue;
    try {
      const { keyMs, lockMs = 0 } = JSON.parse(line) as { keyMs?: number; lockMs?: number };
      if (typeof keyMs === 'number') return { keyMs, lockMs };
    } catch {
      // Not ours.
    }
  }
  return undefined;
}
