/** One line for Nagios and what speaks its language: text, a bar, and figures with the limits that they are held against. */
import type { Level } from './problem.ts';
import type { Status } from './status.ts';
import { statusSentence } from './status-text.ts';
import type { StatusWords } from './words.ts';

export const nagiosExit: Readonly<Record<Level, 0 | 1 | 2 | 3>> = { ok: 0, warning: 1, critical: 2, unknown: 3 };

const word: Readonly<Record<Level, string>> = {
  ok: 'OK',
  warning: 'WARNING',
  critical: 'CRITICAL',
  unknown: 'UNKNOWN',
};
/** Monitoring servers cut longer answers, and not where one would like. */
const itemsMax = 20;

export function nagiosLine(status: Status, words: StatusWords): string {
  const { plans } = status;
  const counts = [
    `plans=${plans.total};;;0`,
    `fine=${plans.byLevel.ok};;;0;${plans.total}`,
    `warning=${plans.byLevel.warning};;;0;${plans.total}`,
    `critical=${plans.byLevel.critical};;;0;${plans.total}`,
  ];
  const ages =
    status.items.length > itemsMax
      ? []
      : status.items.flatMap(({ plan, source, backup, objectiveMs }) =>
          backup.ageMs === undefined
            ? []
            : [
                `${label(`age ${plan} ${source}`)}=${seconds(backup.ageMs)}s;;${objectiveMs === undefined ? '' : seconds(objectiveMs)};0`,
              ],
        );
  const used = status.repositories.flatMap(({ name, room }) =>
    room?.usedPercent === undefined ? [] : [`${label(`used ${name}`)}=${room.usedPercent.toFixed(1)}%;;;0;100`],
  );
  return nagiosText(status.level, statusSentence(status, words), [...counts, oldest(status), ...ages, ...used]);
}

/** @param figures empty ones are left out */
export function nagiosText(level: Level, sentence: string, figures: readonly string[] = []): string {
  const kept = figures.filter((figure) => figure !== '');
  // The bar begins the figures, wherever it stands.
  const text = `COFFRE ${word[level]} - ${sentence.replaceAll('|', '/').replaceAll(/[\r\n]+/g, ' ')}`;
  return kept.length === 0 ? text : `${text} | ${kept.join(' ')}`;
}

function oldest({ items }: Status): string {
  const ages = items.flatMap(({ backup }) => backup.ageMs ?? []);
  return ages.length === 0 ? '' : `oldest=${seconds(Math.max(...ages))}s;;;0`;
}

/** Quoted, a quote doubled; `=` and the bar are not for labels. */
function label(text: string): string {
  const safe = text.replaceAll(/[\p{Cc}\p{Cf}=|]/gu, '_').replaceAll("'", "''");
  return `'${safe}'`;
}

function seconds(durationMs: number): number {
  return Math.floor(durationMs / 1000);
}
