// The files of `deploy/` that no proxy reads: they say what the node understands, and what they say in
// two places agrees. Where a tool is missing that would read them (helm, PyYAML, systemd-analyze), its
// test is skipped; no test builds an image.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cp, readFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';

import { BINARY, ROOT, run, trunkline } from '../harness/binary.mjs';
import { API_KEY, TOKEN_SECRET, configuration, file, scratch } from '../harness/configuration.mjs';
import { until } from '../harness/deadline.mjs';
import { Server } from '../harness/server.mjs';

const DEPLOY = path.join(ROOT, 'deploy');
const CHART = path.join(DEPLOY, 'kubernetes/trunkline');

const SECRETS = { TRUNKLINE_TOKEN__HMAC_SECRET: TOKEN_SECRET, TRUNKLINE_API__KEYS: API_KEY };

const read = (name) => readFile(path.join(DEPLOY, name), 'utf8');

/** Whether a command runs at all; `skip` of a test that needs it. */
const without = (what, command, ...args) =>
  spawnSync(command, args, { stdio: 'ignore' }).status === 0 ? false : `there is no ${what}`;

const noYaml = without('PyYAML', 'python3', '-c', 'import yaml');
const noHelm = without('helm', 'helm', 'version');
const noSystemd = without('systemd-analyze', 'systemd-analyze', '--version');

/** The documents of a YAML text. */
async function yaml(text) {
  const program = 'import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(sys.stdin))))';
  const parsed = await run('python3', ['-c', program], { input: text });
  assert.equal(parsed.code, 0, parsed.stderr);
  return JSON.parse(parsed.stdout);
}

/** A time in a configuration, in seconds. */
function seconds(text, key) {
  const [, value] = new RegExp(`^${key} = "(\\d+)s"$`, 'm').exec(text);
  return Number(value);
}

let place;
before(async () => {
  place = await scratch();
});
after(() => place.remove());

describe('container files', () => {
  it('the health check of the image finds a node healthy until it is gone', async () => {
    const [, command] = /HEALTHCHECK[^[]*CMD (\[.*\])$/m.exec(await read('container/Dockerfile'));
    const config = configuration({ server: { shutdown_delay: '10m' } });
    const server = await Server.start({ config });
    const [program, ...args] = JSON.parse(command);
    const port = server.adminListen.split(':').pop();
    const check = async () =>
      (await run(program, args.map((arg) => arg.replace('/127.0.0.1/9000', `/127.0.0.1/${port}`)))).code;
    try {
      assert.equal(await check(), 0);
      server.signal('SIGTERM');
      await until(async () => (await fetch(server.admin('/ready'))).status === 503, '/ready is red');
      assert.equal(await check(), 0, 'a node that is leaving is not ill');
      server.signal('SIGTERM');
      assert.equal(await server.ended(), 0);
      assert.notEqual(await check(), 0);
    } finally {
      await server.kill();
    }
  });

  it('the configuration of the composed nodes is fine', async () => {
    const config = path.join(DEPLOY, 'compose/trunkline.toml');
    const env = { ...SECRETS, TRUNKLINE_CLIENT__ALLOWED_ORIGINS: '' };
    const checked = await trunkline(['check-config', '--config', config], { env });
    assert.equal(checked.code, 0, checked.stderr);
  });

  it('compose waits longer than a node takes to leave', { skip: noYaml }, async () => {
    const [{ services }] = await yaml(await read('compose/compose.yaml'));
    const toml = await read('compose/trunkline.toml');
    const leaving = seconds(toml, 'shutdown_delay') + seconds(toml, 'shutdown_deadline');
    const examples = await read('compose/env.example');
    for (const name of ['node1', 'node2', 'node3']) {
      const node = services[name];
      assert.ok(Number.parseInt(node.stop_grace_period, 10) > leaving, name);
      assert.equal(services.haproxy.environment[name.toUpperCase()], `${name}:8000`);
      const asked = JSON.stringify(node.environment).matchAll(/\$\{([A-Z_]+)/g);
      for (const [, variable] of asked) assert.match(examples, new RegExp(`^${variable}=`, 'm'));
    }
  });
});

describe('chart', () => {
  const SET = ['--set', 'redis.url=redis://redis:6379', '--set', 'secrets.existing=trunkline'];
  const EVERYTHING = ['autoscaling', 'serviceMonitor', 'ingress'].flatMap((part) => ['--set', `${part}.enabled=true`]);
  const template = (...set) => run('helm', ['template', 'live', CHART, '--kube-version', '1.30', ...set]);

  it('the configuration in its values is fine', async () => {
    const values = await readFile(path.join(CHART, 'values.yaml'), 'utf8');
    const [, block] = /^config: \|\n((?: {2}.*\n|\n)+)/m.exec(values);
    const config = await file(place.folder, 'chart.toml', block.replace(/^ {2}/gm, ''));
    const checked = await trunkline(['check-config', '--config', config], { env: SECRETS });
    assert.equal(checked.code, 0, checked.stderr);
  });

  it('helm finds nothing wrong with it', { skip: noHelm }, async () => {
    for (const more of [[], EVERYTHING]) {
      const linted = await run('helm', ['lint', '--strict', CHART, ...SET, ...more]);
      assert.equal(linted.code, 0, linted.stdout + linted.stderr);
      const made = await template(...SET, ...more);
      assert.equal(made.code, 0, made.stderr);
    }
  });

  it('says what is missing', { skip: noHelm }, async () => {
    assert.match((await template()).stderr, /redis\.url/);
    assert.match((await template(...SET.slice(0, 2))).stderr, /secrets\.existing/);
    assert.match((await template(...SET, '--set', 'shutdown.spreadSeconds=41')).stderr, /spreadSeconds/);
  });

  it('its nodes are given the time to leave', { skip: noHelm || noYaml }, async () => {
    const documents = await yaml((await template(...SET, ...EVERYTHING)).stdout);
    const kinds = {};
    for (const document of documents) (kinds[document.kind] ??= []).push(document);
    const [deployment] = kinds.Deployment;
    assert.equal(deployment.spec.replicas, undefined, 'the autoscaler says how many');
    assert.equal(deployment.spec.strategy.rollingUpdate.maxUnavailable, 0);
    const pod = deployment.spec.template.spec;
    const [container] = pod.containers;
    const env = Object.fromEntries(container.env.map(({ name, value }) => [name, value]));
    const time = (name) => Number.parseInt(env[`TRUNKLINE_SERVER__SHUTDOWN_${name}`], 10);
    assert.ok(pod.terminationGracePeriodSeconds > time('DELAY') + time('DEADLINE') + 5);
    assert.equal(container.readinessProbe.httpGet.path, '/ready');
    assert.equal(container.livenessProbe.httpGet.path, '/health');
    assert.equal(container.securityContext.readOnlyRootFilesystem, true);
    for (const kind of ['PodDisruptionBudget', 'HorizontalPodAutoscaler', 'ServiceMonitor', 'Ingress']) {
      assert.equal(kinds[kind]?.length, 1, kind);
    }
    const paths = kinds.Ingress[0].spec.rules[0].http.paths.map((entry) => entry.path);
    assert.ok(!paths.includes('/') && !paths.includes('/api'), 'the server API is not for the world');
  });
});

describe('systemd units', () => {
  it('systemd finds nothing wrong with them', { skip: noSystemd }, async () => {
    const folder = path.join(place.folder, 'units');
    await cp(path.join(DEPLOY, 'systemd'), folder, { recursive: true });
    const service = path.join(folder, 'trunkline.service');
    // The check wants the program to exist.
    const text = (await readFile(service, 'utf8')).replace('/usr/local/bin/trunkline', BINARY);
    await file(folder, 'trunkline.service', text);
    const checked = await run('systemd-analyze', ['verify', service, path.join(folder, 'trunkline.socket')]);
    assert.equal(checked.code, 0, checked.stderr);
    assert.doesNotMatch(checked.stderr, /trunkline\.(service|socket)/);
  });
});
