// A recording as a source of blocks (see microphone.js), decoded by the browser.

import { Trouble } from "./messages.js";
import { toInt16 } from "./pcm.js";

const SAMPLING_RATE = 16000;
const BLOCK = SAMPLING_RATE / 10;

export class AudioFile {
  samplingRate = SAMPLING_RATE;

  /** Decode a File; channels are averaged. */
  static async open(file, realTime) {
    let buffer;
    try {
      const context = new OfflineAudioContext(1, 1, SAMPLING_RATE);
      buffer = await context.decodeAudioData(await file.arrayBuffer());
    } catch {
      throw new Trouble("no_audio", file.name);
    }
    const mono = buffer.getChannelData(0);
    const channels = buffer.numberOfChannels;
    for (let channel = 1; channel < channels; channel += 1) {
      const samples = buffer.getChannelData(channel);
      for (let i = 0; i < mono.length; i += 1) mono[i] += samples[i];
    }
    if (channels > 1) for (let i = 0; i < mono.length; i += 1) mono[i] /= channels;
    return new AudioFile(file.name, toInt16(mono), realTime);
  }

  constructor(name, samples, realTime) {
    this.name = name;
    this.samples = samples;
    this.realTime = realTime;
    this.duration = samples.length / SAMPLING_RATE;
  }

  start(onBlock, onEnd) {
    this.onEnd = onEnd;
    const begin = performance.now();
    let at = 0;
    const next = () => {
      if (!this.onEnd) return;
      // A block is due when its last sample would have been spoken.
      const dueAt = (end) => begin + (1000 * end) / SAMPLING_RATE;
      while (at < this.samples.length) {
        const end = Math.min(at + BLOCK, this.samples.length);
        if (this.realTime && dueAt(end) > performance.now()) break;
        onBlock(this.samples.subarray(at, end), this.realTime ? dueAt(end) : null);
        at = end;
      }
      if (at < this.samples.length) setTimeout(next, Math.max(0, dueAt(at + BLOCK) - performance.now()));
      else this.stop();
    };
    next();
  }

  close() {}

  stop() {
    this.onEnd?.();
    this.onEnd = null;
  }
}
