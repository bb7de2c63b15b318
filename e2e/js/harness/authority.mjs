// A certificate for this machine, and the authority that vouches for it, made by openssl.

import assert from 'node:assert/strict';
import path from 'node:path';

import { run } from './binary.mjs';

const COMMON = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];

/** Writes both to `folder`; returns the paths of `cert`, `key` and `authority`. */
export async function certified(folder) {
  const at = (name) => path.join(folder, name);
  const make = async (...args) => {
    const made = await run('openssl', [...COMMON, ...args]);
    assert.equal(made.code, 0, made.stderr);
  };
  await make('-subj', '/CN=an authority for tests', '-keyout', at('ca.key'), '-out', at('ca.pem'));
  await make(
    '-subj', '/CN=localhost', '-CA', at('ca.pem'), '-CAkey', at('ca.key'),
    '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-addext', 'basicConstraints=critical,CA:FALSE',
    '-keyout', at('redis.key'), '-out', at('redis.pem'),
  );
  return { cert: at('redis.pem'), key: at('redis.key'), authority: at('ca.pem') };
}
