// Asking the page's own backend.

/** How long an answer may take, in ms. */
const PATIENCE_MS = 12_000;

/** Posts an object as JSON; the answer, or an error with the words of the backend. */
export async function post(path, body = {}) {
  const response = await fetch(path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(text.trim() || `HTTP ${response.status}`);
  return text ? JSON.parse(text) : undefined;
}
