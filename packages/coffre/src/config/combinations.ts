/** Settings that are fine each by itself and wrong together. Works on what is there, mistakes or not. */
import { placesOf } from './places.ts';
import { keyPlaceAt, placeAt, valueAt } from './located.ts';
import type { Located } from './located.ts';
import { pathText } from './mistake.ts';
import type { ConfigPath, Mistake } from './mistake.ts';

export function combinationMistakes(root: Located): Mistake[] {
  return [
    ...namesIn(root, ['plans']).flatMap((name) => planMistakes(root, ['plans', name])),
    ...planCircles(root),
    ...guardMistakes(root),
    ...offsiteMistakes(root),
    ...digestMistakes(root),
    ...storeMistakes(root),
  ];
}

function planMistakes(root: Located, plan: ConfigPath): Mistake[] {
  const to = textAt(root, [...plan, 'to']);
  const copies = namesIn(root, [...plan, 'copy']);
  const declared = namesIn(root, ['repositories']);
  const isDeclared = (name: string | undefined): boolean => name !== undefined && declared.includes(name);
  const found: Mistake[] = [];
  if (to !== undefined && copies.includes(to)) {
    found.push(
      mistakeAtKey(root, [...plan, 'copy', to], `\`${pathText([...plan, 'copy'])}\` copies from \`${to}\` to itself`),
    );
  }
  for (const name of namesIn(root, [...plan, 'retention'])) {
    // A name that is not declared is somebody else's mistake.
    if (!isDeclared(to) || !isDeclared(name) || name === to || copies.includes(name)) continue;
    const message = `\`${pathText([...plan, 'retention'])}\` has rules for \`${name}\`, where this plan keeps nothing`;
    found.push(
      mistakeAtKey(root, [...plan, 'retention', name], message, `Add \`${name}\` to \`copy\`, or take the rules out.`),
    );
  }
  for (const name of copies) {
    const [after, schedule] = [
      textAt(root, [...plan, 'copy', name, 'after']),
      textAt(root, [...plan, 'copy', name, 'schedule']),
    ];
    if (after === undefined || schedule === undefined) continue;
    const message = `\`${pathText([...plan, 'copy', name])}\` has both \`after\` and \`schedule\`; keep one`;
    found.push(mistakeAtKey(root, [...plan, 'copy', name], message));
  }
  return [...found, ...repeatedSources(root, plan)];
}

function repeatedSources(root: Located, plan: ConfigPath): Mistake[] {
  const names = textsAt(root, [...plan, 'sources']);
  return names.flatMap(({ text, path }, index) => {
    if (names.findIndex((other) => other.text === text) === index) return [];
    return [mistakeAt(root, path, `\`${pathText([...plan, 'sources'])}\` names \`${text}\` twice`)];
  });
}

/** A plan that waits for itself, over others or not, never starts. */
function planCircles(root: Located): Mistake[] {
  const after = (plan: string): string[] => {
    const path = ['plans', plan, 'schedule', 'after'];
    const only = textAt(root, path);
    return only === undefined ? textsAt(root, path).map(({ text }) => text) : [only];
  };
  return namesIn(root, ['plans']).flatMap((plan) => {
    const seen = new Set<string>();
    const open = after(plan);
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (next === plan) {
        const path = ['plans', plan, 'schedule', 'after'];
        return [mistakeAt(root, path, `\`${pathText(path)}\` makes the plan wait for itself`)];
      }
      if (!seen.has(next)) open.push(...after(next));
      seen.add(next);
    }
    return [];
  });
}

/** They count files; what becomes of a database is seen in its own truth. */
function guardMistakes(root: Located): Mistake[] {
  return namesIn(root, ['sites']).flatMap((site) =>
    namesIn(root, ['sites', site, 'sources']).flatMap((source): Mistake[] => {
      const path = ['sites', site, 'sources', source];
      const type = textAt(root, [...path, 'type']);
      if (type === undefined || type === 'files') return [];
      return namesIn(root, [...path, 'guards'])
        .filter((guard) => guard !== 'future_snapshots')
        .map((guard) => {
          const message = `\`${pathText([...path, 'guards', guard])}\` changes nothing: a source of type ${type} is not guarded by its files`;
          return warningAtKey(
            root,
            [...path, 'guards', guard],
            message,
            'Leave it out; `verify` proves what is in it.',
          );
        });
    }),
  );
}

/** What must not be lost lies at two places, or somebody has said why not. */
function offsiteMistakes(root: Located): Mistake[] {
  const plansOf = new Map<string, string[]>();
  for (const plan of namesIn(root, ['plans'])) {
    for (const { text } of textsAt(root, ['plans', plan, 'sources']))
      plansOf.set(text, [...(plansOf.get(text) ?? []), plan]);
  }
  return namesIn(root, ['sites']).flatMap((site) =>
    namesIn(root, ['sites', site, 'sources']).flatMap((source): Mistake[] => {
      const path = ['sites', site, 'sources', source];
      const criticality = textAt(root, [...path, 'criticality']);
      if (criticality !== 'critical' && criticality !== 'high') return [];
      if (isWaived(root, [...path, 'waivers'])) return [];
      const name = `${site}/${source}`;
      const plans = plansOf.get(name) ?? [];
      const hint =
        "Add a copy at another place, say `place:` of its site and of its repositories, or add `waivers: [{rule: offsite, reason: '…'}]` to the source.";
      if (plans.length === 0)
        return [
          warningAtKey(
            root,
            path,
            `\`${name}\` is ${criticality} and in no plan`,
            'Add it to the `sources` of a plan.',
          ),
        ];
      const homes = plans.flatMap((plan) => homesOf(root, plan));
      if (placesOf(textAt(root, ['sites', site, 'place']), homes).isOffsite) return [];
      const where = homes.find((home) => home !== undefined) ?? '';
      return [
        warningAtKey(
          root,
          path,
          `\`${name}\` is ${criticality} and is kept ${where === '' ? 'where nobody said' : `at one place only (${where})`}`,
          hint,
        ),
      ];
    }),
  );
}

/** As they are declared; `coffre status` counts them in the same way. */
function homesOf(root: Located, plan: string): (string | undefined)[] {
  const to = textAt(root, ['plans', plan, 'to']);
  const names = [...(to === undefined ? [] : [to]), ...namesIn(root, ['plans', plan, 'copy'])];
  return names.map((name) => textAt(root, ['repositories', name, 'place']));
}

function isWaived(root: Located, path: ConfigPath): boolean {
  const waivers = valueAt(root, path);
  if (waivers?.kind !== 'list') return false;
  return waivers.items.some((_, index) => textAt(root, [...path, index, 'rule']) === 'offsite');
}

/** What refers to a secret is not known before it is used. */
function storeMistakes(root: Located): Mistake[] {
  const path = ['store', 'url'];
  const url = textAt(root, path);
  if (url === undefined || url === '' || url === 'sqlite' || /^(postgres(ql)?:\/\/|\$\{)/.test(url)) return [];
  const hint = 'Give postgres://USER@HOST/DATABASE, or leave it out: then it is a file in the state folder.';
  return [{ ...mistakeAt(root, path, '`store.url` is no place for the state'), hint }];
}

function digestMistakes(root: Located): Mistake[] {
  const routes = valueAt(root, ['alerts', 'routes']);
  if (routes?.kind !== 'list') return [];
  return routes.items.flatMap((route, index) => {
    const path = ['alerts', 'routes', index];
    const isDigest = textAt(root, [...path, 'when']) === 'digest';
    const isTimed = valueAt(root, [...path, 'schedule']) !== undefined;
    if (isDigest === isTimed || route.kind !== 'map') return [];
    const message = isDigest ? 'is a digest and needs `schedule`' : 'has a `schedule`, which only a digest has';
    return [mistakeAt(root, isDigest ? path : [...path, 'schedule'], `\`${pathText(path)}\` ${message}`)];
  });
}

function namesIn(root: Located, path: ConfigPath): string[] {
  const value = valueAt(root, path);
  return value?.kind === 'map' ? [...value.entries.keys()] : [];
}

function textAt(root: Located, path: ConfigPath): string | undefined {
  const value = valueAt(root, path);
  return value?.kind === 'scalar' && typeof value.value === 'string' && value.isOpen !== true ? value.value : undefined;
}

function textsAt(root: Located, path: ConfigPath): { text: string; path: ConfigPath }[] {
  const value = valueAt(root, path);
  if (value?.kind !== 'list') return [];
  return value.items.flatMap((_, index) => {
    const text = textAt(root, [...path, index]);
    return text === undefined ? [] : [{ text, path: [...path, index] }];
  });
}

function mistakeAt(root: Located, path: ConfigPath, message: string): Mistake {
  return { severity: 'error', place: placeAt(root, path), path, message, hint: undefined };
}

function mistakeAtKey(root: Located, path: ConfigPath, message: string, hint?: string): Mistake {
  return { severity: 'error', place: keyPlaceAt(root, path), path, message, hint };
}

function warningAtKey(root: Located, path: ConfigPath, message: string, hint: string): Mistake {
  return { severity: 'warning', place: keyPlaceAt(root, path), path, message, hint };
}
