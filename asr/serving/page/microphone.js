// The microphone as a source of blocks.
//
// A source has `name`, `samplingRate`, `duration` (seconds, null where it is open), `close()` and
// `start(onBlock, onEnd)`, after that `stop()`. `onBlock(samples, time)`
// gets an Int16Array and the moment its last sample was heard, in milliseconds of performance.now();
// `onEnd(trouble)` comes once behind the last block, with a name of messages.js if something failed.

import { Trouble } from "./messages.js";

const BLOCK_SECONDS = 0.04;
const REASONS = {
  NotAllowedError: "microphone_refused",
  SecurityError: "microphone_refused",
  NotFoundError: "no_microphone",
  OverconstrainedError: "no_microphone",
  NotReadableError: "microphone_busy",
  AbortError: "microphone_busy",
};
// What browsers do to make calls pleasant changes what was said.
const AUDIO = {
  channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false,
};

export class Microphone {
  name = "microphone";
  duration = null;

  /** Ask for the microphone; to be called while the user's click is handled. */
  static async open() {
    if (!window.isSecureContext || !navigator.mediaDevices) throw new Trouble("insecure");
    const context = new AudioContext();
    try {
      await context.audioWorklet.addModule(new URL("pcm_worklet.js", import.meta.url));
      const stream = await listen();
      await context.resume();
      return new Microphone(context, stream);
    } catch (error) {
      context.close();
      throw error instanceof Trouble ? error : new Trouble("microphone_failed", error.message);
    }
  }

  constructor(context, stream) {
    this.context = context;
    this.stream = stream;
    this.samplingRate = context.sampleRate;
  }

  start(onBlock, onEnd) {
    const blockLength = Math.round(BLOCK_SECONDS * this.samplingRate);
    const options = { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit",
                      processorOptions: { blockLength } };
    this.worklet = new AudioWorkletNode(this.context, "pcm", options);
    this.onEnd = onEnd;
    // The two clocks' difference is the smallest one seen: whatever is above it is waiting time.
    let offset = Infinity;
    this.worklet.port.onmessage = ({ data }) => {
      if (data === null) {
        this.#end();
        return;
      }
      offset = Math.min(offset, performance.now() - 1000 * data.end);
      onBlock(data.samples, 1000 * data.end + offset);
    };
    this.stream.getAudioTracks()[0].onended = () => this.#end("microphone_gone");
    this.context.onstatechange = () => {
      if (this.context.state === "suspended" || this.context.state === "interrupted") {
        this.context.resume().catch(() => this.#end("microphone_gone"));
      }
    };
    this.context.createMediaStreamSource(this.stream).connect(this.worklet);
  }

  /** Hand over what was heard so far, then end. */
  stop() {
    this.worklet.port.postMessage(null);
  }

  #end(trouble) {
    if (!this.onEnd) return;
    this.close();
    this.onEnd(trouble);
    this.onEnd = null;
  }

  /** Give the microphone back. */
  close() {
    this.context.onstatechange = null;
    for (const track of this.stream.getTracks()) track.stop();
    this.context.close();
  }
}

async function listen() {
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: AUDIO });
  } catch (error) {
    throw new Trouble(REASONS[error.name] ?? "microphone_failed", error.message);
  }
}
