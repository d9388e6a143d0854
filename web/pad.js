/** The pad: pointers and keys draw on it, and it shows the drawing. */

import { SIDE } from "./drawing.js";
import { drawStrokes } from "./render.js";

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
/** Units of a sheet that an arrow key moves the pen by, alone and with Shift. */
const STEP = 10;
const STRIDE = 50;
/** Of `PointerEvent.buttons`: the other end of a pen. */
const ERASER = 32;

export class Pad {
  #canvas;
  #drawing;
  #pen;
  /** The pointer that draws, the keyboard's pen, and the stroke that either is drawing. */
  #pointer = null;
  #keys = null;
  #stroke = null;

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {import("./drawing.js").Drawing} drawing
   * @param {() => {width: number, erases: boolean}} pen what is drawn with
   */
  constructor(canvas, drawing, pen) {
    [this.#canvas, this.#drawing, this.#pen] = [canvas, drawing, pen];
    canvas.addEventListener("pointerdown", (event) => this.#press(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, (event) => this.#lift(event));
    }
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("blur", () => {
      this.#keys = null;
      this.show();
    });
    new ResizeObserver(() => this.show()).observe(canvas);
  }

  /** Show the drawing as it is now. */
  show() {
    const { sheet, strokes } = this.#drawing;
    const canvas = this.#canvas;
    canvas.style.aspectRatio = `${sheet.width} / ${sheet.height}`;
    const scale = (canvas.clientWidth * devicePixelRatio) / sheet.width;
    canvas.width = Math.max(1, Math.round(sheet.width * scale));
    canvas.height = Math.max(1, Math.round(sheet.height * scale));
    const context = canvas.getContext("2d");
    context.scale(scale, scale);
    const { color, accentColor } = getComputedStyle(canvas);
    if (sheet.picture) {
      const [x, y, width, height] = placed(sheet);
      context.drawImage(sheet.picture.preview, x, y, width, height);
    }
    drawStrokes(context, strokes, color);
    if (this.#keys) {
      const { x, y, down } = this.#keys;
      context.strokeStyle = accentColor;
      context.lineWidth = down ? 6 : 2;
      context.beginPath();
      context.arc(x, y, this.#pen().width / 2 + 4, 0, 2 * Math.PI);
      context.stroke();
    }
  }

  #press(event) {
    if (this.#pointer !== null || (event.button > 0 && !(event.buttons & ERASER))) return;
    event.preventDefault();
    this.#canvas.focus({ preventScroll: true, focusVisible: false });
    this.#canvas.setPointerCapture(event.pointerId);
    this.#pointer = event.pointerId;
    this.#keys = null;
    const { width, erases } = this.#pen();
    const [x, y] = this.#at(event);
    this.#stroke = this.#drawing.begin(x, y, width, erases || Boolean(event.buttons & ERASER));
  }

  #move(event) {
    if (event.pointerId !== this.#pointer) return;
    // Without HTTPS, pages are not given every position.
    const events = event.getCoalescedEvents?.() ?? [];
    const points = (events.length ? events : [event]).flatMap((each) => this.#at(each));
    this.#drawing.extend(this.#stroke, points);
  }

  #lift(event) {
    if (event.pointerId === this.#pointer) this.#pointer = null;
  }

  #at({ clientX, clientY }) {
    const { left, top, width } = this.#canvas.getBoundingClientRect();
    const scale = this.#drawing.sheet.width / width;
    return [clientX - left, clientY - top].map((side) => Math.round(side * scale * 10) / 10);
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { sheet } = this.#drawing;
    const pen = this.#keys ?? { x: sheet.width / 2, y: SIDE / 4, down: false };
    if (event.key in ARROWS) {
      const [across, down] = ARROWS[event.key].map((way) => way * (event.shiftKey ? STRIDE : STEP));
      // What was undone, or lies under a new sheet, is not drawn on.
      if (pen.down && this.#drawing.strokes.at(-1) !== this.#stroke) this.#begin(pen);
      pen.x = Math.min(Math.max(pen.x + across, 0), sheet.width);
      pen.y = Math.min(Math.max(pen.y + down, 0), sheet.height);
      if (pen.down) this.#drawing.extend(this.#stroke, [pen.x, pen.y]);
    } else if (event.key === " ") {
      pen.down = !pen.down;
      if (pen.down) this.#begin(pen);
    } else {
      return;
    }
    event.preventDefault();
    this.#keys = pen;
    this.show();
  }

  #begin({ x, y }) {
    const { width, erases } = this.#pen();
    this.#stroke = this.#drawing.begin(x, y, width, erases);
  }
}

/**
 * Where a sheet's picture lies on it: left, top, width and height.
 *
 * @param {import("./drawing.js").Sheet} sheet
 */
export function placed({ width, height, picture }) {
  if (!picture) return [0, 0, width, height];
  const scale = Math.min(width / picture.width, height / picture.height);
  const size = [picture.width * scale, picture.height * scale];
  return [(width - size[0]) / 2, (height - size[1]) / 2, ...size];
}
