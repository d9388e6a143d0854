/** Pictures as readers take them: the file for the server, the pixels for the browser. */

import { SIDE, digitsOf } from "./drawing.js";
import { drawStrokes } from "./render.js";

/** The longer side of what the browser reads and keeps of a large photograph. */
const LONGEST = 1024;

/**
 * @typedef {{width: number, height: number, file: () => Promise<Blob>, png: () => Promise<Blob>,
 *   pixels: () => ImageData, preview: CanvasImageSource,
 *   parts: (() => {left: number, picture: Picture}[]) | null}} Picture
 *   `file` is what came, `png` what a dataset takes; `parts` are the digits of a line, each on a
 *   sheet of its own that begins at `left`, null where they are not known
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
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  drawStrokes(context, strokes, "#000");
  context.globalCompositeOperation = "destination-over";
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  return {
    width,
    height,
    preview: canvas,
    file: () => canvas.convertToBlob(),
    png: () => canvas.convertToBlob(),
    pixels: () => context.getImageData(0, 0, width, height),
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
    parts: null,
  };
}
