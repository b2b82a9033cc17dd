// How long after it was heard audio is seen as text.

const KEPT = 300;

export class Delay {
  #values = [];

  /** `heard`: when the last sample that the text reflects was heard; performance.now() is its clock. */
  shown(heard) {
    this.#values.push(performance.now() - heard);
    if (this.#values.length > KEPT) this.#values.shift();
  }

  get isKnown() {
    return this.#values.length > 0;
  }

  /** The last one, the median and the 90th percentile of the last 300, in milliseconds. */
  figures() {
    const sorted = [...this.#values].sort((a, b) => a - b);
    const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
    return { last: this.#values.at(-1), median: at(0.5), p90: at(0.9) };
  }
}

/** Run `action` when what was just put into the page has been painted. */
export function afterPaint(action) {
  requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = action;
    channel.port2.postMessage(null);
  });
}
