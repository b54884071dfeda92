// The last questions, kept in this browser and nowhere else, for as long as the person wants.

import { keep, kept } from "./page.js";

const MOST = 12;
const QUESTIONS = "footnote.questions";
const KEEPS = "footnote.keeps"; // "no" where nothing is to be kept

function questions() {
  try {
    const found = JSON.parse(kept(QUESTIONS) ?? "[]");
    return Array.isArray(found) ? found.filter((one) => typeof one === "string") : [];
  } catch {
    return [];
  }
}

const keeps = () => kept(KEEPS) !== "no";

export function add(question) {
  const text = question.trim();
  if (text && keeps()) keep(QUESTIONS, JSON.stringify([text, ...questions().filter((one) => one !== text)].slice(0, MOST)));
}

// fill the part of the first page that offers them
export function show() {
  const part = document.querySelector(".asking #recent");
  if (!part) return;
  const last = questions();
  const [title, list, note] = part.children;
  const [said, clear, whether] = note.children;
  part.hidden = keeps() && !last.length;
  title.hidden = list.hidden = clear.hidden = !last.length;
  list.replaceChildren(...last.map((text) => {
    const item = document.createElement("li"), link = document.createElement("a");
    link.href = `/?${new URLSearchParams({ q: text })}`;
    link.textContent = text;
    item.append(link);
    return item;
  }));
  said.textContent = keeps() ? "Kept in this browser only." : "Questions are not kept.";
  whether.textContent = keeps() ? "Keep none" : "Keep them in this browser";
}

document.addEventListener("click", ({ target }) => {
  if (!target.matches(".asking #recent button")) return;
  if (target.value === "keep") keep(KEEPS, keeps() ? "no" : null);
  keep(QUESTIONS, null);
  show();
  document.querySelector("#q").focus();
});
