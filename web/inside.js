/** What the network saw, and what its layers made of it. */

/**
 * Draw 28 × 28 images beside each other.
 *
 * @param {HTMLElement} place
 * @param {Uint8Array[]} fields ink 255
 */
export function showFields(place, fields) {
  place.replaceChildren(...fields.map((field) => canvasOf(28, 28, field, "What the network saw, 28 by 28 pixels")));
}

/**
 * Show how a picture was read.
 *
 * @param {HTMLElement} place
 * @param {import("./readers.js").Explanation} explanation
 */
export function showExplanation(place, { drawing, words }) {
  const image = new Image();
  image.src = drawing;
  image.alt = "The picture, and what was found in it";
  const lines = document.createElement("pre");
  lines.textContent = words.join("\n");
  place.replaceChildren(image, lines);
}

/**
 * Draw every channel of every layer, from its least to its greatest value.
 *
 * @param {HTMLElement} place
 * @param {import("./readers.js").Layer[]} layers
 */
export function showLayers(place, layers) {
  place.replaceChildren(
    ...layers.map(({ name, kind, dims, values }) => {
      const figure = document.createElement("figure");
      const caption = document.createElement("figcaption");
      const [channels, height, width] = dims.length === 4 ? dims.slice(1) : [1, 1, values.length];
      const size = height * width;
      caption.textContent = `${kind} `;
      const note = document.createElement("span");
      note.className = "quiet";
      note.textContent = dims.length === 4 ? `${channels} of ${height} × ${width}` : `${width}`;
      caption.append(note);
      const maps = document.createElement("div");
      maps.className = height === 1 && width > 1 ? "map row" : "map";
      const least = Math.min(0, values.reduce((a, b) => Math.min(a, b)));
      const span = values.reduce((a, b) => Math.max(a, b)) - least || 1;
      for (let channel = 0; channel < channels; channel += 1) {
        const part = values.subarray(channel * size, (channel + 1) * size);
        const shades = Uint8Array.from(part, (value) => (255 * (value - least)) / span);
        maps.append(canvasOf(width, height, shades, `${name}, channel ${channel + 1}`));
      }
      figure.append(caption, maps);
      return figure;
    }),
  );
}

/** A canvas of shades, 255 the darkest; the style sheet inverts it in the dark. */
function canvasOf(width, height, shades, label) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", label);
  const pixels = new ImageData(width, height);
  shades.forEach((shade, at) => pixels.data.set([255 - shade, 255 - shade, 255 - shade, 255], 4 * at));
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  return canvas;
}
