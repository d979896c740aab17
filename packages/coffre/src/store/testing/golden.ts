/** Stored copies of the state, one for each version of the schema and engine, as SQL text. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const goldenFolder: string = fileURLToPath(new URL('golden', import.meta.url));

export function goldenName(engine: 'sqlite' | 'postgres', version: number): string {
  return `state-v${version}.${engine}.sql`;
}

export function readGolden(engine: 'sqlite' | 'postgres', version: number): string {
  return readFileSync(join(goldenFolder, goldenName(engine, version)), 'utf8');
}
