/** What is wrong with a configuration, each with its place, all shown together. */
import { CoffreError } from '@coffre/repository/opening';

/** Lines and columns count from 1; line 0 is a place without lines, as the environment. */
export type Place = { readonly file: string; readonly line: number; readonly column: number };

export type ConfigPath = readonly (string | number)[];

export type Mistake = {
  /** A warning never makes the configuration invalid. */
  readonly severity: 'error' | 'warning';
  readonly place: Place;
  readonly path: ConfigPath;
  /** One sentence without full stop that names the key. */
  readonly message: string;
  readonly hint: string | undefined;
};

/** `plans.db-hourly.sources[0]`. */
export function pathText(path: ConfigPath): string {
  const parts = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${part}`));
  return parts.join('').replace(/^\./, '');
}

export function placeText({ file, line, column }: Place): string {
  return line === 0 ? file : `${file}:${line}:${column}`;
}

export function byPlace(a: Mistake, b: Mistake): number {
  if (a.place.file !== b.place.file) return a.place.file < b.place.file ? -1 : 1;
  return a.place.line - b.place.line || a.place.column - b.place.column || (a.message < b.message ? -1 : 1);
}

export function hasErrors(mistakes: readonly Mistake[]): boolean {
  return mistakes.some(({ severity }) => severity === 'error');
}

/** Code `CONFIG_INVALID`, with every mistake. `listed` says that they were shown one by one already. */
export class ConfigError extends CoffreError {
  readonly mistakes: readonly Mistake[];

  constructor(mistakes: readonly Mistake[], { listed = false } = {}) {
    const errors = mistakes.filter(({ severity }) => severity === 'error');
    const files = [...new Set(errors.map(({ place }) => place.file))];
    const first = errors[0];
    const count = errors.length === 1 ? 'a mistake' : `${errors.length} mistakes`;
    const detail = listed || first === undefined ? '' : `: ${placeText(first.place)}: ${first.message}`;
    super('CONFIG_INVALID', `${files.length > 1 ? 'the configuration' : files[0]} has ${count}${detail}`, {
      hint: listed
        ? 'Mend the places above; `coffre config explain KEY` says what a key means.'
        : 'Run `coffre config check`; it shows every mistake.',
    });
    this.mistakes = mistakes;
  }
}

export function isConfigError(error: unknown): error is ConfigError {
  return error instanceof CoffreError && error.code === 'CONFIG_INVALID' && 'mistakes' in error;
}
