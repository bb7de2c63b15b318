// From fingers, mice and pens to strokes.

import { HEIGHT, MAX_POINTS, WIDTH } from './board.mjs';

/** Points nearer to the one before are left out, in pixels of the board. */
const NEAR = 2;

/** Between two looks that others get at a stroke that grows, in ms. */
const PREVIEW_MS = 50;

/** Ids that no other page makes: this page's, and a number. */
const page = crypto.randomUUID().slice(0, 13);
let made = 0;

export function newId() {
  made += 1;
  return `${page}-${made}`;
}

export class Pen {
  #strokes = new Map(); // by pointer: several fingers draw several strokes
  #surface;

  /**
   * @param surface the element drawn upon, as wide and high on the screen as the board is there
   * @param style `()` → `{color, width}`, or `undefined` when nothing may be drawn
   * @param to `{finished(stroke), preview(part), changed()}`
   */
  constructor(surface, style, to) {
    this.#surface = surface;
    Object.assign(this, { style, to });
    surface.addEventListener('pointerdown', (event) => this.#down(event));
    surface.addEventListener('pointermove', (event) => this.#move(event));
    for (const end of ['pointerup', 'pointercancel']) surface.addEventListener(end, (event) => this.#up(event));
    surface.addEventListener('contextmenu', (event) => event.preventDefault());
  }

  /** The strokes that are not finished. */
  get growing() {
    return [...this.#strokes.values()].map(({ stroke }) => stroke);
  }

  #down(event) {
    const style = event.button === 0 ? this.style() : undefined;
    if (!style || this.#strokes.has(event.pointerId)) return;
    this.#surface.setPointerCapture(event.pointerId);
    this.#begin(event.pointerId, style, this.#place(event));
  }

  #begin(pointer, style, point) {
    const stroke = { id: newId(), ...style, points: [...point] };
    this.#strokes.set(pointer, { stroke, shown: 0, at: 0 });
    this.to.changed();
  }

  #move(event) {
    if (!this.#strokes.has(event.pointerId)) return;
    // One event may stand for several movements between two frames.
    const events = event.getCoalescedEvents?.() ?? [];
    for (const each of events.length > 0 ? events : [event]) this.#extend(event.pointerId, this.#place(each));
    this.#show(this.#strokes.get(event.pointerId));
    this.to.changed();
  }

  #extend(pointer, [x, y]) {
    const { stroke } = this.#strokes.get(pointer);
    const { points, color, width } = stroke;
    const [lastX, lastY] = points.slice(-2);
    if ((x - lastX) ** 2 + (y - lastY) ** 2 < NEAR ** 2) return;
    points.push(x, y);
    if (points.length < 2 * MAX_POINTS) return;
    this.#finish(pointer);
    this.#begin(pointer, { color, width }, [x, y]);
  }

  #up({ pointerId }) {
    if (this.#strokes.has(pointerId)) this.#finish(pointerId);
  }

  #finish(pointer) {
    const { stroke } = this.#strokes.get(pointer);
    this.#strokes.delete(pointer);
    this.to.finished(stroke);
    this.to.changed();
  }

  #show(growth) {
    const now = performance.now();
    const { stroke, shown, at } = growth;
    if (now - at < PREVIEW_MS || shown === stroke.points.length) return;
    const part = { ...stroke, points: stroke.points.slice(shown) };
    Object.assign(growth, { shown: stroke.points.length, at: now });
    this.to.preview(part);
  }

  #place({ clientX, clientY }) {
    const { left, top, width, height } = this.#surface.getBoundingClientRect();
    const within = (part, size) => Math.min(size - 1, Math.max(0, Math.round(part * size)));
    return [within((clientX - left) / width, WIDTH), within((clientY - top) / height, HEIGHT)];
  }
}
