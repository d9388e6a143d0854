// Answer with onnxruntime-node or onnxruntime-web, the one installed in this folder: see turns.py.

import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const TURN = 100;
const [model, inputs, dtype, shape, answers] = process.argv.slice(2);

const installed = createRequire(`${process.cwd()}/`);
const names = Object.keys(installed("./package.json").dependencies);
const name = names[0] === "onnxruntime-web" ? "onnxruntime-web/wasm" : names[0];
const { default: ort } = await import(pathToFileURL(installed.resolve(name)));
ort.env.wasm.numThreads = 1;

const dims = shape.split(",").map(Number);
const size = dims.reduce((product, part) => product * part);
const bytes = new Uint8Array(readFileSync(inputs)).buffer;
const numbers = dtype === "float32" ? new Float32Array(bytes) : new Uint8Array(bytes);

const options = { intraOpNumThreads: 1, executionProviders: [name.includes("/") ? "wasm" : "cpu"] };
const session = await ort.InferenceSession.create(new Uint8Array(readFileSync(model)), options);
const [[image], [answer]] = [session.inputNames, session.outputNames];
const run = async (picture) => {
  const pixels = numbers.subarray(picture * size, (picture + 1) * size);
  return (await session.run({ [image]: new ort.Tensor(dtype, pixels, dims) }))[answer].data;
};

const given = new Float32Array((numbers.length / size) * 10);
for (let picture = 0; picture * 10 < given.length; picture++) given.set(await run(picture), picture * 10);
writeFileSync(answers, given);
console.log("ready");
for await (const _ of createInterface({ input: process.stdin })) {
  const started = performance.now();
  for (let picture = 0; picture < TURN; picture++) await run(picture);
  console.log("turn", (performance.now() - started) / 1000 / TURN);
}
