// The audio of a recording that may have to be sent (again): blocks by their place in samples.

export class Tape {
  #blocks = []; // {start, samples, time}, without gaps
  length = 0; // samples so far
  isComplete = false;

  /** `keepSeconds`: older audio is forgotten. */
  constructor(samplingRate, keepSeconds = Infinity) {
    this.samplingRate = samplingRate;
    this.keep = keepSeconds * samplingRate;
  }

  /** `time`: when the last sample was heard, null where nobody spoke it just now. */
  push(samples, time) {
    this.#blocks.push({ start: this.length, samples, time });
    this.length += samples.length;
    this.forget(this.length - this.keep);
  }

  /** Forget the blocks that end at or before a sample. */
  forget(sample) {
    const first = this.#blocks.findIndex((block) => block.start + block.samples.length > sample);
    if (first > 0) this.#blocks.splice(0, first);
  }

  /** The first sample that is still there. */
  get start() {
    return this.#blocks[0]?.start ?? this.length;
  }

  /** The samples from a place to the end of its block; null where nothing is there yet. */
  read(sample) {
    const block = this.#find(sample);
    return block ? block.samples.subarray(sample - block.start) : null;
  }

  /** The moment at which a sample was heard, in milliseconds; null where it is not known. */
  timeOf(sample) {
    const block = this.#find(Math.min(sample, this.length) - 1);
    if (!block || block.time === null) return null;
    const behind = block.start + block.samples.length - sample;
    return block.time - (1000 * behind) / this.samplingRate;
  }

  #find(sample) {
    let low = 0;
    let high = this.#blocks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const block = this.#blocks[middle];
      if (block.start + block.samples.length <= sample) low = middle + 1;
      else high = middle;
    }
    const block = this.#blocks[low];
    return block && block.start <= sample ? block : null;
  }
}
