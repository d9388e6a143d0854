/** The model as a module of WebAssembly, which reads drawings without a runtime. */

const FILE = "model.wasm";
/** Where a field came from, as the model's header has it: there was no ink. */
const BLANK = 0;
/** Why an answer is not to be trusted, in the order of that header. */
const REASONS = [null, "blank", "no-digit", "ambiguous"];

/**
 * Load the module.
 *
 * @returns {Promise<(drawing: import("./picture.js").Picture) => import("./readers.js").Answer>}
 */
export async function loaded() {
  const answer = await fetch(FILE);
  if (!answer.ok) throw new Error(`${FILE} is not there: ${answer.status}.`);
  const bytes = await answer.arrayBuffer();
  const module = await WebAssembly.compile(bytes);
  const { exports } = await WebAssembly.instantiate(module);
  const [contract] = WebAssembly.Module.customSections(module, "mnist_edge");
  const { name, preprocess } = JSON.parse(new TextDecoder().decode(contract));
  const model = `${name}.wasm, ${Math.round(bytes.byteLength / 1000)}\u00a0kB`;
  const part = (start, length, Values = Uint8Array) => new Values(exports.memory.buffer, start, length);
  const read = ({ side, data }) => {
    part(exports.picture(), data.length).set(data);
    return exports.read(side, side);
  };
  return (drawing) => {
    const began = performance.now();
    const sheet = drawing.grey();
    let origin = read(sheet);
    const box = origin === BLANK ? null : sheet.placed([...part(exports.box(), 4, Int32Array)]);
    // Once it is known where ink is: closer, and by pens as broad as the model's strokes. Where an
    // eraser leaves nothing of that, as it was drawn.
    if (box) origin = read(drawing.grey(box, preprocess.parameters)) || read(sheet);
    const verdict = exports.answer(origin);
    const reason = REASONS[verdict >> 8];
    return {
      digit: box && verdict & 255,
      // There is no step for 1, for which the last stands.
      probabilities: Array.from(part(exports.scores(), 10), (score) =>
        box ? (score === 255 ? 1 : score / 256) : 0,
      ),
      accepted: reason === null,
      reason,
      box,
      field: part(exports.field(), 28 * 28).slice(),
      model,
      milliseconds: performance.now() - began,
    };
  };
}
