/** The browser's reader of pictures: the model with its reading inside, run by onnxruntime-web. */

import { contractOf, giving, layersOf } from "./onnx.js";
import * as ort from "./runtime/ort.js";

const MODEL = "edge.picture.onnx";
/** What the names of the network's values in it begin with; the others read the picture. */
const NETWORK = "network/";

ort.env.wasm.numThreads = 1; // with more, the page would have to be isolated from others
ort.env.logLevel = "error";

let model = null;
let reader = null;
let inner = null;

/** Load what was not loaded yet, or could not be. */
async function load() {
  try {
    await (reader ??= (model ??= fetched(MODEL)).then((bytes) => session(bytes)));
  } catch (error) {
    model = reader = null;
    throw error;
  }
}

onmessage = async ({ data: { number, task, width, height, data } }) => {
  try {
    await load();
    const picture = new ort.Tensor("uint8", new Uint8Array(data.buffer), [height, width, 4]);
    const answer = task === "read" ? await read(picture) : await layers(picture);
    postMessage({ number, answer });
  } catch (error) {
    postMessage({ number, error: String(error.message ?? error) });
  }
};

async function fetched(name) {
  const answer = await fetch(name);
  if (!answer.ok) throw new Error(`${name} is not there: ${answer.status}.`);
  return new Uint8Array(await answer.arrayBuffer());
}

function session(bytes, options = {}) {
  return ort.InferenceSession.create(bytes, { executionProviders: ["wasm"], logSeverityLevel: 3, ...options });
}

async function read(picture) {
  const { accept } = contractOf(await model);
  const loaded = await reader;
  const began = performance.now();
  const given = await loaded.run({ picture });
  const milliseconds = performance.now() - began;
  const digit = Number(given.digit.data[0]);
  const probabilities = [...given.probabilities.data];
  const accepted = Boolean(given.accepted.data[0]);
  const inked = digit >= 0;
  return {
    digit: inked ? digit : null,
    probabilities,
    accepted,
    reason: accepted ? null : inked ? doubt(probabilities, accept) : "blank",
    box: inked ? [...given.box.data].map(Number) : null,
    field: Uint8Array.from(given.field.data, (ink) => Math.round(255 * ink)),
    model: `${MODEL}, ${megabytes()}\u00a0MB`,
    milliseconds,
  };
}

/** How much was loaded for it, unpacked. */
function megabytes() {
  const loads = performance.getEntriesByType("resource");
  return (loads.reduce((sum, { decodedBodySize }) => sum + decodedBodySize, 0) / 1e6).toFixed(1);
}

/** Why an answer is not accepted, by the two most probable digits, as the contract has it. */
function doubt(probabilities, { found }) {
  const [first, second] = probabilities.toSorted((a, b) => b - a);
  return first + second < found.threshold ? "no-digit" : "ambiguous";
}

async function layers(picture) {
  const bytes = await model;
  const found = layersOf(bytes, NETWORK);
  // Joined operations would not give what is between them.
  inner ??= session(giving(bytes, found.map((layer) => layer.output)), {
    graphOptimizationLevel: "disabled",
  });
  const given = await (await inner).run({ picture });
  return found.map(({ kind, output }) => {
    const { dims, data } = given[output];
    return { name: output.slice(NETWORK.length), kind, dims, values: data };
  });
}
