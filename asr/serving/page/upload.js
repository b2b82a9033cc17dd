// A file that the server decodes as a whole, and its transcript.

import { AudioFile } from "./audio_file.js";
import { messageOf } from "./messages.js";
import { asWav } from "./pcm.js";

const ADDRESS = "v1/audio/transcriptions";

export class Upload {
  #request = null;
  #isOver = false;

  /** `settings` and `view` as those of a Recording. */
  constructor(file, settings, view) {
    this.file = file;
    this.settings = settings;
    this.view = view;
    this.source = { duration: null };
  }

  async start() {
    this.view.state("sending");
    let answer = await this.#post(this.file);
    if (answer.code === "not_audio") answer = await this.#decodedHere(answer);
    if (this.#isOver) return;
    if (answer.code) this.view.message(messageOf(answer.code, answer.detail));
    else this.#show(answer.result);
    this.#end(answer.result?.duration ?? 0);
  }

  cancel() {
    this.#request?.abort();
    this.#end(0);
  }

  // A browser reads more kinds of files than a server may; what it decodes is sent instead.
  async #decodedHere(refusal) {
    try {
      const { samples, samplingRate } = await AudioFile.open(this.file, false);
      if (this.#isOver) return {};
      return await this.#post(new File([asWav(samples, samplingRate)], "decoded.wav"));
    } catch {
      return { code: "not_audio", detail: refusal.detail };
    }
  }

  /** Resolve to {result}, or {code, detail} of a refusal; to {} after `cancel`. */
  #post(file) {
    const { key, hotwords } = this.settings;
    const form = new FormData();
    form.append("file", file);
    form.append("response_format", "verbose_json");
    form.append("timestamp_granularities[]", "word");
    form.append("timestamp_granularities[]", "segment");
    if (hotwords.length) form.append("prompt", hotwords.join("\n"));
    const request = new XMLHttpRequest(); // fetch tells nothing of what was sent
    this.#request = request;
    request.open("POST", ADDRESS);
    if (key) request.setRequestHeader("Authorization", `Bearer ${key}`);
    request.responseType = "json";
    request.upload.onprogress = ({ loaded, total }) => this.view.progress(loaded / total);
    request.upload.onload = () => this.view.state("transcribing");
    return new Promise((resolve) => {
      request.onabort = () => resolve({});
      request.onerror = () => resolve({ code: "upload_lost" });
      request.onload = () => {
        const error = request.response?.error;
        if (request.status === 200) resolve({ result: request.response });
        else resolve({ code: error?.code ?? "upload_lost", detail: error?.message });
      };
      request.send(form);
    });
  }

  #show({ segments, words }) {
    let first = 0;
    segments.forEach((segment, number) => {
      const behind = segments[number + 1]?.start ?? Infinity;
      let last = first;
      while (last < words.length && words[last].start < behind) last += 1;
      this.view.final({ ...segment, segment: number, words: words.slice(first, last) });
      first = last;
    });
  }

  #end(seconds) {
    if (this.#isOver) return;
    this.#isOver = true;
    this.view.end(seconds);
  }
}
