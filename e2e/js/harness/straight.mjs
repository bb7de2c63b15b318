// Business processes that publish past all nodes: the examples of docs/redis.md, run as they stand.

import assert from 'node:assert/strict';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { BINARY, ROOT, run, trunkline } from './binary.mjs';
import { scratch } from './configuration.mjs';
import { block } from './docs.mjs';

/** The last answers of a program, one a line: `{ duplicate, epoch, offset, tag }`. */
function answers({ code, stdout, stderr }, count) {
  assert.equal(code, 0, `${stdout}${stderr}`);
  const lines = stdout.trimEnd().split('\n').slice(-count);
  return lines.map((line) => {
    assert.match(line, /^[01] \S+ \d+ [0-9a-f]{16}$/);
    const [duplicate, epoch, offset, tag] = line.split(' ');
    return { duplicate: duplicate === '1', epoch, offset: Number(offset), tag };
  });
}

async function inFolder(work) {
  const { folder, remove } = await scratch();
  try {
    return await work(folder);
  } finally {
    await remove();
  }
}

/**
 * Runs the example in JavaScript, which publishes once by itself, and then publishes `calls`, each of
 * them `[channel, data, idempotency key]`. Returns the answers to these.
 */
export function withJavaScript(redis, calls) {
  return inFolder(async (folder) => {
    const script = (await trunkline(['redis-script'])).stdout;
    await writeFile(path.join(folder, 'publish.lua'), script);
    await writeFile(path.join(folder, 'example.mjs'), await block('redis.md', 'js', 'publish'));
    await symlink(path.join(ROOT, 'e2e/js/node_modules'), path.join(folder, 'node_modules'));
    const more = `
      import { publish, server } from './example.mjs';
      for (const call of ${JSON.stringify(calls)}) console.log(await publish(...call));
      await server.quit();`;
    await writeFile(path.join(folder, 'more.mjs'), more);
    const env = { REDIS_URL: redis.url() };
    return answers(await run('node', ['more.mjs'], { cwd: folder, env }), calls.length);
  });
}

/** The same with a shell. */
export function withShell(redis, calls) {
  return inFolder(async (folder) => {
    await mkdir(path.join(folder, 'bin'));
    await symlink(BINARY, path.join(folder, 'bin/trunkline'));
    const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;
    const lines = calls.map(([channel, data, once]) =>
      ['publish', channel, quoted(JSON.stringify(data)), once ?? ''].join(' '),
    );
    const text = ['set -e', await block('redis.md', 'sh', 'publish()'), ...lines].join('\n');
    const env = { REDIS_URL: redis.url(), PATH: `${folder}/bin:${process.env.PATH}` };
    return answers(await run('/bin/sh', ['-c', text], { cwd: folder, env }), calls.length);
  });
}
