// Runs in the audio thread: gathers samples of the first channel and posts them as 16-bit blocks.

import { toInt16 } from "./pcm.js";

class PcmWorklet extends AudioWorkletProcessor {
  constructor({ processorOptions }) {
    super();
    this.block = new Float32Array(processorOptions.blockLength);
    this.length = 0;
    this.running = true;
    this.port.onmessage = () => {
      this.post();
      this.running = false;
      this.port.postMessage(null);
    };
  }

  process([input]) {
    const samples = input[0];
    // An input without channels is one whose source has ended.
    for (let at = 0; samples && at < samples.length; ) {
      const part = samples.subarray(at, at + this.block.length - this.length);
      this.block.set(part, this.length);
      this.length += part.length;
      at += part.length;
      if (this.length === this.block.length) this.post((samples.length - at) / sampleRate);
    }
    return this.running;
  }

  // `rest`: seconds of this render quantum behind the block's last sample.
  post(rest = 0) {
    const samples = toInt16(this.block.subarray(0, this.length));
    const end = currentTime + 128 / sampleRate - rest;
    this.port.postMessage({ samples, end }, [samples.buffer]);
    this.length = 0;
  }
}

registerProcessor("pcm", PcmWorklet);
