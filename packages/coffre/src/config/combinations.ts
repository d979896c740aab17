/** Settings that are fine each by itself and wrong together. Works on what is there, mistakes or not. */
import { placesOf } from './places.ts';
import { eachAt, keyPlaceAt, placeAt, valueAt } from './located.ts';
import type { Located } from './located.ts';
import { pathText } from './mistake.ts';
import type { ConfigPath, Mistake } from './mistake.ts';

export function combinationMistakes(root: Located): Mistake[] {
  const repositories = new Set(keysOf(valueAt(root, ['repositories'])));
  return [
    ...entriesAt(root, 'plans').flatMap(([name, plan]) => planMistakes(root, name, plan, repositories)),
    ...planCircles(root),
    ...guardMistakes(root),
    ...offsiteMistakes(root),
    ...digestMistakes(root),
    ...storeMistakes(root),
  ];
}

function planMistakes(root: Located, name: string, plan: Located, declared: ReadonlySet<string>): Mistake[] {
  const path = ['plans', name];
  const to = textIn(plan, 'to');
  const copies = keysOf(childOf(plan, 'copy'));
  const found: Mistake[] = [];
  if (to !== undefined && copies.includes(to)) {
    found.push(
      mistakeAtKey(root, [...path, 'copy', to], `\`${pathText([...path, 'copy'])}\` copies from \`${to}\` to itself`),
    );
  }
  for (const kept of keysOf(childOf(plan, 'retention'))) {
    // A name that is not declared is somebody else's mistake.
    if (to === undefined || !declared.has(to) || !declared.has(kept) || kept === to || copies.includes(kept)) continue;
    const message = `\`${pathText([...path, 'retention'])}\` has rules for \`${kept}\`, where this plan keeps nothing`;
    found.push(
      mistakeAtKey(root, [...path, 'retention', kept], message, `Add \`${kept}\` to \`copy\`, or take the rules out.`),
    );
  }
  for (const copy of copies) {
    const written = childOf(childOf(plan, 'copy'), copy);
    if (textIn(written, 'after') === undefined || textIn(written, 'schedule') === undefined) continue;
    const message = `\`${pathText([...path, 'copy', copy])}\` has both \`after\` and \`schedule\`; keep one`;
    found.push(mistakeAtKey(root, [...path, 'copy', copy], message));
  }
  return [...found, ...repeatedSources(root, [...path, 'sources'], childOf(plan, 'sources'))];
}

function repeatedSources(root: Located, path: ConfigPath, sources: Located | undefined): Mistake[] {
  const seen = new Set<string>();
  return textsOf(sources).flatMap(({ text, index }) => {
    if (!seen.has(text)) {
      seen.add(text);
      return [];
    }
    return [mistakeAt(root, [...path, index], `\`${pathText(path)}\` names \`${text}\` twice`)];
  });
}

/** A plan that waits for itself, over others or not, never starts. */
function planCircles(root: Located): Mistake[] {
  const after = new Map<string, readonly string[]>();
  eachAt(root, 'plans.*.schedule.after', (value, [, plan]) => {
    const only = textOf(value);
    after.set(String(plan), only === undefined ? textsOf(value).map(({ text }) => text) : [only]);
  });
  return [...after.keys()].flatMap((plan) => {
    const seen = new Set<string>();
    const open = [...after.get(plan)!];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (next === plan) {
        const path = ['plans', plan, 'schedule', 'after'];
        return [mistakeAt(root, path, `\`${pathText(path)}\` makes the plan wait for itself`)];
      }
      if (!seen.has(next)) open.push(...(after.get(next) ?? []));
      seen.add(next);
    }
    return [];
  });
}

/** They count files; what becomes of a database is seen in its own truth. */
function guardMistakes(root: Located): Mistake[] {
  const found: Mistake[] = [];
  eachAt(root, 'sites.*.sources.*', (source, path) => {
    const type = textIn(source, 'type');
    if (type === undefined || type === 'files') return;
    for (const guard of keysOf(childOf(source, 'guards'))) {
      if (guard === 'future_snapshots') continue;
      const at = [...path, 'guards', guard];
      const message = `\`${pathText(at)}\` changes nothing: a source of type ${type} is not guarded by its files`;
      found.push(warningAtKey(root, at, message, 'Leave it out; `verify` proves what is in it.'));
    }
  });
  return found;
}

/** What must not be lost lies at two places, or somebody has said why not. */
function offsiteMistakes(root: Located): Mistake[] {
  const found: Mistake[] = [];
  let plansOf: ReadonlyMap<string, readonly Located[]> | undefined;
  eachAt(root, 'sites.*.sources.*', (source, path) => {
    const criticality = textIn(source, 'criticality');
    if (criticality !== 'critical' && criticality !== 'high') return;
    if (isWaived(childOf(source, 'waivers'))) return;
    const [, site, , own] = path.map(String) as [string, string, string, string];
    const name = `${site}/${own}`;
    plansOf ??= plansBySource(root);
    const plans = plansOf.get(name) ?? [];
    const hint =
      "Add a copy at another place, say `place:` of its site and of its repositories, or add `waivers: [{rule: offsite, reason: '…'}]` to the source.";
    if (plans.length === 0) {
      const message = `\`${name}\` is ${criticality} and in no plan`;
      found.push(warningAtKey(root, [...path], message, 'Add it to the `sources` of a plan.'));
      return;
    }
    const homes = plans.flatMap((plan) => homesOf(root, plan));
    if (placesOf(textAt(root, ['sites', site, 'place']), homes).isOffsite) return;
    const where = homes.find((home) => home !== undefined) ?? '';
    const kept = where === '' ? 'where nobody said' : `at one place only (${where})`;
    found.push(warningAtKey(root, [...path], `\`${name}\` is ${criticality} and is kept ${kept}`, hint));
  });
  return found;
}

function plansBySource(root: Located): ReadonlyMap<string, readonly Located[]> {
  const plansOf = new Map<string, Located[]>();
  for (const [, plan] of entriesAt(root, 'plans')) {
    for (const { text } of textsOf(childOf(plan, 'sources'))) {
      const known = plansOf.get(text);
      if (known === undefined) plansOf.set(text, [plan]);
      else known.push(plan);
    }
  }
  return plansOf;
}

/** As they are declared; `coffre status` counts them in the same way. */
function homesOf(root: Located, plan: Located): (string | undefined)[] {
  const to = textIn(plan, 'to');
  const names = [...(to === undefined ? [] : [to]), ...keysOf(childOf(plan, 'copy'))];
  return names.map((name) => textAt(root, ['repositories', name, 'place']));
}

function isWaived(waivers: Located | undefined): boolean {
  return waivers?.kind === 'list' && waivers.items.some((waiver) => textIn(waiver, 'rule') === 'offsite');
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

function entriesAt(root: Located, section: string): [name: string, value: Located][] {
  const value = childOf(root, section);
  return value?.kind === 'map' ? Array.from(value.entries, ([name, entry]) => [name, entry.value]) : [];
}

function childOf(value: Located | undefined, key: string): Located | undefined {
  return value?.kind === 'map' ? value.entries.get(key)?.value : undefined;
}

function keysOf(value: Located | undefined): readonly string[] {
  return value?.kind === 'map' ? [...value.entries.keys()] : [];
}

function textOf(value: Located | undefined): string | undefined {
  return value?.kind === 'scalar' && typeof value.value === 'string' && value.isOpen !== true ? value.value : undefined;
}

function textIn(owner: Located | undefined, key: string): string | undefined {
  return textOf(childOf(owner, key));
}

function textAt(root: Located, path: ConfigPath): string | undefined {
  return textOf(valueAt(root, path));
}

function textsOf(value: Located | undefined): { text: string; index: number }[] {
  if (value?.kind !== 'list') return [];
  return value.items.flatMap((item, index) => {
    const text = textOf(item);
    return text === undefined ? [] : [{ text, index }];
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
