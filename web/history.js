/** What was drawn before, what each of it is said to be, and the corrected ones as a folder. */

import { zip } from "./zip.js";

/** As many that nobody corrected are kept; of more, the oldest goes. */
const MOST = 60;
/** The name of the folder in the archive. */
const FOLDER = "digits";

export class History {
  #section;
  #strip;
  #download;
  /** @type {{item: HTMLElement, file: Blob, label: number | null}[]} */
  #kept = [];

  /** @param {Document} page */
  constructor(page) {
    this.#section = page.querySelector("#history");
    this.#strip = page.querySelector("#strip");
    this.#download = page.querySelector("#download");
    this.#download.addEventListener("click", () => this.#save());
  }

  /**
   * Keep a drawing.
   *
   * @param {Blob} file the picture as PNG
   * @param {number | null} digit what it was read as
   * @param {number | null} label what it is said to be; null where nothing was said
   */
  keep(file, digit, label) {
    const item = document.createElement("li");
    const image = document.createElement("img");
    image.src = URL.createObjectURL(file);
    image.alt = digit === null ? "A drawing in which no digit was read" : `A drawing read as ${digit}`;
    const choice = document.createElement("select");
    choice.setAttribute("aria-label", `${image.alt}: what it is`);
    choice.append(new Option(digit === null ? "–" : `${digit}?`, ""));
    for (let each = 0; each < 10; each += 1) choice.append(new Option(String(each), String(each)));
    const remove = document.createElement("button");
    remove.type = "button";
    remove.textContent = "×";
    remove.setAttribute("aria-label", `Remove: ${image.alt}`);
    item.append(image, choice, remove);
    const entry = { item, file, label: null };
    const say = (text) => {
      entry.label = text === "" ? null : Number(text);
      item.classList.toggle("corrected", entry.label !== null);
      this.#count();
    };
    choice.addEventListener("change", () => say(choice.value));
    remove.addEventListener("click", () => this.#remove(entry));
    this.#strip.prepend(item);
    this.#kept.push(entry);
    if (label !== null) choice.value = String(label);
    say(choice.value);
    const open = this.#kept.filter((each) => each.label === null);
    if (open.length > MOST) this.#remove(open[0]);
  }

  #remove(entry) {
    URL.revokeObjectURL(entry.item.querySelector("img").src);
    entry.item.remove();
    this.#kept.splice(this.#kept.indexOf(entry), 1);
    this.#count();
  }

  #count() {
    const count = this.#corrected.length;
    this.#section.hidden = this.#kept.length === 0;
    this.#download.disabled = count === 0;
    this.#download.textContent = count ? `Download the ${count} corrected` : "Download the corrected ones";
  }

  get #corrected() {
    return this.#kept.filter((each) => each.label !== null);
  }

  async #save() {
    const files = await Promise.all(
      this.#corrected.map(async ({ file, label }, number) => ({
        name: `${FOLDER}/${label}/${String(number + 1).padStart(4, "0")}.png`,
        bytes: new Uint8Array(await file.arrayBuffer()),
      })),
    );
    const link = document.createElement("a");
    link.href = URL.createObjectURL(zip(files));
    link.download = `${FOLDER}.zip`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }
}
