/** What has been drawn: sheets and strokes in order, each of which can be undone. Knows no screen. */

/** Units of a sheet's height, and of the width of one for a single digit. */
export const SIDE = 400;
/** Units of the width of a sheet for a line of digits. */
export const LINE = 1200;

/**
 * @typedef {{width: number, height: number, line: boolean, picture: Picture | null}} Sheet
 *   something to draw on, and a picture that came from elsewhere and covers it
 * @typedef {{points: number[], width: number, erases: boolean}} Stroke
 *   x, y, x, y, … in units of the sheet
 * @typedef {import("./picture.js").Picture} Picture
 */

export class Drawing extends EventTarget {
  /** @type {(Sheet | Stroke)[]} */
  #steps = [blank(false)];
  #taken = 1;

  /** @returns {Sheet} the sheet that lies on top */
  get sheet() {
    return this.#steps[this.#top];
  }

  /** @returns {Stroke[]} what is drawn on it */
  get strokes() {
    return this.#steps.slice(this.#top + 1, this.#taken);
  }

  get isBlank() {
    return !this.sheet.picture && this.strokes.length === 0;
  }

  get canUndo() {
    return this.#taken > 1;
  }

  get canRedo() {
    return this.#taken < this.#steps.length;
  }

  /** Begin a stroke at a point, and return it; on a picture it begins on a new sheet. */
  begin(x, y, width, erases) {
    if (this.sheet.picture) this.#add(blank(this.sheet.line));
    const stroke = { points: [x, y], width, erases };
    this.#add(stroke);
    return stroke;
  }

  /** Lead a stroke on to more points: x, y, x, y, … */
  extend(stroke, points) {
    stroke.points.push(...points);
    this.#changed();
  }

  /** Put a new sheet on top: empty, or with a picture. */
  lay(line = this.sheet.line, picture = null) {
    this.#add({ ...blank(line), picture });
  }

  undo() {
    if (this.canUndo) this.#taken -= 1;
    this.#changed();
  }

  redo() {
    if (this.canRedo) this.#taken += 1;
    this.#changed();
  }

  get #top() {
    let top = this.#taken - 1;
    while ("points" in this.#steps[top]) top -= 1;
    return top;
  }

  #add(step) {
    this.#steps.length = this.#taken;
    this.#steps.push(step);
    this.#taken += 1;
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

/** @returns {Sheet} */
function blank(line) {
  return { width: line ? LINE : SIDE, height: SIDE, line, picture: null };
}

/**
 * Divide strokes among the digits of a line, from the left to the right.
 *
 * Strokes belong together where more than a third of the narrower lies above or below the wider.
 *
 * @param {Stroke[]} strokes those that ink; erasers belong to no digit
 * @returns {{strokes: Stroke[], left: number, right: number}[]} with where each begins and ends
 */
export function digitsOf(strokes) {
  const groups = [];
  const spans = strokes.map((stroke) => ({ strokes: [stroke], ...span(stroke) }));
  for (const next of spans.sort((a, b) => a.left - b.left)) {
    const before = groups.at(-1);
    const shared = before ? Math.min(before.right, next.right) - next.left : 0;
    if (before && 3 * shared > Math.min(before.right - before.left, next.right - next.left)) {
      before.strokes.push(...next.strokes);
      before.right = Math.max(before.right, next.right);
    } else {
      groups.push(next);
    }
  }
  return groups;
}

function span({ points, width }) {
  const across = points.filter((_, number) => number % 2 === 0);
  return { left: Math.min(...across) - width / 2, right: Math.max(...across) + width / 2 };
}
