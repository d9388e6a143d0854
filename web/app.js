/** The page: what is drawn is read at once, and shown. */

import { AnswerPanel } from "./answer.js";
import { photograph } from "./camera.js";
import { Drawing } from "./drawing.js";
import { History } from "./history.js";
import { showExplanation, showFields, showLayers } from "./inside.js";
import { Pad, placed } from "./pad.js";
import { ofFile, ofStrokes } from "./picture.js";
import { BrowserReader, ServerReader, Unread } from "./readers.js";

const $ = (selector) => document.querySelector(selector);

const KINDS = { server: ServerReader, browser: BrowserReader };

const drawing = new Drawing();
const history = new History(document);
const panel = new AnswerPanel(document, keep);
const pad = new Pad($("#pad"), drawing, () => ({
  width: Number($("#width").value),
  erases: $("[name=tool]:checked").value === "eraser",
}));

/** @type {Map<string, import("./readers.js").ServerReader | import("./readers.js").BrowserReader>} */
const readers = new Map();
let reader = null;
/** The last answer to what lies on the pad; null while a line lies there. */
let answered = null;

async function start() {
  const config = await (await fetch("config.json")).json();
  for (const name of config.readers) readers.set(name, new KINDS[name](config));
  // A page that has a server is of no use without it.
  if (!readers.has("server")) {
    // Without one, as where a browser keeps nothing, the page works as long as there is a network.
    navigator.serviceWorker?.register("sw.js", { updateViaCache: "none" }).catch(() => {});
  }
  $("#mode").disabled = readers.size < 2;
  // What nobody reads here is not offered.
  $("#sources").hidden = $("#layers").hidden = !config.pictures && !readers.has("server");
  readBy(config.readers[0]);
}

function readBy(name) {
  reader = readers.get(name);
  $("#mode").setAttribute("aria-checked", String(name === "browser"));
  $("#where").textContent = reader.where;
  read();
}

/* Reading: one picture at a time, and after it whatever the drawing has become meanwhile. */

/** Milliseconds without a change after which more is asked than the answer. */
const REST = 150;

let reading = false;
let changed = false;
let resting = 0;

async function read() {
  changed = true;
  if (reading || !reader) return;
  panel.busy = reading = true;
  try {
    while (changed) {
      changed = false;
      await readOnce(reader);
    }
  } finally {
    panel.busy = reading = false;
  }
  clearTimeout(resting);
  resting = setTimeout(showReading, REST);
}

async function readOnce(by) {
  const { line } = drawing.sheet;
  const began = performance.now();
  try {
    const picture = current();
    const answer = line ? await by.line(picture) : await by.read(picture);
    // The browser's first answer waits for its reader to be loaded, which is no time of reading.
    const milliseconds = answer.milliseconds ?? performance.now() - began;
    if (line) panel.showLine(answer, by, milliseconds);
    else panel.show(answer, by, milliseconds);
    answered = line ? null : answer;
    showBoxes(line ? answer.digits : [answer]);
    const fields = (line ? answer.digits : [answer]).map(({ field }) => field).filter(Boolean);
    if (by.name === "browser") showFields($("#fields"), fields);
    $("#seen").hidden = by.name === "browser" ? fields.length === 0 : line || answer.digit === null;
  } catch (error) {
    if (!(error instanceof Unread)) throw error;
    answered = null;
    panel.fail(error, by);
    showBoxes([]);
    $("#seen").hidden = true;
  }
}

function current() {
  return drawing.sheet.picture ?? ofStrokes(drawing.sheet, drawing.strokes);
}

function showBoxes(answers) {
  const { sheet } = drawing;
  const [x, y, width] = placed(sheet);
  const scale = width / (sheet.picture?.width ?? sheet.width);
  const boxes = answers.filter(({ box }) => box).map(({ box: [left, top, right, bottom], digit, accepted }) => {
    const element = document.createElement("div");
    const share = (units, whole) => `${(100 * units) / whole}%`;
    element.style.left = share(x + left * scale, sheet.width);
    element.style.top = share(y + top * scale, sheet.height);
    element.style.width = share((right - left) * scale, sheet.width);
    element.style.height = share((bottom - top) * scale, sheet.height);
    element.classList.toggle("doubtful", !accepted);
    element.dataset.digit = sheet.line ? digit : "";
    return element;
  });
  $("#boxes").replaceChildren(...boxes);
}

/** Show how the picture was read, and the layers where they are asked for. */
async function showReading() {
  const { line } = drawing.sheet;
  const inside = readers.get("browser");
  const layered = inside?.hasLayers;
  $("#reading").hidden = !reader.explain || !answered || answered.digit === null;
  $("#layers-note").textContent = layered
    ? "Computed in this browser, one layer after the other; the darker, the larger the value."
    : "Layers are computed in the browser by onnxruntime-web, and this page came without. `mnist-edge page` fetches it, for `mnist-edge serve` as well.";
  if (line) return;
  const picture = current();
  try {
    if (!$("#reading").hidden) {
      const explanation = await reader.explain(picture);
      if (!changed) {
        showFields($("#fields"), [explanation.field]);
        showExplanation($("#explanation"), explanation);
      }
    }
    if (layered && $("#layers").open) showLayers($("#maps"), await inside.layers(picture));
  } catch (error) {
    if (!(error instanceof Unread)) throw error;
    // The answer stands; the next drawing is explained again.
    $("#reading").hidden = true;
    $("#layers-note").textContent = error.message;
  }
}

/* What is drawn. */

drawing.addEventListener("change", () => {
  $("#undo").disabled = !drawing.canUndo;
  $("#redo").disabled = !drawing.canRedo;
  $("#clear").disabled = drawing.isBlank;
  const { line } = drawing.sheet;
  $(`[name=sheet][value=${line ? "line" : "digit"}]`).checked = true;
  document.body.classList.toggle("line", line);
  $("#hint").hidden = !drawing.isBlank;
  if (!frame) frame = requestAnimationFrame(showAndRead);
});

let frame = 0;

function showAndRead() {
  frame = 0;
  pad.show();
  read();
}

/** Drawings that were kept, by what was drawn of them last. */
const kept = new WeakSet();

/** Keep what lies on the pad, as the digit that it is said to be, and lay a new sheet on it. */
function keep(label) {
  if (!drawing.isBlank) lay(drawing.sheet.line, null, label);
}

/** Lay a sheet, and keep what lay there before. */
async function lay(line, picture, label = null) {
  const before = current();
  const last = drawing.strokes.at(-1) ?? drawing.sheet.picture;
  drawing.lay(line, picture);
  // What somebody names is kept, read or not.
  if (last && (label !== null || (answered && !kept.has(last)))) {
    kept.add(last);
    const digit = answered?.digit ?? null;
    history.keep(await before.png(), digit, label);
  }
}

async function take(files) {
  if (!files.length) return fail(new Error("That is no picture."));
  panel.busy = true;
  for (const file of files) {
    try {
      lay(drawing.sheet.line, await ofFile(file));
    } catch (error) {
      return fail(error);
    }
    await idle();
  }
}

/** Wait until what is drawn has been read. */
async function idle() {
  while (frame || reading) await new Promise(requestAnimationFrame);
}

/** Say what went wrong, after the answer that is still to come and would take its place. */
async function fail(error) {
  await idle();
  panel.fail(error, reader);
  panel.busy = false;
}

/* What is pressed. */

$("#undo").addEventListener("click", () => drawing.undo());
$("#redo").addEventListener("click", () => drawing.redo());
$("#clear").addEventListener("click", () => lay(drawing.sheet.line, null));
$("#mode").addEventListener("click", () => readBy(reader.name === "server" ? "browser" : "server"));
$("#open").addEventListener("click", () => $("#file").click());
$("#layers").addEventListener("toggle", showReading);
$("#width").addEventListener("input", ({ target }) => {
  target.parentElement.style.setProperty("--width", target.value);
});
for (const choice of document.querySelectorAll("[name=sheet]")) {
  choice.addEventListener("change", () => lay(choice.value === "line", null));
}
for (const input of [$("#file"), $("#capture")]) {
  input.addEventListener("change", async () => {
    await take([...input.files]);
    input.value = "";
  });
}
$("#camera").addEventListener("click", async () => {
  try {
    const photo = await photograph($("#viewfinder"), $("#capture"));
    if (photo) await take([photo]);
  } catch (error) {
    fail(error);
  }
});
$("#paste").addEventListener("click", async () => {
  try {
    for (const item of await navigator.clipboard.read()) {
      const type = item.types.find((each) => each.startsWith("image/"));
      if (type) return await take([await item.getType(type)]);
    }
    throw new Error("There is no picture among what was copied.");
  } catch (error) {
    // Where a page may not look at what was copied, its user can still hand it over.
    const message = error instanceof Error && !(error instanceof DOMException) && !(error instanceof TypeError)
      ? error.message
      : "Press Control V, or Command V, to paste here.";
    fail(new Error(message));
  }
});
document.addEventListener("paste", ({ clipboardData }) => take(pictures(clipboardData)));
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  take(pictures(event.dataTransfer));
});
document.addEventListener("keydown", (event) => {
  const key = event.key.toLowerCase();
  if (event.ctrlKey || event.metaKey) {
    if (key === "z") event.shiftKey ? drawing.redo() : drawing.undo();
    else if (key === "y") drawing.redo();
    else return;
    event.preventDefault();
  } else if (key === "delete" && event.target === $("#pad")) {
    lay(drawing.sheet.line, null);
  }
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => pad.show());

function pictures(transfer) {
  return [...(transfer?.files ?? [])].filter((file) => file.type.startsWith("image/"));
}

start();
