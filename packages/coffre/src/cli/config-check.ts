import { adviceOn } from '../config/advice.ts';
import { byPlace, ConfigError, hasErrors, pathText, placeText } from '../config/mistake.ts';
import type { Mistake } from '../config/mistake.ts';
import type { Cli } from './cli.ts';
import type { LoadedConfig } from './config-source.ts';
import { withoutControls } from './output/display.ts';

/** Every mistake with its place, then the verdict. @throws {ConfigError} when there is an error */
export function checkReport(cli: Cli, loaded: LoadedConfig): void {
  const printer = cli.printer();
  const advice = hasErrors(loaded.mistakes) ? [] : adviceOn(loaded.root, loaded.config, Date.now());
  const mistakes = [...loaded.mistakes, ...advice].toSorted(byPlace);
  const unset = loaded.unset.map(({ name }) => name).toSorted();
  if (printer.json) {
    printer.message({
      schema: 'coffre.config-check/1',
      valid: !hasErrors(loaded.mistakes),
      files: loaded.files,
      mistakes: mistakes.map(mistakeJson),
      unset_variables: unset,
    });
  } else {
    for (const line of mistakes.flatMap(mistakeLines)) printer.always(line);
  }
  if (hasErrors(loaded.mistakes)) throw new ConfigError(loaded.mistakes, { listed: true });
  if (unset.length > 0) printer.normal(`not set here, so not looked at: ${unset.join(', ')}`);
  const warnings = mistakes.length;
  const end = warnings === 0 ? '' : `, with ${warnings === 1 ? 'a warning' : `${warnings} warnings`}`;
  printer.normal(`${loaded.file} is valid${end}`);
}

export function mistakeLines({ severity, place, message, hint }: Mistake): string[] {
  const lead = severity === 'warning' ? 'warning: ' : '';
  const line = withoutControls(`${placeText(place)}: ${lead}${message}`);
  return hint === undefined ? [line] : [line, `    ${withoutControls(hint)}`];
}

function mistakeJson({ severity, place, path, message, hint }: Mistake): object {
  return { severity, ...place, path: pathText(path), message, hint };
}
