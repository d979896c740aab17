/** The checked document becomes the configuration that the program knows. */
import type { ZoneName } from '../../schedule/schedule-spec.ts';
import type { Config, SecretName, SecretSource, ServerConfig, StoreConfig } from '../config.ts';
import type { ConfigDocument } from '../schema/document.ts';
import { plansOf } from './build-plans.ts';
import { repositoriesOf } from './build-repositories.ts';
import { sitesOf } from './build-sources.ts';

/** @param systemZone for a file that names none */
export function buildConfig(document: ConfigDocument, systemZone: ZoneName): Config {
  const zone = document.timezone ?? systemZone;
  const { sites, sources } = sitesOf(document.sites);
  return {
    extensions: document.extensions,
    company: document.company,
    timezone: zone,
    secrets: new Map(
      Object.entries(document.secrets).map(([name, source]) => [name as SecretName, secretSourceOf(source)]),
    ),
    repositories: repositoriesOf(document.repositories, zone),
    sites,
    sources,
    plans: plansOf(document, { zone, sources }),
    server: serverOf(document.server),
    store: storeOf(document.store),
    drills: document.drills,
    runbooks: document.runbooks,
    fleet: document.fleet,
    alerts: document.alerts,
    contacts: document.contacts,
  };
}

function secretSourceOf({ env, file, command, systemd }: ConfigDocument['secrets'][string]): SecretSource {
  if (env !== undefined) return { kind: 'env', variable: env };
  if (file !== undefined) return { kind: 'file', path: file };
  if (command !== undefined) return { kind: 'command', argv: command };
  return { kind: 'systemd', credential: systemd! };
}

function serverOf({ listen, metrics, concurrency, audit }: ConfigDocument['server']): ServerConfig {
  return { listen, metrics, runsMax: concurrency.total, runsPerHostMax: concurrency.per_host, audit };
}

function storeOf(store: ConfigDocument['store']): StoreConfig | undefined {
  if (store === undefined) return undefined;
  return 'template' in store ? { url: store, password: undefined } : { url: store.url, password: store.password };
}
