// Configuration files for servers under test.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

export const TOKEN_SECRET = 'a-token-secret-for-tests-only-0123456789';
export const API_KEY = 'an-api-key-for-tests-only-0123456789';

/** A folder that lives as long as a test. */
export async function scratch() {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'trunkline-e2e-'));
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

/**
 * A configuration as a node in production might have it: tokens wanted, nothing open, one
 * namespace `chat` with everything on and one `bare` with nothing. `changes` replaces sections,
 * and keys within sections.
 */
export function configuration(changes = {}) {
  const base = {
    server: { listen: '127.0.0.1:0', admin_listen: '127.0.0.1:0', shutdown_spread: '200ms' },
    token: { hmac_secret: TOKEN_SECRET },
    api: { keys: [API_KEY] },
    namespaces: [
      {
        name: 'chat',
        presence: true,
        join_leave: true,
        recovery: true,
        history_size: 100,
        history_ttl: '5m',
        allow_subscribe_for_client: true,
        allow_publish_for_subscriber: true,
        allow_history_for_subscriber: true,
        allow_presence_for_subscriber: true,
      },
      { name: 'bare' },
    ],
  };
  for (const [section, value] of Object.entries(changes)) {
    base[section] = Array.isArray(value) ? value : { ...base[section], ...value };
  }
  return toml(base);
}

/** A configuration in which everybody may do everything, with these namespaces: options by name. */
export function openTo(namespaces, changes = {}) {
  return configuration({
    client: { anonymous: true, insecure: true },
    namespaces: Object.entries(namespaces).map(([name, options]) => ({ name, ...options })),
    ...changes,
  });
}

function toml(sections) {
  const keys = (table) => Object.entries(table).filter(([, value]) => !isTable(value));
  const lines = (table) => keys(table).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
  const tables = (path, table) => [
    `[${path}]`,
    ...lines(table),
    ...Object.entries(table)
      .filter(([, value]) => isTable(value))
      .flatMap(([key, value]) => tables(`${path}.${key}`, value)),
  ];
  return Object.entries(sections)
    .flatMap(([section, value]) =>
      Array.isArray(value)
        ? value.flatMap((table) => [`[[${section}]]`, ...lines(table)])
        : tables(section, value),
    )
    .join('\n');
}

function isTable(value) {
  return typeof value === 'object' && !Array.isArray(value);
}

/** Writes a file that only its owner may read into `folder`, and returns its path. */
export async function file(folder, name, text) {
  const at = path.join(folder, name);
  await writeFile(at, text, { mode: 0o600 });
  return at;
}
