/** Texts of configuration files become one checked configuration, or all of their mistakes. */
import type { ZoneName } from '../schedule/schedule-spec.ts';
import { buildConfig } from './build/build-config.ts';
import type { Config } from './config.ts';
import { createJsonSchema, keysAt } from './json-schema.ts';
import { combinationMistakes } from './combinations.ts';
import { extensionMistakes } from './extension-uses.ts';
import type { SchemaNode } from './json-schema.ts';
import type { Issue } from './issues.ts';
import { mistakesOf } from './issues.ts';
import { merged, plainOf, replaced, valueAt } from './located.ts';
import type { Located, Scalar } from './located.ts';
import { byPlace, ConfigError, hasErrors } from './mistake.ts';
import type { ConfigPath, Mistake } from './mistake.ts';
import { quietMistakes } from './quiet-settings.ts';
import { referenceMistakes } from './references.ts';
import { readBriskly } from './schema/brisk-reader.ts';
import { documentSchema } from './schema/document.ts';
import type { ConfigDocument } from './schema/document.ts';
import { substituteVariables } from './variables.ts';
import type { UnsetVariable, Variables } from './variables.ts';
import type { ReadYaml } from './yaml-text.ts';

export type ParsedConfig = {
  /** What was written, all files together, variables filled in. */
  readonly root: Located;
  /** Undefined with mistakes, and while variables are not set. */
  readonly config: Config | undefined;
  /** Sorted by place. */
  readonly mistakes: readonly Mistake[];
  /** Variables that are named without a default and not set. */
  readonly unset: readonly UnsetVariable[];
};

export type ParseSurroundings = {
  readonly variables: Variables;
  /** For files that name no time zone. */
  readonly systemZone: ZoneName;
};

/** @param files later ones win over earlier ones */
export function parseConfig(files: readonly ReadYaml[], { variables, systemZone }: ParseSurroundings): ParsedConfig {
  const written = files.map(({ value }) => value).reduce(merged);
  const { value: filled, mistakes: wrongVariables, unset } = substituteVariables(written, variables);
  const unreadable = files.flatMap(({ mistakes }) => mistakes);
  // What YAML cannot read has no keys either; more would be noise.
  if (hasErrors(unreadable)) {
    return { root: filled, config: undefined, mistakes: sorted([...unreadable, ...wrongVariables]), unset };
  }
  const { root, document, issues } = checked(filled);
  let schema: SchemaNode | undefined;
  const found = mistakesOf(issues, root, (path) => keysAt((schema ??= createJsonSchema()), path, root));
  const mistakes = sorted([
    ...unreadable,
    ...wrongVariables,
    ...found,
    ...referenceMistakes(root),
    ...combinationMistakes(root),
    ...extensionMistakes(root),
    ...quietMistakes(root),
  ]);
  const isValid = document !== undefined && !hasErrors(mistakes);
  return { root, config: isValid ? buildConfig(document, systemZone) : undefined, mistakes, unset };
}

type Checked = {
  readonly root: Located;
  /** Undefined with issues. */
  readonly document: ConfigDocument | undefined;
  readonly issues: readonly Issue[];
};

function checked(filled: Located): Checked {
  const document = readBriskly(filled);
  if (document !== undefined) return { root: filled, document, issues: [] };
  const first = documentSchema.safeParse(plainOf(filled));
  const numbers = first.success ? new Map<string, Scalar>() : numbersWanted(first.error.issues, filled);
  if (numbers.size === 0) return { root: filled, document: first.data, issues: first.error?.issues ?? [] };
  const root = replaced(filled, numbers);
  const second = documentSchema.safeParse(plainOf(root));
  return { root, document: second.data, issues: second.error?.issues ?? [] };
}

/** For whoever wants to run it. @throws {ConfigError} with every mistake, and every variable that is not set */
export function requireConfig({ config, mistakes, unset }: ParsedConfig): Config {
  const missing = unset.map(({ name, place }): Mistake => {
    const message = `the variable ${name} is not set and has no default`;
    return { severity: 'error', place, path: [], message, hint: `Set it, or write \${${name}:-default}.` };
  });
  if (config === undefined || missing.length > 0) throw new ConfigError(sorted([...mistakes, ...missing]));
  return config;
}

/** A variable is always text; where a number or a truth value is wanted and it reads like one, it is one. */
function numbersWanted(issues: readonly Issue[], root: Located, before: ConfigPath = []): Map<string, Scalar> {
  const found = new Map<string, Scalar>();
  for (const issue of issues) {
    const path = [...before, ...issue.path.map((part) => (typeof part === 'number' ? part : String(part)))];
    if (issue.code === 'invalid_union') {
      for (const branch of issue.errors) for (const entry of numbersWanted(branch, root, path)) found.set(...entry);
    }
    const at = valueAt(root, path);
    if (issue.code !== 'invalid_type' || at?.kind !== 'scalar' || typeof at.value !== 'string') continue;
    if (at.variables === undefined) continue;
    const isNumber = ['number', 'int'].includes(issue.expected) && /^-?\d{1,15}(\.\d{1,9})?$/.test(at.value);
    if (isNumber) found.set(JSON.stringify(path), Number(at.value));
    else if (issue.expected === 'boolean' && ['true', 'false'].includes(at.value)) {
      found.set(JSON.stringify(path), at.value === 'true');
    }
  }
  return found;
}

/** One place is named once for one reason: an alias brings the same mistake along wherever it is used. */
function sorted(mistakes: readonly Mistake[]): Mistake[] {
  const unique = new Map(
    mistakes.map((mistake) => [JSON.stringify([mistake.place, mistake.path, mistake.message]), mistake]),
  );
  return [...unique.values()].toSorted(byPlace);
}
