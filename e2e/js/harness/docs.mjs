// The examples of a page of the documentation, to be run as they stand there.

import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { ROOT } from './binary.mjs';

/** The blocks of code of a language in `docs/PAGE`, in order. */
export async function blocks(page, language) {
  const text = await readFile(path.join(ROOT, 'docs', page), 'utf8');
  const fence = new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, 'gms');
  return [...text.matchAll(fence)].map(([, code]) => code);
}

/** The block that contains `words`. */
export async function block(page, language, words) {
  const found = (await blocks(page, language)).find((code) => code.includes(words));
  if (!found) throw new Error(`docs/${page} has no ${language} with ${words}`);
  return found;
}
