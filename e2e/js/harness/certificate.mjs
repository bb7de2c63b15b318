// Certificates for localhost, made by openssl.

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { run } from './binary.mjs';

/** Writes a new self-signed certificate and its key to `folder`, over any that are there. */
export async function certificate(folder) {
  const cert = path.join(folder, 'cert.pem');
  const key = path.join(folder, 'key.pem');
  const made = await run('openssl', [
    'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
    '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1',
    '-keyout', key, '-out', cert,
  ]);
  assert.equal(made.code, 0, made.stderr);
  const pem = await readFile(cert);
  return { cert, key, pem, fingerprint: new X509Certificate(pem).fingerprint256 };
}
