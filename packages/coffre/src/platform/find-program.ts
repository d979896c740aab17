import { accessSync, constants, statSync } from 'node:fs';
import { join } from 'node:path';

/** @param searchPath as in PATH @returns the file that would be run; undefined when there is none */
export function findProgram(program: string, searchPath: string): string | undefined {
  const places = program.includes('/') ? [program] : searchPath.split(':').map((folder) => join(folder, program));
  return places.find((path) => isProgram(path));
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
