// `examples/whiteboard`, started by its one command, and people in front of it.

import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import path from 'node:path';

import { page } from './browser.mjs';
import { until } from './deadline.mjs';
import { Example } from './example.mjs';

/** The example, with data of its own that outlives restarts. */
export class Whiteboard extends Example {
  static start(options) {
    return super.start('whiteboard', options);
  }

  /** Ends the node without a warning. The example starts another one by itself. */
  killNode(name = 'the node') {
    super.killNode(name);
  }

  /** Stops the node in its tracks: what is sent to it from now on, it does not read. */
  freezeNode() {
    this.signal('SIGSTOP', 'the node');
  }

  /** Throws away everything the node keeps; only while it does not run. */
  loseStreams() {
    return rm(path.join(this.folder, 'node'), { recursive: true, force: true });
  }

  /** Throws away what the backend has of every board; only while it does not run. */
  loseBoards() {
    return rm(path.join(this.folder, 'boards'), { recursive: true, force: true });
  }

  /** The board as the backend has it. */
  async stored(board) {
    return (await fetch(`http://127.0.0.1:${this.pagePort}/boards/${board}`)).json();
  }

  /** A new person at a board, who reaches the node at `node`. */
  async enter(board, { node = `127.0.0.1:${this.nodePort}` } = {}) {
    return new Person(await page(`http://127.0.0.1:${this.pagePort}/?node=${node}#${board}`));
  }
}

/** A browser at a board. */
export class Person {
  constructor(tab) {
    this.tab = tab;
  }

  /** Waits for a state of the connection; returns how many strokes were recovered with it. */
  async is(kind) {
    const state = this.tab.locator(`#state[data-kind=${kind}]`);
    await state.waitFor();
    return Number(await state.getAttribute('data-recovered'));
  }

  /** Draws with the pointer, through points given as parts of the board. */
  async draw(points) {
    const { x, y, width, height } = await this.tab.locator('#live').boundingBox();
    const at = ([right, down]) => [x + right * width, y + down * height];
    await this.tab.mouse.move(...at(points[0]));
    await this.tab.mouse.down();
    for (const point of points.slice(1)) await this.tab.mouse.move(...at(point));
    await this.tab.mouse.up();
  }

  /** Draws through the page's own code. */
  drawAll(strokes) {
    return this.tab.evaluate((list) => globalThis.whiteboard.draw(list), strokes);
  }

  /** How far the picture on the screen is in the stream. */
  offset() {
    return this.tab.locator('#board').getAttribute('data-offset').then(Number);
  }

  sees(offset, ms) {
    return until(async () => (await this.offset()) >= offset, `the picture at offset ${offset}`, ms);
  }

  /** What is on the canvas, as a hash, and how many of its pixels are not paper. */
  picture() {
    return this.tab.evaluate(async () => {
      const board = document.getElementById('board');
      const { data } = board.getContext('2d').getImageData(0, 0, board.width, board.height);
      const drawn = new Uint32Array(data.buffer).reduce((sum, pixel) => sum + (pixel !== 0xffffffff), 0);
      const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', data));
      return { drawn, hash: [...hash].map((byte) => byte.toString(16).padStart(2, '0')).join('') };
    });
  }

  /** The reasons of the notices that are shown. */
  notices() {
    return this.tab.locator('#notices > div').evaluateAll((lines) => lines.map((line) => line.dataset.reason));
  }
}

/** Strokes of a seed: always the same ones for the same seed. */
export function strokes(seed, count) {
  let state = seed;
  const below = (most) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0; // Numerical Recipes' generator
    return Math.floor((state / 2 ** 32) * most);
  };
  return Array.from({ length: count }, () => {
    const points = [below(1600), below(1000)];
    for (let n = below(20); n > 0; n -= 1) {
      const [x, y] = points.slice(-2);
      points.push(Math.min(1599, Math.max(0, x + below(101) - 50)), Math.min(999, Math.max(0, y + below(101) - 50)));
    }
    return { color: below(8), width: 1 + below(24), points };
  });
}

/** Asserts that all of them see the same picture, and that there is one. */
export async function assertSamePicture(people) {
  const pictures = await Promise.all(people.map((person) => person.picture()));
  assert.ok(pictures[0].drawn > 0, 'something is drawn');
  for (const picture of pictures) assert.deepEqual(picture, pictures[0]);
}
