import type { Problem } from './problem.ts';
import type { StatusWords } from './words.ts';

/** Nought is singular in French. */
const plural = (count: number, one: string, many = `${one}s`): string => `${count} ${count < 2 ? one : many}`;

export const french: StatusWords = {
  day: 'j',
  level: { ok: 'ok', unknown: 'inconnu', warning: 'attention', critical: 'CRITIQUE' },
  phase: {
    waiting: 'en attente',
    running: 'en cours',
    late: 'en retard',
    paused: 'en pause',
    disabled: 'désactivé',
    by_hand: 'à la main',
    no_agent: 'sans agent',
  },
  column: {
    state: 'État',
    plan: 'Plan',
    source: 'Source',
    repository: 'Dépôt',
    lastGood: 'Dernière bonne',
    age: 'Âge',
    next: 'Prochaine',
    proof: 'Preuve',
    rule: '3-2-1',
    medium: 'Support',
    place: 'Lieu',
    listed: 'Listé',
    read: 'Relu',
    free: 'Occupé',
    fullIn: 'Plein dans',
    protection: 'Protection',
  },
  colon: ' :',
  never: 'jamais',
  notListedYet: 'pas encore listé',
  unknown: 'inconnu',
  none: '-',
  nothingPlanned: "Aucun plan n'est configuré : rien n'est sauvegardé",
  allFine: (plans, oldest) =>
    plans === 1
      ? `Le plan va bien ; sa sauvegarde la plus ancienne date de ${oldest}`
      : `Les ${plans} plans vont bien ; la sauvegarde la plus ancienne date de ${oldest}`,
  someNot: (plans, total) => `${plural(plans, 'plan')} sur ${total} ${plans < 2 ? 'ne va' : 'ne vont'} pas bien`,
  elsewhere: (plans) =>
    plans === 1 ? 'Le plan va bien, mais pas tout le reste' : `Les ${plans} plans vont bien, mais pas tout le reste`,
  more: (count, counts) => `et ${plural(count, 'autre')}${counts === undefined ? '' : ` : ${counts}`}`,
  oneOf: '`coffre status PLAN` et `--site SITE` montrent une partie, `--json` tout',
  andMore: (count) => `et ${plural(count, 'autre')}`,
  ageOf: (age, objective) => `${age} sur ${objective}`,
  running: (since) => `en cours depuis ${since}`,
  waits: (slots) => plural(slots, 'créneau ouvert', 'créneaux ouverts'),
  when: { each: 'après chacune', schedule: 'à heure fixe', manual: 'à la main' },
  waivedWord: 'dérogation',
  waived: (rule, reason, until) => `${rule}${until === undefined ? '' : ` jusqu'au ${until}`} : ${reason}`,
  appendOnly: 'ajout seul',
  objectLock: (duration) => `verrouillé ${duration}`,
  maintainedBy: (host) => `tenu par ${host}`,
  busy: (holders) => `occupé par ${plural(holders, 'exécution')}`,
  usedOf: (percent, capacity) => `${percent} % de ${capacity}`,
  days: (days) => plural(Math.floor(days), 'jour'),
  fired: (trigger, age) =>
    age === undefined
      ? `le déclencheur ${trigger} ne s’est pas encore manifesté`
      : `le déclencheur ${trigger} s’est manifesté il y a ${age}`,
  problem: problemText,
};

function problemText(problem: Problem, age: (durationMs: number) => string): string {
  const { cause, count, detail, overMs, percent } = problem;
  const code = problem.failure === undefined ? '' : ` (${problem.failure.code})`;
  const because = detail === undefined ? code : ` : ${detail}${code}`;
  const over = overMs === undefined ? '' : ` de ${age(overMs)}`;
  const times = count === undefined ? '' : `, ${count} fois de suite`;
  const where = problem.repository === undefined ? 'le dépôt' : problem.repository;
  switch (cause) {
    case 'never_ran':
      return "elle n'a jamais été sauvegardée";
    case 'failed':
      return `la dernière sauvegarde a échoué${times}${because}`;
    case 'lost':
      return `la dernière exécution s'est arrêtée sans un mot : son processus a disparu${times}`;
    case 'missing':
      return `une sauvegarde manque, en retard${over}`;
    case 'late':
      return `la sauvegarde est en retard${over}`;
    case 'overrun':
      return `l'exécution dure bien plus que d'habitude${overMs === undefined ? '' : ` : déjà ${age(overMs)}`}`;
    case 'objective_broken':
      return `la sauvegarde la plus récente est trop vieille${over}`;
    case 'objective_at_risk':
      return `la sauvegarde la plus récente sera trop vieille${overMs === undefined ? '' : ` dans ${age(overMs)}`}, avant que la suivante soit due`;
    case 'incomplete':
      return `la sauvegarde la plus récente n'est pas complète${because}`;
    case 'hash_mismatch':
      return problem.failure === undefined
        ? `des dégâts ont été trouvés dans ${where}, qui tient ses sauvegardes`
        : `la dernière sauvegarde est stockée autrement qu'elle n'a été lue${times}${because}`;
    case 'paused':
      return `en pause${overMs === undefined ? '' : ` encore ${age(overMs)}`}${because}`;
    case 'disabled':
      return 'désactivé dans la configuration';
    case 'no_agent':
      return `pas d'agent${detail === undefined ? '' : ` pour ${detail}`} : rien n'en est connu ici`;
    case 'unprotected':
      return 'aucun plan ne la sauvegarde';
    case 'retention_suspended':
      return `les anciennes sauvegardes restent dans ${where}, la rétention est suspendue${because}`;
    case 'retention_failed':
      return `la rétention a échoué dans ${where}${because}`;
    case 'copy_never':
      return `jamais copiée vers ${where}`;
    case 'copy_late':
      return `la copie dans ${where} est en retard${over}`;
    case 'copy_failed':
      return `la dernière copie vers ${where} a échoué${because}`;
    case 'no_offsite':
      return `aucune bonne sauvegarde n'est hors site${detail === undefined ? '' : ` ; la dérogation a pris fin le ${detail}`}`;
    case 'few_copies':
      return `${plural(count ?? 0, 'copie')} avec l'original ; la règle en veut trois`;
    case 'one_medium':
      return `${plural(count ?? 0, 'support connu', 'supports connus')} ; la règle en veut deux`;
    case 'trigger_failed':
      return `le déclencheur ne fonctionne pas${because}`;
    case 'notices_waiting':
      return `${plural(count ?? 0, 'avis', 'avis')} ne ${(count ?? 0) < 2 ? 'peut' : 'peuvent'} être remis${because}`;
    case 'notices_given_up':
      return `${plural(count ?? 0, 'avis abandonné', 'avis abandonnés')} depuis une semaine${because}`;
    case 'damaged':
      return `des dégâts ont été trouvés${because}`;
    case 'unreachable':
      return `inaccessible${because}`;
    case 'not_listed':
      return "personne n'a regardé depuis deux jours s'il est là";
    case 'check_late':
      return 'sa vérification est en retard';
    case 'not_verified':
      return "il n'a pas été relu en entier dans son délai";
    case 'capacity':
      return `plein à ${percent ?? 0} %${count === undefined ? '' : `, de la place pour ${plural(count, 'jour')}`}`;
    default:
      return cause satisfies never;
  }
}
