// What a board is: the fold of its publications, in the order of the stream. The page and the backend
// share this file, so that they cannot disagree.

/** Size of every board, in pixels. */
export const WIDTH = 1600;
export const HEIGHT = 1000;

/** What a stroke can be drawn with, as red, green, blue. The first is the paper: it rubs out. */
export const PALETTE = [
  [255, 255, 255], [29, 33, 41], [214, 48, 49], [232, 119, 34], [241, 186, 28], [46, 139, 87], [36, 107, 206], [126, 71, 190],
];

/** Widest stroke, in pixels. */
export const WIDEST = 64;

/** Points of one stroke; the pen begins a new one after that many. Keeps a publication below 6 KiB. */
export const MAX_POINTS = 512;

/** Strokes a board holds, about 8 MB; what comes after that is not drawn until somebody clears it. */
export const MAX_STROKES = 20_000;

/**
 * Ids remembered, of strokes that were cleared too. A page that lost its connection before it learned
 * what became of a stroke sends it again; the second one is then no news. As many as a board holds, which
 * is far more than the stream keeps.
 */
const MAX_IDS = MAX_STROKES;

const whole = (value, most) => Number.isInteger(value) && value >= 0 && value <= most;

/** Whether it can be drawn. */
export function isStroke({ color, width, points }) {
  if (!whole(color, PALETTE.length - 1) || !whole(width, WIDEST) || width === 0) return false;
  if (!Array.isArray(points) || points.length < 2 || points.length % 2 || points.length > 2 * MAX_POINTS) return false;
  return points.every((value, at) => whole(value, (at % 2 ? HEIGHT : WIDTH) - 1));
}

export class Board {
  #ids;

  /** An empty board, or the one that `snapshot` gave. */
  constructor({ strokes = [], ids = [], clears = 0 } = {}) {
    this.strokes = strokes;
    this.clears = clears;
    this.#ids = new Set(ids);
  }

  /** All of it, as a value that JSON can carry. */
  snapshot() {
    return { strokes: this.strokes, ids: [...this.#ids], clears: this.clears };
  }

  /** Whether something with this id was taken, now or before. */
  knows(id) {
    return this.#ids.has(id);
  }

  get full() {
    return this.strokes.length >= MAX_STROKES;
  }

  /**
   * Takes the next publication: `{id, color, width, points: [x, y, x, y, …]}` or `{id, clear: true}`.
   * Anybody may publish, so that it may be anything; what is neither changes nothing.
   *
   * @returns {'stroke' | 'clear' | undefined} what there is to draw
   */
  take(data) {
    const id = data?.id;
    if (typeof id !== 'string' || !/^[\w-]{1,40}$/.test(id) || this.#ids.has(id)) return undefined;
    const clear = data.clear === true;
    if (!clear && !isStroke(data)) return undefined;
    this.#remember(id);
    if (clear) {
      this.strokes = [];
      this.clears += 1;
      return 'clear';
    }
    if (this.full) return undefined;
    const { color, width, points } = data;
    this.strokes.push({ id, color, width, points });
    return 'stroke';
  }

  #remember(id) {
    this.#ids.add(id);
    if (this.#ids.size > MAX_IDS) this.#ids.delete(this.#ids.values().next().value);
  }
}
