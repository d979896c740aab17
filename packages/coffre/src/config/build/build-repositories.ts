import type { ZoneName } from '../../schedule/schedule-spec.ts';
import type { HostName, PruneConfig, RepositoryConfig, RepositoryName } from '../config.ts';
import type { ConfigDocument } from '../schema/document.ts';
import { timetableTrigger } from '../values/schedule-text.ts';
import { windowsOf } from './schedule-of.ts';

type Written = ConfigDocument['repositories'][string];

export function repositoriesOf(
  written: ConfigDocument['repositories'],
  zone: ZoneName,
): ReadonlyMap<RepositoryName, RepositoryConfig> {
  return new Map(
    Object.entries(written).map(([key, repository]) => {
      const name = key as RepositoryName;
      return [name, repositoryOf(name, repository, zone)];
    }),
  );
}

function repositoryOf(name: RepositoryName, written: Written, zone: ZoneName): RepositoryConfig {
  const { access, check, limits } = written;
  return {
    name,
    url: written.url,
    password: written.password,
    access: { id: access?.id, key: access?.key, sessionToken: access?.session_token, region: access?.region },
    options: written.options ?? {},
    place: { medium: written.medium, place: written.place },
    compression: written.compression,
    capacityBytes: written.capacity,
    capacityAlertPercent: written.capacity_alert,
    check: {
      structure: check.structure === undefined ? undefined : timetableTrigger(check.structure, zone),
      readData: check.read_data,
      fullWithinMs: check.full_within,
    },
    prune: pruneOf(written.prune, zone),
    appendOnly: written.append_only,
    maintainedBy: written.maintained_by as HostName | undefined,
    objectLockMs: written.object_lock,
    limits: {
      uploadBytesPerSecond: limits?.upload,
      downloadBytesPerSecond: limits?.download,
      windows: windowsOf(limits?.window, zone),
      connectionsMax: limits?.connections,
    },
  };
}

function pruneOf(written: Written['prune'], zone: ZoneName): PruneConfig | undefined {
  if (written === undefined) return undefined;
  return {
    schedule: timetableTrigger(written.schedule, zone),
    maxUnused: written.max_unused,
    maxRepackBytes: written.max_repack,
  };
}
