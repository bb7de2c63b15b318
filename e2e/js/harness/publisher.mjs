// An application that publishes without end, and knows what it was promised.

import { until } from './deadline.mjs';
import { remember } from './opened.mjs';

/** Between two publications, in ms: others need the machine too. */
const PAUSE_MS = 10;

/** How long what a test waits for may take on a machine that is busy with much else, in ms. */
const PATIENCE_MS = 60_000;

export class Publisher {
  #over = false;
  #end;

  /**
   * Publishes 0, 1, 2 … into a channel, each when the one before was acknowledged; or goes on at `from`.
   * With `patient` it asks again for what failed, under the same key, until it is acknowledged.
   */
  constructor(api, channel, { patient = false, from = 0 } = {}) {
    Object.assign(this, { count: from, failures: 0 });
    this.#end = this.#publish(api, channel, patient);
    this.#end.catch((error) => (this.error = error));
    remember(() => (this.#over = true));
  }

  async #publish(api, channel, patient) {
    while (!this.#over) {
      try {
        await api.publish(channel, this.count, { idempotency_key: `${this.count}` });
        this.count += 1;
      } catch (error) {
        if (!patient) throw error;
        this.failures += 1;
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  /** Waits until so many are acknowledged. */
  reaches(count, ms = PATIENCE_MS) {
    const there = () => {
      if (this.error) throw this.error;
      return this.count >= count;
    };
    return until(there, `${count} publications`, ms);
  }

  /** All that was acknowledged, from 0 on; fails if something was not that should have been. */
  async stop() {
    this.#over = true;
    await this.#end;
    return Array.from({ length: this.count }, (_, n) => n);
  }
}
