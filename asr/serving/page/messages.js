// What can go wrong, what the user reads then, and what happens next.

/** Something that the user can do something about; `name` is one of MESSAGES. */
export class Trouble extends Error {
  constructor(name, detail = "") {
    super(detail);
    this.name = name;
  }
}

// next: "stop" ends the recording; "retry" opens a new session after a pause; "continue" at once.
// field: what the user has to fill in.
const MESSAGES = {
  insecure: {
    title: "The microphone needs a secure page.",
    text: "Browsers lend it to https:// and to localhost only. Open the page by such an address, "
      + "or open a file instead.",
  },
  microphone_refused: {
    title: "The microphone was refused.",
    text: "Allow it for this page in the browser's settings, then press Start again.",
  },
  no_microphone: {
    title: "No microphone was found.",
    text: "Connect one and press Start again, or open a file instead.",
  },
  microphone_busy: {
    title: "The microphone cannot be used.",
    text: "Another program may be holding it. Close that one and press Start again.",
  },
  microphone_gone: {
    title: "The microphone went away.",
    text: "What was said until then is kept. Connect it and press Start to go on.",
  },
  microphone_failed: { title: "The microphone could not be started.", detail: true },
  no_audio: {
    title: "This file could not be read.",
    text: "The browser found no audio in it that it can decode:",
    detail: true,
  },
  not_audio: { title: "This file could not be read.", detail: true },
  audio_too_long: { title: "This file is too long.", detail: true },
  upload_too_large: { title: "This file is too large.", detail: true },
  busy: { title: "The server has enough files to do.", text: "Try again in a little while." },
  client_busy: {
    title: "You have too many files there.", text: "Wait until one of them is done.",
  },
  upload_lost: {
    title: "The server did not answer.", text: "Open the file again to try once more.",
  },
  no_live: { title: "This model takes files only.", text: "Open a file instead." },
  key_missing: {
    title: "This server asks for an API key.", text: "Enter it under Settings.", field: "key",
  },
  key_wrong: {
    title: "The server does not know this API key.", text: "Correct it under Settings.",
    field: "key",
  },
  full: {
    title: "The server is full.",
    text: "All its places are taken. Try again in a little while.",
    retriesLater: true,
  },
  client_full: {
    title: "You have too many recordings running.",
    text: "The server gives each client a few places. End another one, then try again.",
    retriesLater: true,
  },
  draining: {
    title: "The server is about to stop.", text: "Try again in a little while.",
    retriesLater: true,
  },
  stopped: { title: "The server was stopped.", next: "retry" },
  lost: { title: "The connection was lost.", next: "retry" },
  unreachable: { title: "The server does not answer.", next: "retry" },
  internal: { title: "The server had a fault.", next: "retry" },
  slow_reader: { title: "The connection is too slow.", next: "retry" },
  start_timeout: { title: "The connection is too slow.", next: "retry" },
  idle: { title: "The server heard nothing for too long.", next: "retry" },
  behind: {
    title: "Some audio was left out.",
    text: "The connection was away, or too slow, for more than a minute.",
    next: "continue",
  },
  session_too_long: {
    title: "The server's longest session is over.", text: "The text goes on in a new one.",
    next: "continue",
  },
  copy_failed: {
    title: "The text could not be copied.", text: "Select it, or use a download instead.",
  },
};

/** Return {title, text, next, field} of a name; `detail` is the server's or browser's sentence. */
export function messageOf(name, detail = "", isRetry = false) {
  const found = MESSAGES[name] ?? { title: "The server refused the session.", detail: true };
  const text = [found.text, found.detail && detail].filter(Boolean).join(" ");
  const next = found.next ?? (isRetry && found.retriesLater ? "retry" : "stop");
  return { title: found.title, text, next, field: found.field };
}
