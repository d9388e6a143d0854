/** As much of the ONNX format as the page needs: what a model says of itself, and its layers. */

/** Field numbers of onnx.proto3: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3 */
const MODEL = { graph: 7, metadata: 14 };
const GRAPH = { node: 1, output: 12 };
const NODE = { output: 2, kind: 4 };
const ENTRY = { key: 1, value: 2 };
const VALUE = { name: 1 };
/** The wire type of texts and messages: https://protobuf.dev/programming-guides/encoding/ */
const DELIMITED = 2;

/** Operations that give the same values in another shape or type. */
const UNSEEN = new Set(["Cast", "Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"]);

/**
 * Return the contract that a model of this project carries.
 *
 * @param {Uint8Array} model
 */
export function contractOf(model) {
  for (const entry of all(model, MODEL.metadata)) {
    if (text(entry, ENTRY.key) === "mnist_edge") return JSON.parse(text(entry, ENTRY.value));
  }
  throw new Error("The model carries no contract.");
}

/**
 * Return the operations of a model whose outputs' names begin alike, in the order in which they run.
 *
 * @param {Uint8Array} model
 * @param {string} stage what they begin with
 * @returns {{kind: string, output: string}[]}
 */
export function layersOf(model, stage) {
  const [graph] = all(model, MODEL.graph);
  return [...all(graph, GRAPH.node)]
    .map((node) => ({ kind: text(node, NODE.kind), output: text(node, NODE.output) }))
    .filter(({ kind, output }) => output.startsWith(stage) && !UNSEEN.has(kind));
}

/**
 * Return a model that gives some of its inner values, too.
 *
 * A message that comes twice is merged with the first, so that outputs can be appended.
 *
 * @param {Uint8Array} model
 * @param {string[]} names of values
 * @returns {Uint8Array}
 */
export function giving(model, names) {
  const outputs = names.map((name) =>
    delimited(GRAPH.output, delimited(VALUE.name, new TextEncoder().encode(name))),
  );
  return joined([model, delimited(MODEL.graph, joined(outputs))]);
}

/** Yield the texts and messages of one field of a message. */
function* all(message, field) {
  let at = 0;
  const number = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = message[at++];
      value += (byte & 127) * scale;
      if (!(byte & 128)) return value;
    }
  };
  while (at < message.length) {
    const key = number();
    const kind = key % 8;
    if (kind === DELIMITED) {
      const length = number();
      if ((key - kind) / 8 === field) yield message.subarray(at, at + length);
      at += length;
    } else if (kind === 0) {
      number();
    } else {
      at += kind === 1 ? 8 : 4;
    }
  }
}

function text(message, field) {
  const [first] = all(message, field);
  return first ? decoded(first) : "";
}

function decoded(bytes) {
  return new TextDecoder().decode(bytes);
}

function delimited(field, content) {
  return joined([varint(8 * field + DELIMITED), varint(content.length), content]);
}

function varint(value) {
  const bytes = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) + 128);
  return [...bytes, value];
}

function joined(parts) {
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  parts.reduce((at, part) => (bytes.set(part, at), at + part.length), 0);
  return bytes;
}
