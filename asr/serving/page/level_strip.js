// The level of the last seconds as bars, the newest at the right; a meter for screen readers.

import { level } from "./pcm.js";

const BAR = 3; // pixels
const STEP = 5; // pixels from one bar to the next
const SPOKEN_EVERY = 1000; // milliseconds between two values for screen readers

export class LevelStrip {
  #peaks = [];
  #toldAt = 0;
  #frame = null;

  constructor(canvas) {
    this.canvas = canvas;
    new ResizeObserver(() => this.#draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw());
  }

  /** Add a block of 16-bit samples. */
  add(samples) {
    const { rms, peak } = level(samples);
    this.#peaks.push(peak);
    if (this.#peaks.length > 2000) this.#peaks.splice(0, 1000);
    if (performance.now() - this.#toldAt > SPOKEN_EVERY) this.#tell(rms, peak);
    this.#frame ??= requestAnimationFrame(() => this.#draw());
  }

  clear() {
    this.#peaks = [];
    this.#tell(-60, -60);
    this.#draw();
  }

  #tell(rms, peak) {
    this.#toldAt = performance.now();
    const words = peak > -0.1 ? "too loud" : rms <= -59 ? "silent" : `${rms.toFixed(0)} decibels`;
    this.canvas.setAttribute("aria-valuenow", rms.toFixed(0));
    this.canvas.setAttribute("aria-valuetext", words);
  }

  #draw() {
    this.#frame = null;
    const { canvas } = this;
    const scale = window.devicePixelRatio;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    canvas.width = width * scale;
    canvas.height = height * scale;
    const style = getComputedStyle(canvas);
    const pen = canvas.getContext("2d");
    pen.scale(scale, scale);
    const count = Math.floor(width / STEP);
    const peaks = this.#peaks.slice(-count);
    for (let index = 0; index < count; index += 1) {
      const peak = peaks[index - count + peaks.length] ?? -60;
      const size = Math.max(2, ((peak + 60) / 60) * height);
      const colour = peak > -0.1 ? "--live" : peak > -50 ? "--accent" : "--bar";
      pen.fillStyle = style.getPropertyValue(colour);
      pen.beginPath();
      pen.roundRect(index * STEP + 1, (height - size) / 2, BAR, size, 1.5);
      pen.fill();
    }
  }
}
