// Draws strokes into pixels, the same on every machine.
//
// A canvas would draw smoother lines, but how smooth differs between browsers, and between one with a
// graphics card and one without. Here every pixel comes from whole numbers and single divisions, which
// all of them round alike, and a stroke is drawn by itself however it arrived: the same strokes in the
// same order are the same picture, to the last bit.

import { HEIGHT, PALETTE, WIDTH } from './board.mjs';

/** How much of a pixel a stroke can cover. */
const FULL = 256;

export class Raster {
  #cover = new Uint16Array(WIDTH * HEIGHT); // of the stroke being drawn; all zero between strokes
  #from = new Int32Array(HEIGHT); // first and last column touched, by row
  #to = new Int32Array(HEIGHT);

  /** Draws into `pixels`: red, green, blue and opacity of each, row by row. */
  constructor(pixels = new Uint8ClampedArray(WIDTH * HEIGHT * 4)) {
    this.pixels = pixels;
    this.clear();
  }

  /** Makes everything paper. */
  clear() {
    const [red, green, blue] = PALETTE[0];
    new Uint32Array(this.pixels.buffer).fill(new Uint32Array(new Uint8Array([red, green, blue, 255]).buffer)[0]);
    return { left: 0, top: 0, right: WIDTH, bottom: HEIGHT };
  }

  /** Draws one stroke; returns the rectangle it may have changed. */
  draw({ color, width, points }) {
    const reach = (width + 1) / 2;
    const area = { left: WIDTH, top: HEIGHT, right: 0, bottom: 0 };
    for (let at = 0; at < points.length; at += 2) {
      area.left = Math.min(area.left, points[at]);
      area.right = Math.max(area.right, points[at]);
      area.top = Math.min(area.top, points[at + 1]);
      area.bottom = Math.max(area.bottom, points[at + 1]);
    }
    area.left = Math.max(0, Math.floor(area.left - reach));
    area.top = Math.max(0, Math.floor(area.top - reach));
    area.right = Math.min(WIDTH, Math.ceil(area.right + reach) + 1);
    area.bottom = Math.min(HEIGHT, Math.ceil(area.bottom + reach) + 1);
    this.#from.fill(WIDTH, area.top, area.bottom);
    this.#to.fill(-1, area.top, area.bottom);
    if (points.length === 2) this.#segment(points[0], points[1], points[0], points[1], width);
    for (let at = 2; at < points.length; at += 2) {
      this.#segment(points[at - 2], points[at - 1], points[at], points[at + 1], width);
    }
    this.#blend(PALETTE[color], area);
    return area;
  }

  /** Covers what is within half a width of the line from a to b; where strokes meet themselves, once. */
  #segment(ax, ay, bx, by, width) {
    const reach = (width + 1) / 2;
    const [outer, inner] = [(width + 1) ** 2, (width - 1) ** 2]; // squared, and of diameters
    const [dx, dy] = [bx - ax, by - ay];
    const length = dx * dx + dy * dy; // squared
    const [top, bottom] = [Math.max(0, Math.min(ay, by) - width), Math.min(HEIGHT - 1, Math.max(ay, by) + width)];
    for (let y = top; y <= bottom; y += 1) {
      // Which columns can be near enough: generous, as only what is measured below counts.
      let [low, high] = [0, 1];
      if (dy !== 0) {
        const [one, other] = [(y - reach - ay) / dy, (y + reach - ay) / dy];
        low = Math.max(0, Math.min(one, other));
        high = Math.min(1, Math.max(one, other));
        if (low > high) continue;
      }
      const [one, other] = [ax + low * dx, ax + high * dx];
      const left = Math.max(0, Math.floor(Math.min(one, other) - reach) - 1);
      const right = Math.min(WIDTH - 1, Math.ceil(Math.max(one, other) + reach) + 1);
      for (let x = left; x <= right; x += 1) {
        const [px, py] = [x - ax, y - ay];
        const along = px * dx + py * dy;
        let square; // of twice the distance
        if (along <= 0) square = 4 * (px * px + py * py);
        else if (along >= length) square = 4 * ((x - bx) ** 2 + (y - by) ** 2);
        else square = (4 * (px * dy - py * dx) ** 2) / length;
        if (square >= outer) continue;
        const cover = square <= inner ? FULL : Math.floor((FULL * (outer - square)) / (outer - inner));
        const place = y * WIDTH + x;
        if (cover <= this.#cover[place]) continue;
        this.#cover[place] = cover;
        if (x < this.#from[y]) this.#from[y] = x;
        if (x > this.#to[y]) this.#to[y] = x;
      }
    }
  }

  #blend(color, { top, bottom }) {
    for (let y = top; y < bottom; y += 1) {
      for (let x = this.#from[y]; x <= this.#to[y]; x += 1) {
        const place = y * WIDTH + x;
        const cover = this.#cover[place];
        this.#cover[place] = 0;
        for (let part = 0; part < 3; part += 1) {
          const below = this.pixels[4 * place + part];
          this.pixels[4 * place + part] = below + (((color[part] - below) * cover) >> 8);
        }
      }
    }
  }
}
