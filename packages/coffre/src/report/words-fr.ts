import type { ReportWords } from './words.ts';

/** Nought is singular in French. */
const plural = (count: number, one: string, many = `${one}s`): string => `${count} ${count < 2 ? one : many}`;

function percentText(share: number): string {
  const tenths = share < 1 ? Math.floor(share * 1000) / 10 : 100;
  return `${(Number.isInteger(tenths) ? String(tenths) : tenths.toFixed(1)).replace('.', ',')} %`;
}

export const french: ReportWords = {
  title: {
    daily: 'Rapport quotidien des sauvegardes',
    weekly: 'Rapport hebdomadaire des sauvegardes',
    monthly: 'Rapport mensuel des sauvegardes',
  },
  days: (first, last, zone) => `${first === last ? `le ${first}` : `du ${first} au ${last}`} (${zone})`,
  soFar: (until) => `jusqu'ici, le ${until}`,
  column: {
    plan: 'Plan',
    source: 'Source',
    repository: 'Dépôt',
    time: 'Heure',
    what: 'Quoi',
    outcome: 'Résultat',
    code: 'Code',
    reason: 'Cause',
    good: 'Bonnes',
    failed: 'Échecs',
    success: 'Réussite',
    inTime: "À l'heure",
    late: 'En retard',
    missed: 'Manqués',
    duration: 'Durée',
    trend: 'Tendance',
    read: 'Lu',
    added: 'Nouveau',
    stored: 'Stocké',
    full: 'Restauration',
    differential: 'Différentielle',
    incremental: 'Incrémentale',
    before: 'Période d’avant',
    objective: 'Objectif',
    worstAge: 'Plus vieille',
    kept: 'Du temps',
    met: 'Tenu',
    used: 'Occupé',
    free: 'Libre',
    fullIn: 'Plein dans',
    removed: 'Expirées',
    count: 'Fois',
    newest: 'Dernière',
    name: 'Nom',
    pinned: 'Épinglée',
    day: 'Jour',
  },
  heading: {
    plans: 'Plans',
    amounts: 'Lu, nouveau et stocké',
    failures: 'Échecs et avertissements',
    missed: 'Manqués et en retard',
    objectives: 'Objectifs',
    copies: 'Copies',
    storage: 'Stockage',
    verifications: 'Vérifications',
    restores: 'Restaurations et exercices',
    named: 'Sauvegardes nommées',
    days: 'Jour par jour',
    now: 'Maintenant',
  },
  figure: {
    success: 'Taux de réussite',
    slots: "Créneaux à l'heure",
    duration: 'Durée moyenne',
    copies: 'Copies',
    stored: 'Stocké',
    objectives: 'Objectifs tenus',
    verifications: 'Vérifications bonnes',
    restores: 'Restaurations bonnes',
  },
  chart: { runs: 'Sauvegardes bonnes et échouées', stored: 'Stocké', duration: 'Durée moyenne' },
  runsOfDay: (good, bad) => `${plural(good, 'bonne')}, ${plural(bad, 'échec')}`,
  kind: {
    backup: 'sauvegarde',
    source: 'sauvegarde',
    copy: 'copie',
    retention: 'rétention',
    prune: 'nettoyage',
    check: 'contrôle',
    verify: 'vérification',
    restore: 'restauration',
    drill: 'exercice',
  },
  outcome: {
    success: 'bonne',
    warning: 'avertissement',
    failed: 'échec',
    cancelled: 'annulée',
    skipped: 'passée',
    lost: 'perdue',
  },
  slot: {
    success: "à l'heure",
    'success-late': 'faite en retard',
    failed: 'échec',
    missed: 'manqué',
    skipped: 'passé',
    open: 'manque toujours',
  },
  look: {
    list: 'listé',
    pack: 'un paquet relu',
    check: 'contrôlé',
    'check-read': 'relu',
    verify: 'prouvé',
    restore: 'restauré',
    drill: 'exercice',
  },
  found: { good: 'bon', damaged: 'ENDOMMAGÉ', unreachable: 'inaccessible' },
  yes: 'oui',
  no: 'non',
  none: '-',
  never: 'jamais',
  percent: percentText,
  change: (share) => `${share < 0 ? '-' : '+'}${Math.abs(Math.round(share * 100))} %`,
  bytes: (text) => text.replace('.', ',').replace('iB', 'io').replace(/ B$/, ' o'),
  of: (part, whole) => `${part} sur ${whole}`,
  against: (now, before) => `${now} (avant : ${before})`,
  cut: (shown) => `Seuls les ${shown} premiers sont montrés ; il y en a d'autres.`,
  nothing: {
    runs: "Aucun plan n'a tourné.",
    failures: "Rien n'a échoué.",
    missed: "Aucun créneau n'a été manqué.",
    objectives: "Aucune source n'a d'objectif.",
    copies: "Rien n'a été copié.",
    storage: "Aucun dépôt n'est configuré.",
    verifications: "Rien n'a été vérifié.",
    restores: "Rien n'a été restauré et aucun exercice n'a eu lieu. Une sauvegarde jamais restaurée est un espoir.",
    named: "Aucune sauvegarde n'a reçu de nom.",
  },
  storedMeans: 'Stocké : ce que sauvegardes et copies ont ajouté, sans retirer ce qui a expiré ou été nettoyé.',
  restoreMeans:
    'Restauration de la dernière sauvegarde, estimée : entière, depuis la dernière lecture complète, depuis la sauvegarde d’avant. Avec (?), rien n’a encore été mesuré et 25 Mio/s sont supposés.',
  assumed: (duration) => `${duration} (?)`,
  sentence: (facts) => {
    const { good, bad } = facts;
    if (good + bad === 0) return "Aucune sauvegarde n'a été faite";
    const troubles = [
      facts.damaged > 0 ? `dégâts trouvés ${facts.damaged} fois` : '',
      facts.objectivesBroken > 0 ? plural(facts.objectivesBroken, 'objectif non tenu', 'objectifs non tenus') : '',
      facts.missed > 0 ? plural(facts.missed, 'créneau manqué', 'créneaux manqués') : '',
      facts.copiesFailed > 0 ? plural(facts.copiesFailed, 'copie échouée', 'copies échouées') : '',
    ].filter((text) => text !== '');
    const lead =
      bad === 0
        ? good === 1
          ? 'La seule sauvegarde est bonne'
          : `Les ${good} sauvegardes sont bonnes`
        : `${plural(bad, 'sauvegarde échouée', 'sauvegardes échouées')} sur ${good + bad}`;
    return troubles.length === 0 ? lead : `${lead} ; ${troubles.join(', ')}`;
  },
  now: (sentence) => `Au moment de ce rapport : ${sentence}.`,
  footer: (version, time) => `Fait par Coffre ${version} le ${time}.`,
};
