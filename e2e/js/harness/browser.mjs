// Headless Chromium, as a person's browser: one per test file, a fresh context per person.

import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';

import { DEADLINE_MS } from './deadline.mjs';
import { remember } from './opened.mjs';

const PATHS = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

const ARGS = [
  '--no-sandbox', // as root in a container there is none to be had
  '--disable-gpu',
  '--disable-dev-shm-usage',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-quic',
  '--disable-sync',
  '--no-first-run',
];

let launched;

function browser() {
  if (!launched) {
    const executablePath = PATHS.find((path) => path && existsSync(path));
    if (!executablePath) throw new Error('no Chromium found; set CHROMIUM to its path');
    launched = chromium.launch({ executablePath, args: ARGS });
    remember(async () => {
      const open = await launched.catch(() => undefined);
      launched = undefined;
      await open?.close();
    });
  }
  return launched;
}

/**
 * A new person at a page. Whatever the page logs as an error is kept in `errors`. `options` are the
 * context's, as for a certificate that only a test would trust.
 */
export async function page(url, options = {}) {
  return open(await (await browser()).newContext(options), url);
}

/** Another tab of the same person. */
export function anotherTab(tab, url) {
  return open(tab.context(), url);
}

async function open(context, url) {
  const tab = await context.newPage();
  tab.setDefaultTimeout(DEADLINE_MS);
  tab.errors = [];
  tab.on('pageerror', (error) => tab.errors.push(String(error)));
  await tab.goto(url);
  return tab;
}
