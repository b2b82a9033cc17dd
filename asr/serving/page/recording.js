// From a source to text: sends audio to a session, and opens a new one where that one is lost.

import { messageOf } from "./messages.js";
import { Session } from "./session.js";
import { Tape } from "./tape.js";

const KEEP_SECONDS = 60; // of audio without a final text, to be sent again after a lost connection
const PAUSES = [1, 2, 4, 8, 15]; // seconds before each new try

export class Recording {
  #session = null;
  #origin = 0; // the sample at which the session began
  #sent = 0; // the next sample to send
  #unfinished = 0; // the first sample that no final text covers
  #tries = 0;
  #timer = null;
  #isOver = false;

  /**
   * `settings`: {key, hotwords}. `view` has state(name), ready(message), block(samples),
   * progress(share), partial(result, heard), final(result), message(message) and end(seconds). Times
   * of results are seconds from the recording's start; `heard` is the moment at which the last
   * sample that a partial reflects was heard, or null.
   */
  constructor(source, settings, view) {
    this.source = source;
    this.settings = settings;
    this.view = view;
    this.rate = source.samplingRate;
    this.tape = new Tape(this.rate, source.duration === null ? KEEP_SECONDS : Infinity);
  }

  start() {
    this.#connect();
    this.source.start(
      (samples, time) => {
        this.tape.push(samples, time);
        this.view.block(samples);
        this.#pump();
      },
      (trouble) => {
        this.tape.isComplete = true;
        if (trouble) this.view.message(messageOf(trouble));
        this.#pump();
      },
    );
  }

  /** End the audio; the rest of the text still comes, unless the audio had ended before. */
  stop() {
    if (this.tape.isComplete) {
      this.cancel();
      return;
    }
    this.view.state("finishing");
    this.source.stop();
  }

  /** End everything now. */
  cancel() {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#session?.leave();
    this.source.stop();
    this.view.end(this.tape.length / this.rate);
  }

  #connect() {
    this.#origin = Math.max(this.#unfinished, this.tape.start);
    this.#sent = this.#origin;
    this.view.state("connecting");
    this.#session = new Session(
      { samplingRate: this.rate, ...this.settings },
      {
        onReady: (message) => {
          this.wasReady = true;
          this.view.state("on");
          this.view.ready(message);
          this.#pump();
        },
        onPartial: (message) => this.#partial(message),
        onFinal: (message) => this.#final(message),
        onDraining: () => {},
        onClose: (code, detail) => this.#closed(code, detail),
      },
    );
  }

  #pump() {
    clearTimeout(this.#timer);
    if (this.#isOver || !this.#session?.isReady || this.#session.isFinishing) return;
    if (this.#sent < this.tape.start) {
      this.#session.leave();
      this.#closed("behind");
      return;
    }
    while (this.#session.isWilling) {
      const samples = this.tape.read(this.#sent);
      if (!samples) break;
      this.#session.send(samples);
      this.#sent += samples.length;
    }
    if (this.source.duration) this.view.progress(this.#sent / this.rate / this.source.duration);
    if (this.#sent < this.tape.length) this.#timer = setTimeout(() => this.#pump(), 20);
    else if (this.tape.isComplete) {
      this.view.state("finishing");
      this.#session.finish();
    }
  }

  #partial(message) {
    this.#tries = 0;
    const end = this.#origin + Math.round(message.end * this.rate);
    this.view.partial(this.#placed(message), this.tape.timeOf(end));
  }

  #final(message) {
    this.#tries = 0;
    const end = this.#origin + Math.round(message.end * this.rate);
    this.#unfinished = Math.max(this.#unfinished, Math.min(end, this.#sent));
    this.view.final(this.#placed(message));
    this.tape.forget(this.#unfinished);
  }

  // Times from the session's start become times from the recording's.
  #placed(message) {
    const offset = this.#origin / this.rate;
    const move = (part) => ({ ...part, start: part.start + offset, end: part.end + offset });
    return { ...move(message), words: message.words.map(move) };
  }

  #closed(code, detail) {
    this.#session = null;
    if (code === "done") {
      this.#isOver = true;
      this.view.end(this.tape.length / this.rate);
      return;
    }
    const name = code === "lost" && !this.wasReady ? "unreachable" : code;
    const message = messageOf(name, detail, this.wasReady);
    if (message.next === "stop") {
      this.view.message(message);
      this.cancel();
    } else if (message.next === "continue") {
      this.view.message(message);
      this.#connect();
    } else {
      this.#retry(message);
    }
  }

  #retry(message) {
    const seconds = PAUSES[Math.min(this.#tries, PAUSES.length - 1)];
    this.#tries += 1;
    this.view.state("waiting");
    const text = `The text is kept; a new session begins in ${seconds} s.`;
    this.view.message({ ...message, text, passes: true });
    this.#timer = setTimeout(() => this.#connect(), 1000 * seconds);
  }
}
