// What the buttons of the page do.

import { AudioFile } from "./audio_file.js";
import { asSrt, asText, asVtt } from "./captions.js";
import { Delay, afterPaint } from "./delay.js";
import { LevelStrip } from "./level_strip.js";
import { messageOf } from "./messages.js";
import { Microphone } from "./microphone.js";
import { Recording } from "./recording.js";
import { Transcript, shortClock } from "./transcript.js";
import { Upload } from "./upload.js";

const $ = (id) => document.getElementById(id);
const LABELS = {
  idle: ["Start", "ready"],
  opening: ["Cancel", "opening"],
  connecting: ["Stop", "connecting"],
  on: ["Stop", "listening"],
  waiting: ["Stop", "no connection"],
  finishing: ["Cancel", "finishing"],
  sending: ["Cancel", "sending"],
  transcribing: ["Cancel", "transcribing"],
};
const FORMS = { txt: [asText, "text/plain"], srt: [asSrt, "application/x-subrip"],
                vtt: [asVtt, "text/vtt"] };

const strip = new LevelStrip($("level"));
const transcript = new Transcript(
  Object.fromEntries(["transcript", "segments", "partial", "stable", "unstable", "word", "log",
                      "empty"].map((id) => [id, $(id)])),
  () => { $("after").hidden = !transcript?.words.length; },
);
let state = "idle";
let opening = null; // what tells the newest start from one that was cancelled
let recording = null;
let wakeLock = null;

function setState(name) {
  state = name;
  document.body.dataset.state = name;
  const [label, words] = LABELS[name];
  $("start-label").textContent = label;
  $("state").textContent = name === "on" && recording?.source.duration ? "reading" : words;
  $("open").disabled = name !== "idle";
  $("clear").disabled = name !== "idle";
}

function tell({ title, text, field, passes = false }) {
  $("message-title").textContent = title;
  $("message-text").textContent = text;
  $("message").hidden = false;
  $("message").dataset.passes = passes;
  if (field) {
    openSettings(true);
    $(field).focus();
  }
}

function openSettings(isOpen) {
  $("settings").hidden = !isOpen;
  $("settings-button").ariaExpanded = String(isOpen);
}

/** Open a source and send what it gives; `open` is called while the user's action is handled. */
async function begin(open) {
  if (state !== "idle") return;
  const mine = Symbol("start");
  opening = mine;
  setState("opening");
  $("message").hidden = true;
  let source;
  try {
    source = await open();
  } catch (trouble) {
    if (opening !== mine) return;
    setState("idle");
    tell(messageOf(trouble.name, trouble.message));
    return;
  }
  if (opening !== mine) {
    source.close();
    return;
  }
  recording = new Recording(source, settings(), makeView(source));
  recording.start();
  await stayAwake();
}

/** Have the server transcribe a whole file. */
async function upload(file) {
  if (state !== "idle") return;
  $("message").hidden = true;
  recording = new Upload(file, settings(), makeView({ name: file.name, duration: null }));
  $("progress").hidden = false;
  recording.start();
  await stayAwake();
}

async function stayAwake() {
  wakeLock = await navigator.wakeLock?.request("screen").catch(() => null);
}

function cancelOpening() {
  opening = null;
  setState("idle");
}

function settings() {
  const hotwords = $("hotwords").value.split("\n").map((line) => line.trim()).filter(Boolean);
  return { key: $("key").value.trim(), hotwords };
}

/** Show a recording as it goes on. */
function makeView(source) {
  const delay = new Delay();
  let seconds = 0;
  transcript.begin(source.name);
  strip.clear();
  $("progress").value = 0;
  $("progress").hidden = source.duration === null;
  $("delay").hidden = true;
  return {
    state: setState,
    ready(message) {
      $("model").textContent = message.model;
      if ($("message").dataset.passes === "true") $("message").hidden = true;
    },
    block(samples) {
      seconds += samples.length / source.samplingRate;
      strip.add(samples);
      $("clock").textContent = shortClock(seconds);
    },
    progress(share) { $("progress").value = share; },
    partial(result, heard) {
      follow(() => transcript.partial(result));
      if (heard !== null) {
        afterPaint(() => {
          delay.shown(heard);
          showDelay(delay.figures());
        });
      }
    },
    final(result) { follow(() => transcript.final(result)); },
    message: tell,
    end(duration) {
      follow(() => transcript.end(duration));
      $("clock").textContent = shortClock(duration);
      recording = null;
      wakeLock?.release();
      setState("idle");
    },
  };
}

function showDelay({ last, median, p90 }) {
  const number = (value) => value.toFixed(0);
  $("delay").hidden = false;
  $("delay").textContent = `delay ${number(last)} ms, median ${number(median)}`;
  $("delay").title = "From the end of the audio that a text reflects to its display; "
    + `nine in ten within ${number(p90)} ms`;
}

/** Change the page and stay at its end if that was in view. */
function follow(change) {
  const root = document.documentElement;
  const isAtEnd = root.scrollHeight - root.scrollTop - root.clientHeight < 80;
  change();
  if (isAtEnd) root.scrollTop = root.scrollHeight;
}

function save(form) {
  const [write, type] = FORMS[form];
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([write(transcript.words)], { type }));
  link.download = `transcript.${form}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

async function copy() {
  try {
    await navigator.clipboard.writeText(asText(transcript.words));
  } catch {
    tell(messageOf("copy_failed"));
    return;
  }
  $("copy").textContent = "Copied";
  setTimeout(() => { $("copy").textContent = "Copy"; }, 1500);
}

function openFile(file) {
  if (!file) return;
  const { live, files } = document.body.dataset; // what the server says of its model
  const isSpoken = live !== "no" && $("real-time").checked;
  if (files === "whole" && !isSpoken) upload(file);
  else begin(() => AudioFile.open(file, $("real-time").checked));
}

$("start").onclick = () => {
  if (state === "idle") begin(() => Microphone.open());
  else if (state === "opening") cancelOpening();
  else if (["finishing", "sending", "transcribing"].includes(state)) recording.cancel();
  else recording.stop();
};
$("open").onclick = () => $("file").click();
$("file").onchange = () => {
  openFile($("file").files[0]);
  $("file").value = "";
};
$("copy").onclick = copy;
for (const form of Object.keys(FORMS)) $(`save-${form}`).onclick = () => save(form);
$("clear").onclick = () => transcript.clear();
$("settings-button").onclick = () => openSettings($("settings").hidden);
$("message-close").onclick = () => { $("message").hidden = true; };
$("show-confidence").onchange = () => {
  document.body.classList.toggle("confidence", $("show-confidence").checked);
};
document.body.classList.toggle("confidence", $("show-confidence").checked);

document.ondragover = (event) => {
  event.preventDefault();
  document.body.classList.add("dropping");
};
document.ondragleave = () => document.body.classList.remove("dropping");
document.ondrop = (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  openFile(event.dataTransfer.files[0]);
};
window.onbeforeunload = (event) => { if (state !== "idle") event.preventDefault(); };
setState("idle");
