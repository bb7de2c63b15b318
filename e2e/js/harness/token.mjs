// Tokens with claims that the command line does not offer (expired, foreign, oddly signed).

import { createHmac } from 'node:crypto';

import { TOKEN_SECRET } from './configuration.mjs';

const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A JSON Web Token signed with HS256. */
export function sign(claims, secret = TOKEN_SECRET) {
  const body = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`;
  return `${body}.${createHmac('sha256', secret).update(body).digest('base64url')}`;
}

/** Now and `seconds` later, as tokens count time. */
export function inSeconds(seconds) {
  return Math.floor(Date.now() / 1000) + seconds;
}
