/** Names that refer to something declared elsewhere in the configuration. Works on what is there, mistakes or not. */
import { eachOf, keyPlaceAt, textsWith, valueAt } from './located.ts';
import type { Located } from './located.ts';
import { pathText } from './mistake.ts';
import type { ConfigPath, Mistake } from './mistake.ts';
import { choiceHint, nearest } from './suggestion.ts';
import { secretNamesIn } from './variables.ts';

type Noun = 'source' | 'repository' | 'plan' | 'channel' | 'runbook' | 'site';

/** `*` stands for any name or index; a path that ends in `{key}` means the names of its keys. */
const referring: readonly (readonly [path: string, noun: Noun])[] = [
  ['plans.*.sources.*', 'source'],
  ['plans.*.to', 'repository'],
  ['plans.*.copy.{key}', 'repository'],
  ['plans.*.retention.{key}', 'repository'],
  ['plans.*.schedule.after', 'plan'],
  ['plans.*.schedule.after.*', 'plan'],
  ['drills.*.source', 'source'],
  ['drills.*.from.repository', 'repository'],
  ['drills.*.runbook', 'runbook'],
  ['drills.*.site', 'site'],
  ['runbooks.*.stages.*.restore.*', 'source'],
  ['alerts.routes.*.to.*', 'channel'],
];

export function referenceMistakes(root: Located): Mistake[] {
  const declared = declaredNames(root);
  const sets = new Map(Object.entries(declared).map(([noun, names]) => [noun, new Set(names)]));
  const found: Mistake[] = [];
  const looks = referring.map(([pattern, noun]) => {
    const names = sets.get(noun)!;
    return nameLook(pattern, ({ path, name, isKey }) => {
      if (names.has(name) || (noun === 'source' && !name.includes('/'))) return;
      found.push(unknownName(root, { path: [...path], name, isKey }, noun, declared[noun]));
    });
  });
  eachOf(root, looks);
  return [...found, ...secretMistakes(root), ...maintainerMistakes(root, declared.repository)];
}

type Named = { readonly path: ConfigPath; readonly name: string; readonly isKey: boolean };

function unknownName(root: Located, { path, name, isKey }: Named, noun: Noun, known: readonly string[]): Mistake {
  const place = isKey ? keyPlaceAt(root, path) : valueAt(root, path)!.place;
  const owner = isKey ? path.slice(0, -1) : path;
  const message = `\`${pathText(owner)}\` names the ${noun} \`${name}\`, which is not declared`;
  return { severity: 'error', place, path, message, hint: choiceHint(name, known, noun) };
}

function declaredNames(root: Located): Readonly<Record<Noun, readonly string[]>> {
  const keys = (path: ConfigPath): string[] => {
    const value = valueAt(root, path);
    return value?.kind === 'map' ? [...value.entries.keys()] : [];
  };
  const sites = keys(['sites']);
  return {
    source: sites.flatMap((site) => keys(['sites', site, 'sources']).map((source) => `${site}/${source}`)),
    repository: keys(['repositories']),
    plan: keys(['plans']),
    channel: keys(['alerts', 'channels']),
    runbook: keys(['runbooks']),
    site: sites,
  };
}

/** The path of what is seen is one and the same array each time. */
function nameLook(
  pattern: string,
  see: (named: Named) => void,
): readonly [string, (at: Located, path: ConfigPath) => void] {
  const ofKeys = /^(.*)\.\{key\}$/.exec(pattern)?.[1];
  if (ofKeys === undefined) {
    return [
      pattern,
      (at, path) => {
        if (at.kind !== 'scalar' || typeof at.value !== 'string' || at.isOpen === true) return;
        see({ path, name: at.value, isKey: false });
      },
    ];
  }
  return [
    ofKeys,
    (at, path) => {
      if (at.kind !== 'map') return;
      for (const name of at.entries.keys()) see({ path: [...path, name], name, isKey: true });
    },
  ];
}

function namesAt(root: Located, pattern: string): Named[] {
  const found: Named[] = [];
  eachOf(root, [nameLook(pattern, (named) => found.push({ ...named, path: [...named.path] }))]);
  return found;
}

function secretMistakes(root: Located): Mistake[] {
  const declared = valueAt(root, ['secrets']);
  const known = declared?.kind === 'map' ? [...declared.entries.keys()] : [];
  return textsWith(root, '${secret:').flatMap(({ path, scalar }) => {
    if (path[0] === 'secrets') return [];
    return secretNamesIn(String(scalar.value))
      .filter((name) => !known.includes(name))
      .map((name): Mistake => {
        const message = `\`${pathText(path)}\` uses the secret \`${name}\`, which is not declared under \`secrets\``;
        return { severity: 'error', place: scalar.place, path, message, hint: choiceHint(name, known, 'secret') };
      });
  });
}

/** A maintainer may be a host that backs up nothing itself, so only a likely slip is worth a word. */
function maintainerMistakes(root: Located, repositories: readonly string[]): Mistake[] {
  const hosts = namesAt(root, 'sites.*.host').map(({ name }) => name);
  return namesAt(root, 'repositories.*.maintained_by').flatMap(({ path, name }): Mistake[] => {
    const place = valueAt(root, path)!.place;
    const isRepository = repositories.includes(name) && !hosts.includes(name);
    if (isRepository) {
      const message = `\`${pathText(path)}\` names the repository \`${name}\`; it must name a host`;
      return [{ severity: 'error', place, path, message, hint: choiceHint(name, hosts, 'host') }];
    }
    const meant = hosts.includes(name) ? undefined : nearest(name, hosts);
    if (meant === undefined) return [];
    const message = `\`${pathText(path)}\` names the host \`${name}\`, which runs no site`;
    return [{ severity: 'warning', place, path, message, hint: `Did you mean \`${meant}\`?` }];
  });
}
