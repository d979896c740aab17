import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { environmentPlace } from '../simple-style.ts';
import type { PlacedVariables } from '../simple-style.ts';
import type { Variables } from '../variables.ts';

/** Variables of the process, then those of `./.env` that it does not have. */
export function placedVariables(environment: Variables, folder: string): PlacedVariables {
  const found = new Map<string, { value: string; place: { file: string; line: number; column: number } }>();
  const text = readIfThere(`${folder}/.env`);
  const lines = text.split('\n');
  for (const [name, value] of Object.entries(parseEnv(text))) {
    const line = lines.findIndex(
      (words) =>
        words
          .trimStart()
          .replace(/^export\s+/, '')
          .split('=')[0]
          ?.trim() === name,
    );
    found.set(name, { value: value ?? '', place: { file: '.env', line: line + 1, column: 1 } });
  }
  for (const [name, value] of Object.entries(environment)) {
    if (value !== undefined) found.set(name, { value, place: environmentPlace });
  }
  return found;
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // Missing or closed to us: then there are only the variables of the process.
    return '';
  }
}
