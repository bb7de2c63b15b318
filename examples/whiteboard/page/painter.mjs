// What is on the screen: the board as the stream has it, drafts of one's own that the stream does not
// have yet, and strokes under somebody's pen.

import { HEIGHT, MAX_POINTS, PALETTE, WIDTH, isStroke } from './board.mjs';
import { Raster } from './raster.mjs';

/** Drawing at a time, in ms: half a frame, so that a pen stays smooth while a board is loaded. */
const SLICE_MS = 8;

/** Changes that may wait for the next frame. A hidden page has no frames: it draws at once from then on. */
const MAX_WAITING = 30_000;

/** Strokes of others that can grow at once, and when one that stopped growing is forgotten, in ms. */
const MAX_PREVIEWS = 64;
const PREVIEW_MS = 5000;

export class Painter {
  #canvas;
  #image;
  #raster;
  #queue = [];
  #drafts;
  #live;
  #previews = new Map(); // id -> {stroke, timer}
  #stale = new Set();
  #frame;

  /**
   * @param canvas the board
   * @param drafts a canvas above it
   * @param live a canvas above both
   * @param sources `{waiting(), growing()}`: lists of one's own strokes, sent and unfinished
   */
  constructor(canvas, drafts, live, sources) {
    for (const each of [canvas, drafts, live]) Object.assign(each, { width: WIDTH, height: HEIGHT });
    this.#canvas = canvas.getContext('2d', { alpha: false, willReadFrequently: true });
    this.#image = this.#canvas.createImageData(WIDTH, HEIGHT);
    this.#raster = new Raster(this.#image.data);
    this.#canvas.putImageData(this.#image, 0, 0);
    this.#drafts = drafts.getContext('2d');
    this.#live = live.getContext('2d');
    this.sources = sources;
  }

  stroke(stroke, position) {
    this.#forget(stroke.id);
    this.#add({ stroke, position });
  }

  clear(position) {
    this.#add({ clear: true, position });
  }

  /** The stream went on without a change. */
  moved(position) {
    this.#add({ position });
  }

  /** Draws all of it anew. */
  replace(strokes, position) {
    this.#queue = [{ clear: true }, ...strokes.map((stroke) => ({ stroke })), { position }];
    this.#wake();
  }

  /** What is drawn here and not in the stream has changed. */
  pending() {
    this.#stale.add(this.#drafts);
    this.#wake();
  }

  /** What is under the pen has changed. */
  growing() {
    this.#stale.add(this.#live);
    this.#wake();
  }

  /** A part of somebody's stroke: a stroke whose points continue those before. */
  preview(part) {
    if (typeof part?.id !== 'string' || !isStroke(part)) return;
    const known = this.#previews.get(part.id);
    if (!known && this.#previews.size >= MAX_PREVIEWS) return;
    const points = [...(known?.stroke.points ?? []), ...part.points].slice(0, 2 * MAX_POINTS);
    clearTimeout(known?.timer);
    const timer = setTimeout(() => this.#forget(part.id), PREVIEW_MS);
    this.#previews.set(part.id, { stroke: { ...part, points }, timer });
    this.growing();
  }

  #forget(id) {
    const known = this.#previews.get(id);
    if (!known) return;
    clearTimeout(known.timer);
    this.#previews.delete(id);
    this.growing();
  }

  #add(change) {
    this.#queue.push(change);
    if (this.#queue.length > MAX_WAITING) this.#draw(Infinity);
    this.#wake();
  }

  #wake() {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = undefined;
      this.#draw(SLICE_MS);
      // The drafts wait for the board: what has just settled must not vanish between the two.
      if (this.#queue.length > 0) return this.#wake();
      const { waiting, growing } = this.sources;
      if (this.#stale.delete(this.#drafts)) sketch(this.#drafts, waiting(), 0.55);
      const previews = [...this.#previews.values()].map(({ stroke }) => stroke);
      if (this.#stale.delete(this.#live)) sketch(this.#live, [...previews, ...growing()], 1);
      return undefined;
    });
  }

  #draw(budget) {
    const end = performance.now() + budget;
    const area = { left: WIDTH, top: HEIGHT, right: 0, bottom: 0 };
    let done = 0;
    let position;
    for (; done < this.#queue.length && performance.now() < end; done += 1) {
      const change = this.#queue[done];
      if (change.position) ({ position } = change);
      if (!change.stroke && !change.clear) continue;
      const touched = change.clear ? this.#raster.clear() : this.#raster.draw(change.stroke);
      area.left = Math.min(area.left, touched.left);
      area.top = Math.min(area.top, touched.top);
      area.right = Math.max(area.right, touched.right);
      area.bottom = Math.max(area.bottom, touched.bottom);
    }
    this.#queue.splice(0, done);
    const [width, height] = [area.right - area.left, area.bottom - area.top];
    if (width > 0) this.#canvas.putImageData(this.#image, 0, 0, area.left, area.top, width, height);
    if (position) this.#canvas.canvas.dataset.offset = position.offset;
  }
}

/** Draws strokes with the browser's own lines: quick, smooth, and nothing that anybody compares. */
function sketch(context, strokes, opacity) {
  context.clearRect(0, 0, WIDTH, HEIGHT);
  context.globalAlpha = opacity;
  context.lineCap = 'round';
  context.lineJoin = 'round';
  for (const { color, width, points } of strokes) {
    context.strokeStyle = `rgb(${PALETTE[color].join(' ')})`;
    context.lineWidth = width;
    context.beginPath();
    context.moveTo(points[0], points[1]);
    for (let at = 2; at < points.length; at += 2) context.lineTo(points[at], points[at + 1]);
    if (points.length === 2) context.lineTo(points[0], points[1]);
    context.stroke();
  }
}
