// One connection to the server, which is one session; docs/serving.md describes the messages.

const WAITING_BYTES = 262144; // more than this is not put into the socket at once

export class Session {
  /**
   * `handlers`: onReady(message), onPartial(message), onFinal(message), onDraining(message) and, once
   * at the end, onClose(code, message): `code` of the server's error, "done", "lost".
   */
  constructor({ samplingRate, key, hotwords }, handlers) {
    this.handlers = handlers;
    this.isReady = false;
    this.isFinishing = false;
    const address = new URL("v1/stream", location.href);
    address.protocol = address.protocol.replace("http", "ws");
    this.socket = new WebSocket(address, ["asr.v1", ...(key ? [`asr.key.${base64url(key)}`] : [])]);
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => this.#write(startMessage(samplingRate, hotwords));
    this.socket.onmessage = ({ data }) => this.#take(JSON.parse(data));
    this.socket.onclose = ({ code, reason }) => this.#close(code, reason);
  }

  /** Whether more audio may be sent now. */
  get isWilling() {
    return this.isReady && !this.isFinishing && this.socket.bufferedAmount < WAITING_BYTES;
  }

  send(samples) {
    this.socket.send(samples);
  }

  /** No more audio comes; the rest of the text does. */
  finish() {
    this.isFinishing = true;
    this.#write({ type: "finish" });
  }

  /** Leave without waiting for anything. */
  leave() {
    this.handlers = null;
    this.socket.close();
  }

  #write(message) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  #take(message) {
    if (!this.handlers) return;
    if (message.type === "ready") {
      this.isReady = true;
      this.handlers.onReady(message);
    } else if (message.type === "partial") this.handlers.onPartial(message);
    else if (message.type === "final") this.handlers.onFinal(message);
    else if (message.type === "draining") this.handlers.onDraining(message);
    else if (message.type === "done") this.isDone = true;
    else if (message.type === "error") this.error = message;
  }

  #close(code, reason) {
    this.isReady = false;
    const handlers = this.handlers;
    this.handlers = null;
    if (!handlers) return;
    if (this.error) handlers.onClose(this.error.code, this.error.message);
    else if (this.isDone && this.isFinishing) handlers.onClose("done", "");
    else handlers.onClose(code === 1001 ? "stopped" : code === 1009 ? "too_big" : "lost", reason);
  }
}

function startMessage(samplingRate, hotwords) {
  const message = { type: "start", sampling_rate: samplingRate, encoding: "s16le" };
  return hotwords.length ? { ...message, hotwords } : message;
}

function base64url(text) {
  const bytes = String.fromCharCode(...new TextEncoder().encode(text));
  return btoa(bytes).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}
