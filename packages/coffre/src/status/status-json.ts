/**
 * `status` for programs, schema `coffre.overview/1`: times in RFC 3339 UTC, durations in seconds, sizes in bytes, null for
 * what is unknown. Fields are added, never changed; docs/reference/status.md has each of them.
 */
import type { CopyState, ItemState, TrackState } from './item.ts';
import type { Problem } from './problem.ts';
import type { RepositoryState } from './repository.ts';
import type { Status } from './status.ts';
import { statusSentence } from './status-text.ts';
import type { StatusWords } from './words.ts';

export function statusJson(status: Status, words: StatusWords): Record<string, unknown> {
  const { worst, plans } = status;
  return {
    schema: 'coffre.overview/1',
    at: timeOf(status.atMs),
    state: status.level,
    sentence: statusSentence(status, words),
    worst:
      worst === undefined ? null : { plan: worst.plan ?? null, subject: worst.subject, ...problemJson(worst.problem) },
    plans: { total: plans.total, ...plans.byLevel },
    items: status.items.map(itemJson),
    repositories: status.repositories.map(repositoryJson),
    triggers: status.triggers.map(({ plan, trigger, level, fired, failing, problems }) => ({
      trigger,
      plan,
      state: level,
      last_fired: timeOf(fired?.atMs),
      reason: fired?.reason ?? null,
      failing_since: timeOf(failing?.sinceMs),
      problems: problems.map(problemJson),
    })),
    channels: status.channels.map((channel) => ({
      channel: channel.channel,
      state: channel.level,
      waiting: channel.waiting,
      waiting_since: timeOf(channel.waitingSinceMs),
      given_up: channel.givenUp,
      last_sent: timeOf(channel.sentAtMs),
      problems: channel.problems.map(problemJson),
    })),
    unprotected: status.unplanned.map(({ source, criticality, problem }) => ({
      item: source,
      criticality,
      state: problem.level,
    })),
  };
}

function itemJson(item: ItemState): Record<string, unknown> {
  const { threeTwoOne } = item;
  return {
    item: item.source,
    plan: item.plan,
    site: item.site,
    host: item.foreignHost ?? null,
    criticality: item.criticality,
    state: item.level,
    status: item.status,
    phase: item.phase,
    backup: { ...trackJson(item.backup), objective_s: secondsOf(item.objectiveMs) },
    copies: item.copies.map(copyJson),
    three_two_one: {
      copies: threeTwoOne.copies,
      media: threeTwoOne.media,
      places: threeTwoOne.places,
      offsite: threeTwoOne.isOffsite,
      waived: threeTwoOne.waived.map(({ rule, reason, until }) => ({ rule, reason, until: until ?? null })),
    },
    last_attempt: timeOf(item.lastAttemptMs),
    next_due: timeOf(item.nextDueMs),
    deadline: timeOf(item.deadlineMs),
    running_since: timeOf(item.runningSinceMs),
    open_slots: item.openSlots,
    failures: item.failures,
    problems: item.problems.map(problemJson),
  };
}

function trackJson(track: TrackState): Record<string, unknown> {
  return {
    repository: track.repository,
    state: track.level,
    last_good: timeOf(track.lastGoodMs),
    age_s: secondsOf(track.ageMs),
    proof: track.proof === undefined ? null : { level: track.proof.level, at: timeOf(track.proof.atMs) },
  };
}

function copyJson(copy: CopyState): Record<string, unknown> {
  return {
    ...trackJson(copy),
    when: copy.when,
    objective_s: secondsOf(copy.objectiveMs),
    lag_s: secondsOf(copy.lagMs),
    next_due: timeOf(copy.nextDueMs),
  };
}

function repositoryJson(repository: RepositoryState): Record<string, unknown> {
  const { room } = repository;
  return {
    repository: repository.name,
    state: repository.level,
    medium: repository.medium ?? null,
    place: repository.place ?? null,
    last_listed: timeOf(repository.listedMs),
    last_read: timeOf(repository.readMs),
    last_checked: timeOf(repository.checkedMs),
    last_read_whole: timeOf(repository.readWholeMs),
    last_restored: timeOf(repository.drilledMs),
    size_bytes: room?.sizeBytes ?? null,
    free_bytes: room?.freeBytes ?? null,
    capacity_bytes: room?.capacityBytes ?? null,
    used_percent: room?.usedPercent === undefined ? null : Math.round(room.usedPercent * 10) / 10,
    days_to_full: room?.daysToFull === undefined ? null : Math.floor(room.daysToFull),
    append_only: repository.isAppendOnly,
    object_lock_s: secondsOf(repository.objectLockMs),
    maintained_by: repository.maintainedBy ?? null,
    in_use_by: repository.holders.map(({ holder, mode }) => ({ holder, mode })),
    problems: repository.problems.map(problemJson),
  };
}

export function problemJson(problem: Problem): Record<string, unknown> {
  return {
    cause: problem.cause,
    state: problem.level,
    repository: problem.repository ?? null,
    since: timeOf(problem.sinceMs),
    over_s: secondsOf(problem.overMs),
    ...(problem.count !== undefined && { count: problem.count }),
    ...(problem.percent !== undefined && { percent: problem.percent }),
    detail: problem.detail ?? null,
    ...(problem.failure !== undefined && { failure: problem.failure }),
  };
}

function timeOf(instantMs: number | undefined): string | null {
  return instantMs === undefined ? null : new Date(instantMs).toISOString();
}

function secondsOf(durationMs: number | undefined): number | null {
  return durationMs === undefined ? null : Math.floor(durationMs / 1000);
}
