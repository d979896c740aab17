/** What a retention strategy of an extension proposes, held within what no strategy may do. Pure but for asking it. */
import { CoffreError, isFutureDated, newestFirst, parseTimestamp, timestampNs } from '@coffre/repository';
import type { StoredSnapshot } from '@coffre/repository';
import type { ExtensionRetention } from '../extension/contract.ts';
import { chooseRetention } from './retention-choice.ts';
import type { RetentionChoice, RetentionQuestion } from './retention-choice.ts';
import { factsOf } from './tags.ts';

/** @throws {CoffreError} EXTENSION_UNUSABLE for an answer that is none; nothing is removed then */
export async function strategyChoice(
  question: RetentionQuestion,
  strategy: ExtensionRetention,
): Promise<RetentionChoice> {
  const { automatic: rule, nowNs, isComplete = () => true } = question;
  // Without a rule for automatic ones all of them stay: the strategy decides about those.
  const usual = chooseRetention({
    ...question,
    automatic: { policy: {}, floor: 0, ...(rule?.manual === undefined ? {} : { manual: rule.manual }) },
  });
  const mine = newestFirst(usual.keep.map(({ snapshot }) => snapshot)).filter(({ snapshot }) => {
    const { kind, isPinned } = factsOf(snapshot);
    return kind === 'auto' && !isPinned && !isFutureDated(snapshot, nowNs);
  });
  const proposed = idsOf(await strategy({ backups: mine, nowMs: Number(nowNs / 1_000_000n) }), mine);
  const floor = new Set(mine.filter((one) => isComplete(one)).slice(0, rule?.floor ?? 0));
  const going = new Set(mine.filter((one) => proposed.has(one.id) && !floor.has(one)));
  return {
    keep: usual.keep.filter(({ snapshot }) => !going.has(snapshot)),
    remove: [...usual.remove, ...going].toSorted((a, b) => (timeOf(a) < timeOf(b) ? -1 : 1)),
  };
}

function timeOf({ snapshot }: StoredSnapshot): bigint {
  return timestampNs(parseTimestamp(snapshot.time));
}

function idsOf(answer: unknown, mine: readonly StoredSnapshot[]): ReadonlySet<string> {
  const known = new Set<string>(mine.map(({ id }) => id));
  if (Array.isArray(answer) && answer.every((id) => typeof id === 'string' && known.has(id))) {
    return new Set(answer as string[]);
  }
  throw new CoffreError(
    'EXTENSION_UNUSABLE',
    'the retention strategy did not answer with ids of the backups it was shown',
    {
      hint: 'Nothing was removed. It must return a list of the ids that may go.',
    },
  );
}
