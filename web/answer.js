/** The answer in words and bars. */

const NONE = "–";

/** What is said of an answer that is not accepted. */
const REASONS = {
  blank: () => "Nothing is drawn yet.",
  "no-digit": ({ probabilities }) =>
    `No digit: there is ink, but not one digit alone. The nearest is ${best(probabilities)}.`,
  ambiguous: ({ probabilities }) => `Not sure: ${best(probabilities)}, or ${best(probabilities, 1)}.`,
};

export class AnswerPanel {
  #live;
  #digit;
  #statement;
  #by;
  #bars;

  /**
   * @param {Document} page
   * @param {(digit: number) => void} correct called with the digit that a drawing is said to be
   */
  constructor(page, correct) {
    this.#live = page.querySelector("#answer");
    this.#digit = page.querySelector("#digit");
    this.#statement = page.querySelector("#statement");
    this.#by = page.querySelector("#by");
    this.#bars = Array.from({ length: 10 }, (_, digit) => {
      const button = page.createElement("button");
      button.type = "button";
      button.innerHTML = `<b>${digit}</b><i></i><small aria-hidden="true"></small><span class="unseen"></span>`;
      button.addEventListener("click", () => correct(digit));
      const item = page.createElement("li");
      item.append(button);
      page.querySelector("#bars").append(item);
      return button;
    });
  }

  /** Say whether something is being read; what is said meanwhile is not the last word. */
  set busy(busy) {
    this.#live.setAttribute("aria-busy", String(busy));
  }

  /** Show the answer to a digit. */
  show(answer, reader, milliseconds) {
    const { digit, probabilities, accepted, reason } = answer;
    const words = accepted
      ? `${percent(probabilities[digit])} sure.`
      : REASONS[reason]?.(answer) ?? `Not to be trusted: ${reason}.`;
    this.#say(String(digit ?? ""), words, answer, reader, milliseconds);
    this.#bars.forEach((button, each) => this.#bar(button, each, probabilities[each], digit));
  }

  /** Show the answer to a line of digits. */
  showLine(line, reader, milliseconds) {
    const text = line.digits.map(({ digit }) => digit).join("");
    const doubtful = line.digits.filter(({ accepted }) => !accepted).map(({ digit }) => digit);
    const words = line.accepted
      ? `${line.digits.length} digits, each of them sure.`
      : doubtful.length
        ? `Not sure of ${doubtful.join(", ")}.`
        : REASONS[line.reason]?.({ probabilities: Array(10).fill(0) }) ?? `Not to be trusted: ${line.reason}.`;
    this.#say(text, words, line, reader, milliseconds);
  }

  /** Say why there is no answer. */
  fail(error, reader) {
    this.#say("", error.message, { accepted: false, reason: "unread" }, reader, null);
    this.#bars.forEach((button, each) => this.#bar(button, each, 0, null));
  }

  #say(text, words, { accepted, reason, model }, reader, milliseconds) {
    const live = this.#live;
    Object.assign(live.dataset, {
      digit: text,
      accepted: String(accepted),
      reason: reason ?? "",
      reader: reader.name,
    });
    replace(this.#digit, (reason !== "no-digit" && text) || NONE);
    replace(this.#statement, words);
    this.#by.textContent = milliseconds === null ? "" : `Read by ${reader.place} in ${duration(milliseconds)}${model && `: ${model}`}`;
  }

  #bar(button, digit, probability, answered) {
    const share = percent(probability);
    button.style.setProperty("--share", probability);
    button.classList.toggle("first", digit === answered);
    const small = button.querySelector("small");
    small.textContent = probability >= 0.005 ? Math.round(100 * probability) : "";
    button.querySelector("span").textContent = `: ${share}. Keep the drawing as ${digit}.`;
  }
}

/** Change a text only where it is another, so that it is not read aloud again. */
function replace(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** The digit with the largest probability, or with the next largest ones. */
function best(probabilities, place = 0) {
  const order = probabilities.map((_, digit) => digit);
  return order.sort((a, b) => probabilities[b] - probabilities[a])[place];
}

function duration(milliseconds) {
  return milliseconds < 1 ? "less than 1 ms" : `${Math.round(milliseconds)} ms`;
}

function percent(probability) {
  return `${(100 * probability).toFixed(1)} %`;
}
