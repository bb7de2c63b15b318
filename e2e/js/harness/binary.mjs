// Where the program under test is, and running it as a person at a shell would.

import { spawn } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { within } from './deadline.mjs';

/** The project's root folder. */
export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');

const TARGET = process.env.CARGO_TARGET_DIR ?? path.join(ROOT, 'target');

/** The release binary, unless `TRUNKLINE_BIN` names another. */
export const BINARY = process.env.TRUNKLINE_BIN ?? path.join(TARGET, 'release', 'trunkline');

/**
 * Runs a command to its end.
 *
 * @returns {Promise<{code: number|null, signal: string|null, stdout: string, stderr: string}>}
 */
export async function run(command, args, { env = {}, input, cwd } = {}) {
  const child = spawn(command, args, { env: { ...process.env, ...env }, cwd });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text) => (output.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (output.stderr += text));
  child.stdin.on('error', () => {}); // a command that ended early does not read its input
  child.stdin.end(input ?? '');
  const ended = new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, ...output }));
  });
  try {
    return await within(ended, `end of ${path.basename(command)} ${args.join(' ')}`);
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
}

/** Runs one command of the binary under test. */
export function trunkline(args, options) {
  return run(BINARY, args, options);
}

/** Runs a line with the shell, as printed on a page or a terminal. */
export function shell(line, options) {
  return run('/bin/sh', ['-c', line], options);
}
