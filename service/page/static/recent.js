// The last questions, kept in this browser and nowhere else, for as long as the person wants.

const MOST = 12;
const QUESTIONS = "footnote.questions";
const KEEPS = "footnote.keeps"; // "no" where nothing is to be kept

// a browser may refuse to keep anything
function read(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

function write(name, value) {
  try {
    if (value === null) localStorage.removeItem(name);
    else localStorage.setItem(name, value);
  } catch {
    // then nothing is kept
  }
}

function questions() {
  try {
    const kept = JSON.parse(read(QUESTIONS) ?? "[]");
    return Array.isArray(kept) ? kept.filter((one) => typeof one === "string") : [];
  } catch {
    return [];
  }
}

const keeps = () => read(KEEPS) !== "no";

export function add(question) {
  const text = question.trim();
  if (text && keeps()) write(QUESTIONS, JSON.stringify([text, ...questions().filter((one) => one !== text)].slice(0, MOST)));
}

// fill the part of the first page that offers them
export function show() {
  const part = document.querySelector("#recent");
  if (!part) return;
  const kept = questions();
  const [title, list, note] = part.children;
  const [said, clear, keep] = note.children;
  part.hidden = keeps() && !kept.length;
  title.hidden = list.hidden = clear.hidden = !kept.length;
  list.replaceChildren(...kept.map((text) => {
    const item = document.createElement("li"), link = document.createElement("a");
    link.href = `/?${new URLSearchParams({ q: text })}`;
    link.textContent = text;
    item.append(link);
    return item;
  }));
  said.textContent = keeps() ? "Kept in this browser only." : "Questions are not kept.";
  keep.textContent = keeps() ? "Keep none" : "Keep them in this browser";
}

document.addEventListener("click", ({ target }) => {
  if (!target.matches("#recent button")) return;
  if (target.value === "keep") write(KEEPS, keeps() ? "no" : null);
  write(QUESTIONS, null);
  show();
  document.querySelector("#q").focus();
});
