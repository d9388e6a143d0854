/** Who reads a picture: the server that the page came from, or this browser. */

import { loaded } from "./module.js";

/**
 * @typedef {import("./picture.js").Picture} Picture
 * @typedef {{digit: number | null, probabilities: number[], accepted: boolean,
 *   reason: string | null, box: number[] | null, field: Uint8Array | null, model: string}} Answer
 *   `box` is left, top, right and bottom in pixels of the picture; `field` 28 × 28, ink 255; `model`
 *   what answered; the browser's has the `milliseconds` that reading took
 * @typedef {{accepted: boolean, reason: string | null, digits: Answer[], model: string}} Line
 * @typedef {{field: Uint8Array, drawing: string, words: string[]}} Explanation
 *   what the network saw, and how the picture was read: the address of a drawing, and words
 * @typedef {{name: string, kind: string, dims: number[], values: Float32Array}} Layer
 */

/** A reader that could not read, and what to do about it. */
export class Unread extends Error {}

/** Reads by the service's `/v1`, relative to the page. */
export class ServerReader {
  name = "server";
  place = "this server";
  where = "Pictures are sent to the server of this page.";

  /** @returns {Promise<Answer>} */
  async read(picture) {
    return { field: null, ...(await this.#ask("v1/predict", picture)) };
  }

  /** @returns {Promise<Line>} */
  async line(picture) {
    return this.#ask("v1/line", picture);
  }

  /** @returns {Promise<Explanation>} */
  async explain(picture) {
    const { image, drawing, words } = await this.#ask("v1/explain", picture);
    return { field: await field(image), drawing, words };
  }

  async #ask(path, picture) {
    const file = await picture.file();
    const body = await file.arrayBuffer();
    const headers = { "Content-Type": file.type || "application/octet-stream" };
    if (token()) headers.Authorization = `Bearer ${token()}`;
    const answer = await fetch(path, { method: "POST", headers, body }).catch(() => {
      throw new Unread("The server does not answer. Is it still running?");
    });
    const document = await answer.json().catch(() => null);
    if (answer.ok && document) return document;
    if (answer.status === 401) {
      throw new Unread("The server wants its token. Open this page with #token=… at the end of its address.");
    }
    const { error = `what answered (${answer.status}) is not mnist-edge.`, remedy = "" } = document ?? {};
    throw new Unread(`Not read: ${error} ${remedy}`);
  }
}

/** The grey levels of a 28 × 28 picture, by its address. */
async function field(address) {
  const image = new Image();
  image.src = address;
  await image.decode();
  const context = new OffscreenCanvas(28, 28).getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  return context.getImageData(0, 0, 28, 28).data.filter((_, at) => at % 4 === 0);
}

/** The server's token, from behind the # of the page's address, which browsers send nowhere. */
function token() {
  return new URLSearchParams(location.hash.slice(1)).get("token");
}

/**
 * Reads in this browser: drawings by the model as a module, on the spot; pictures by the model with
 * all of reading inside, for which a runtime is loaded once there is one to read.
 */
export class BrowserReader {
  name = "browser";
  place = "this browser";
  where = "Pictures do not leave this device.";
  #pictures;
  #module = null;
  #worker = null;
  #asked = new Map();

  /** @param {{pictures: boolean}} config whether the page came with what reads pictures */
  constructor({ pictures }) {
    this.#pictures = pictures;
  }

  /** @returns {Promise<Answer>} */
  async read(picture) {
    if (picture.grey) return (await this.#loaded())(picture);
    const pixels = picture.pixels();
    const scale = [picture.width / pixels.width, picture.height / pixels.height];
    const answer = await this.#ask("read", pixels);
    return { ...answer, box: answer.box && answer.box.map((side, at) => side * scale[at % 2]) };
  }

  /** @returns {Promise<Line>} */
  async line(picture) {
    if (!picture.parts) {
      throw new Unread("In the browser a line is read as it is drawn. The server reads pictures of lines.");
    }
    const digits = [];
    for (const { left, picture: part } of picture.parts()) {
      const answer = await this.read(part);
      if (answer.digit === null) continue;
      digits.push({ ...answer, box: answer.box.map((side, at) => (at % 2 ? side : side + left)) });
    }
    const reason = digits.length ? digits.find((each) => !each.accepted)?.reason : "blank";
    return { accepted: !reason, reason: reason ?? null, digits, model: digits[0]?.model ?? "" };
  }

  /** Whether it can tell what each layer of the network gives. */
  get hasLayers() {
    return this.#pictures;
  }

  /** @returns {Promise<Layer[]>} what each layer of the network gives for a picture */
  async layers(picture) {
    return this.#ask("layers", picture.pixels());
  }

  #loaded() {
    return (this.#module ??= loaded().catch((error) => {
      this.#module = null;
      throw new Unread(`The reader for the browser cannot be loaded: ${error.message}`);
    }));
  }

  async #ask(task, pixels) {
    if (!this.#pictures) {
      throw new Unread("In this browser only drawings are read: the page came without onnxruntime-web, which reads pictures.");
    }
    this.#worker ??= this.#started();
    const { width, height, data } = pixels;
    return new Promise((resolve, reject) => {
      const number = this.#asked.size ? Math.max(...this.#asked.keys()) + 1 : 0;
      this.#asked.set(number, { resolve, reject });
      this.#worker.postMessage({ number, task, width, height, data }, [data.buffer]);
    });
  }

  #started() {
    const worker = new Worker("worker.js", { type: "module" });
    worker.onmessage = ({ data: { number, answer, error } }) => {
      const { resolve, reject } = this.#asked.get(number);
      this.#asked.delete(number);
      if (error) reject(new Unread(error));
      else resolve(answer);
    };
    worker.onerror = () => {
      this.#worker = null;
      for (const { reject } of this.#asked.values()) {
        reject(new Unread("The reader for the browser cannot be loaded. Load the page again."));
      }
      this.#asked.clear();
    };
    return worker;
  }
}
