// Words with times to text, SRT and VTT, by the rules of asr/transcription/{captions,formats}.py.

const LINE_WIDTH = 42;
const LINES = 2;
const LONGEST = 7; // seconds
const PAUSE = 0.8;
const SHORTEST = 1;
const PARAGRAPH_PAUSE = 2;

const CJK = "\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}";
const BETWEEN_CJK = new RegExp(`(?<=[${CJK}]) (?=[${CJK}])`, "gu");
const WIDE = new RegExp(`[${CJK}\\p{Script=Hangul}\\u3000-\\u303f\\uff01-\\uff60]`, "u");

/** The text of words {word, start, end}, spaced as the language has it. */
export function joinWords(words) {
  return words.map(({ word }) => word).join(" ").replace(BETWEEN_CJK, "");
}

/** The words, with a new line where nobody spoke for two seconds. */
export function asText(words) {
  const breaks = (group, word) => word.start - group.at(-1).end > PARAGRAPH_PAUSE;
  return groups(words, breaks).map((group) => `${joinWords(group)}\n`).join("");
}

/** SubRip captions. */
export function asSrt(words) {
  return captions(words)
    .map(({ start, end, lines }, index) =>
      `${index + 1}\n${clock(start, ",")} --> ${clock(end, ",")}\n${lines.join("\n")}\n`)
    .join("\n");
}

/** WebVTT captions. */
export function asVtt(words) {
  const escape = (text) =>
    text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  const blocks = captions(words).map(({ start, end, lines }) =>
    `${clock(start, ".")} --> ${clock(end, ".")}\n${escape(lines.join("\n"))}\n`);
  return ["WEBVTT\n", ...blocks].join("\n");
}

function captions(words) {
  const breaks = (group, word) =>
    word.start - group.at(-1).end > PAUSE
    || word.end - group[0].start > LONGEST
    || fillLines([...group, word]).length > LINES;
  const found = groups(words, breaks);
  return found.map((group, index) => {
    const start = group[0].start;
    const latest = found[index + 1]?.[0].start ?? Infinity;
    const end = Math.min(Math.max(group.at(-1).end, start + SHORTEST), latest);
    return { start, end: Math.max(start, end), lines: fillLines(group) };
  });
}

function groups(words, breaks) {
  const found = [];
  for (const word of words) {
    if (!found.length || breaks(found.at(-1), word)) found.push([word]);
    else found.at(-1).push(word);
  }
  return found;
}

function fillLines(words) {
  const tooWide = (line, word) => displayWidth(joinWords([...line, word])) > LINE_WIDTH;
  return groups(words, tooWide).map(joinWords);
}

function displayWidth(text) {
  return [...text].reduce((width, character) => width + (WIDE.test(character) ? 2 : 1), 0);
}

function clock(seconds, mark) {
  const all = Math.round(seconds * 1000);
  const two = (value) => String(Math.floor(value)).padStart(2, "0");
  const rest = String(all % 1000).padStart(3, "0");
  return `${two(all / 3600000)}:${two((all / 60000) % 60)}:${two((all / 1000) % 60)}${mark}${rest}`;
}
