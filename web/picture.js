/** Pictures as readers take them: the file for the server, pixels or grey levels for the browser. */

import { SIDE, digitsOf } from "./drawing.js";
import { drawStrokes } from "./render.js";

/** The longer side of what the browser reads and keeps of a large photograph. */
const LONGEST = 1024;
/** The side of a drawing's grey levels, of which the module takes 320 × 240, and of their rim. */
const GREY = 240;
const RIM = 20;

/**
 * @typedef {{box: number, min_stroke: number, max_stroke: number}} Form
 *   how a model's digits are: the longer side, the finest and the broadest stroke
 * @typedef {{side: number, data: Uint8Array, placed: (box: number[]) => number[]}} Grey
 *   grey levels of a square, and where in the picture a box of its pixels lies
 * @typedef {{width: number, height: number, file: () => Promise<Blob>, png: () => Promise<Blob>,
 *   pixels: () => ImageData, preview?: CanvasImageSource, grey?: (box?: number[], form?: Form) => Grey,
 *   parts?: () => {left: number, picture: Picture}[]}} Picture
 *   `file` is what came, `png` what a dataset takes; drawings alone have `grey`, of all or of a box,
 *   by pens as they are or of a model's form, and `parts`: the digits of a line, each on a sheet of
 *   its own that begins at `left`
 */

/**
 * A drawing, black on white.
 *
 * @param {import("./drawing.js").Sheet} sheet
 * @param {import("./drawing.js").Stroke[]} strokes
 * @returns {Picture}
 */
export function ofStrokes(sheet, strokes) {
  const { width, height } = sheet;
  const whole = () => inked({ width, height }, strokes);
  const png = () => whole().canvas.convertToBlob();
  return {
    width,
    height,
    file: png,
    png,
    pixels: () => whole().getImageData(0, 0, width, height),
    grey: (box = [0, 0, width, height], form = null) =>
      greyOf({ width, height }, form ? evened(strokes, extent(box), form) : strokes, box),
    parts: () =>
      digitsOf(strokes.filter((stroke) => !stroke.erases)).map((digit) => {
        const left = (digit.left + digit.right - SIDE) / 2;
        const own = strokes.filter((stroke) => stroke.erases || digit.strokes.includes(stroke));
        const moved = own.map((stroke) => ({
          ...stroke,
          points: stroke.points.map((side, at) => (at % 2 ? side : side - left)),
        }));
        return { left, picture: ofStrokes({ width: SIDE, height: SIDE }, moved) };
      }),
  };
}

/** A sheet with strokes on it, black on white; or a view of it, whose pixels are `scale` to a unit. */
function inked(sheet, strokes, view = { ...sheet, scale: 1, left: 0, top: 0 }) {
  const canvas = new OffscreenCanvas(view.width, view.height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.save();
  context.scale(view.scale, view.scale);
  context.translate(-view.left, -view.top);
  context.rect(0, 0, sheet.width, sheet.height);
  context.clip();
  drawStrokes(context, strokes, "#000");
  context.restore();
  context.globalCompositeOperation = "destination-over";
  context.fillStyle = "#fff";
  context.fillRect(0, 0, view.width, view.height);
  return context;
}

/** What is in a box of a sheet, as large as there is room for. */
function greyOf(sheet, strokes, box) {
  const scale = (GREY - 2 * RIM) / extent(box);
  const [left, top] = box.map((place) => place - RIM / scale);
  const view = { width: GREY, height: GREY, scale, left, top };
  const { data } = inked(sheet, strokes, view).getImageData(0, 0, GREY, GREY);
  return {
    side: GREY,
    // The least byte of a pixel is red, and red is as grey as it.
    data: new Uint8Array(new Uint32Array(data.buffer)),
    placed: (found) => found.map((place, at) => place / scale + (at % 2 ? top : left)),
  };
}

/**
 * The strokes of a drawing by pens that are neither finer nor broader than a model's strokes, as
 * reading does it to pictures: then the box of the drawing is still as large as the model's.
 */
function evened(strokes, side, { box, min_stroke: finest, max_stroke: broadest }) {
  const even = (pen) => {
    if (side <= 2 * pen) return pen;
    const [least, most] = [finest, broadest].map((stroke) => (stroke * (side - pen)) / (box - stroke));
    return Math.min(Math.max(pen, least), most);
  };
  const pens = strokes.filter((stroke) => !stroke.erases).map(({ width }) => width);
  // What was erased stays so where its pen gets broader.
  const more = Math.max(0, ...pens.map((pen) => even(pen) - pen));
  return strokes.map((stroke) => ({
    ...stroke,
    width: stroke.erases ? stroke.width + more : even(stroke.width),
  }));
}

function extent([left, top, right, bottom]) {
  return Math.max(right - left, bottom - top);
}

/**
 * A picture file, or what was copied.
 *
 * @param {Blob} file
 * @returns {Promise<Picture>}
 * @throws {Error} this browser cannot decode it
 */
export async function ofFile(file) {
  const bitmap = await createImageBitmap(file).catch(() => {
    throw new Error(`${file.name || "What was given"} is no picture that this browser can show.`);
  });
  const { width, height } = bitmap;
  const scale = Math.min(1, LONGEST / Math.max(width, height));
  const size = [width, height].map((side) => Math.max(1, Math.round(side * scale)));
  const reduced = () => {
    const context = new OffscreenCanvas(...size).getContext("2d", { willReadFrequently: true });
    context.imageSmoothingQuality = "high";
    context.drawImage(bitmap, 0, 0, ...size);
    return context;
  };
  return {
    width,
    height,
    preview: bitmap,
    file: async () => file,
    png: () => reduced().canvas.convertToBlob(),
    pixels: () => reduced().getImageData(0, 0, ...size),
  };
}
