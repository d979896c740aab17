/** Texts of configuration files become one checked configuration, or all of their mistakes. */
import type { ZoneName } from '../schedule/schedule-spec.ts';
import { buildConfig } from './build/build-config.ts';
import type { Config } from './config.ts';
import { createJsonSchema, keysAt } from './json-schema.ts';
import { combinationMistakes } from './combinations.ts';
import type { SchemaNode } from './json-schema.ts';
import { mistakesOf } from './issues.ts';
import { merged, plainOf } from './located.ts';
import type { Located } from './located.ts';
import { byPlace, hasErrors } from './mistake.ts';
import type { Mistake } from './mistake.ts';
import { referenceMistakes } from './references.ts';
import { documentSchema } from './schema/document.ts';
import { substituteVariables } from './variables.ts';
import type { Variables } from './variables.ts';
import type { ReadYaml } from './yaml-text.ts';

export type ParsedConfig = {
  /** What was written, all files together, variables filled in. */
  readonly root: Located;
  /** Undefined with mistakes, and while variables are not set. */
  readonly config: Config | undefined;
  /** Sorted by place. */
  readonly mistakes: readonly Mistake[];
  /** Variables that are named without a default and not set. */
  readonly unset: readonly string[];
};

export type ParseSurroundings = {
  readonly variables: Variables;
  /** For files that name no time zone. */
  readonly systemZone: ZoneName;
};

/** @param files later ones win over earlier ones */
export function parseConfig(files: readonly ReadYaml[], { variables, systemZone }: ParseSurroundings): ParsedConfig {
  const written = files.map(({ value }) => value).reduce(merged);
  const { value: root, mistakes: wrongVariables, unset } = substituteVariables(written, variables);
  const unreadable = files.flatMap(({ mistakes }) => mistakes);
  // What YAML cannot read has no keys either; more would be noise.
  if (unreadable.length > 0) {
    return { root, config: undefined, mistakes: sorted([...unreadable, ...wrongVariables]), unset };
  }
  const checked = documentSchema.safeParse(plainOf(root));
  let schema: SchemaNode | undefined;
  const found = mistakesOf(checked.error?.issues ?? [], root, (path) =>
    keysAt((schema ??= createJsonSchema()), path, root),
  );
  const mistakes = sorted([...wrongVariables, ...found, ...referenceMistakes(root), ...combinationMistakes(root)]);
  const isValid = checked.success && !hasErrors(mistakes);
  return { root, config: isValid ? buildConfig(checked.data, systemZone) : undefined, mistakes, unset };
}

/** One place is named once for one reason: an alias brings the same mistake along wherever it is used. */
function sorted(mistakes: readonly Mistake[]): Mistake[] {
  const unique = new Map(
    mistakes.map((mistake) => [JSON.stringify([mistake.place, mistake.path, mistake.message]), mistake]),
  );
  return [...unique.values()].toSorted(byPlace);
}
