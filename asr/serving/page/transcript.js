// The text on the page: finished segments word by word, and the segment that is being spoken.

const HIGH = 0.85; // confidence from which a word is not marked
const LOW = 0.6;

export class Transcript {
  #words = []; // of all finished segments, in time from the first recording's start
  #places = new WeakMap(); // of an element its word
  #base = 0; // seconds of all recordings before this one
  #spoken = null; // the partial that is shown

  /** `parts`: the elements {transcript, segments, partial, stable, unstable, word, log, empty}. */
  constructor(parts, onChange) {
    this.parts = parts;
    this.onChange = onChange;
    parts.segments.addEventListener("click", ({ target }) => this.#choose(target));
    parts.segments.addEventListener("focusin", ({ target }) => this.#choose(target));
    parts.segments.addEventListener("keydown", (event) => this.#walk(event));
    document.addEventListener("pointerdown", ({ target }) => {
      if (!this.#places.has(target)) this.#dismiss();
    });
  }

  get words() {
    return this.#words;
  }

  begin(title) {
    const head = element("h2", "session", title);
    this.parts.segments.append(head);
    this.#update();
  }

  /** Show what is being spoken: the part that will not change apart from the rest. */
  partial(result) {
    this.#spoken = result.text ? result : null;
    const { partial, stable, unstable } = this.parts;
    partial.hidden = !this.#spoken;
    partial.querySelector(".time").textContent = shortClock(this.#base + result.start);
    const length = wholeWords(result.text, result.stable.length);
    stable.textContent = result.text.slice(0, length);
    unstable.textContent = result.text.slice(length);
    this.#update();
  }

  final(result, isUnfinished = false) {
    this.partial({ text: "", stable: "", start: 0 });
    if (!result.text) return;
    const words = result.words.map((word) => ({
      ...word, start: word.start + this.#base, end: word.end + this.#base,
    }));
    const text = element("span", "text");
    text.append(...this.#spell(result.text, words));
    const row = element("p", isUnfinished ? "segment unfinished" : "segment");
    row.append(element("span", "time", shortClock(this.#base + result.start)), " ", text);
    this.parts.segments.append(row);
    if (!this.#words.length) row.querySelector(".word")?.setAttribute("tabindex", "0");
    this.parts.log.append(element("p", "", result.text));
    this.#words.push(...words);
    this.#update();
  }

  /** The recording has ended after so many seconds; a partial without its final is kept. One that
   * gave no text leaves nothing behind. */
  end(seconds) {
    if (this.#spoken) this.final(this.#spoken, true);
    const last = this.parts.segments.lastElementChild;
    if (last?.matches(".session")) last.remove();
    else this.#base += seconds;
    this.#update();
  }

  clear() {
    this.#words = [];
    this.#base = 0;
    this.parts.segments.replaceChildren();
    this.parts.log.replaceChildren();
    this.#dismiss();
    this.#update();
  }

  // The text as it is, its words as elements.
  #spell(text, words) {
    const nodes = [];
    let at = 0;
    for (const word of words) {
      const found = text.indexOf(word.word, at);
      if (found < 0) continue;
      nodes.push(text.slice(at, found), this.#wordElement(word));
      at = found + word.word.length;
    }
    return [...nodes, text.slice(at)];
  }

  #wordElement(word) {
    const { confidence } = word;
    const band = confidence >= HIGH ? "high" : confidence >= LOW ? "medium" : "low";
    const node = element("span", `word ${band}`, word.word);
    node.role = "button";
    node.tabIndex = -1;
    if (band !== "high") node.ariaLabel = `${word.word}, ${band} confidence`;
    this.#places.set(node, word);
    return node;
  }

  #choose(target) {
    const word = this.#places.get(target);
    if (!word) return;
    this.#dismiss();
    const percent = Math.round(100 * word.confidence);
    const { word: box, transcript, segments } = this.parts;
    box.textContent = `${word.word} · ${word.start.toFixed(2)} to ${word.end.toFixed(2)} s · `
      + `confidence ${percent} %`;
    box.hidden = false;
    target.ariaExpanded = "true";
    const [frame, place] = [transcript.getBoundingClientRect(), target.getBoundingClientRect()];
    const left = Math.min(place.left - frame.left, frame.width - box.offsetWidth - 8);
    box.style.left = `${Math.max(8, left)}px`;
    // Above the word, where a finger does not hide it.
    const above = place.top - frame.top - box.offsetHeight - 4;
    box.style.top = `${above > 4 ? above : place.bottom - frame.top + 4}px`;
    segments.querySelector('.word[tabindex="0"]')?.setAttribute("tabindex", "-1");
    target.tabIndex = 0;
  }

  #dismiss() {
    this.parts.word.hidden = true;
    this.parts.segments.querySelector('[aria-expanded="true"]')?.removeAttribute("aria-expanded");
  }

  // One word is in the order of the Tab key; arrows go on from there.
  #walk(event) {
    const words = [...this.parts.segments.querySelectorAll(".word")];
    const at = words.indexOf(event.target);
    if (at < 0) return;
    const to = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0,
                 End: words.length - 1 }[event.key];
    if (event.key === "Escape") this.#dismiss();
    else if (event.key === "Enter" || event.key === " ") this.#choose(event.target);
    else if (to === undefined) return;
    else words[to]?.focus();
    event.preventDefault();
  }

  #update() {
    const { empty, segments } = this.parts;
    empty.hidden = segments.childElementCount > 0;
    this.onChange();
  }
}


/** How much of the first `length` characters of a text is words that cannot grow any more: those
 * that something follows. */
function wholeWords(text, length) {
  const ends = [...new Intl.Segmenter(undefined, { granularity: "word" }).segment(text)]
    .map(({ index, segment }) => index + segment.length);
  return ends.filter((end) => end <= length && end < text.length).at(-1) ?? 0;
}

function element(tag, className, text = "") {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.textContent = text;
  return node;
}

/** Seconds as 0:07, 1:02:03. */
export function shortClock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (value) => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60)];
  if (hours) return `${hours}:${two(minutes % 60)}:${two(whole % 60)}`;
  return `${minutes}:${two(whole % 60)}`;
}
