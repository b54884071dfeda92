// Asking without leaving the page: the nearest passages while a question is typed, and its answer in their place.
// What is shown is always a part of a page that the server wrote; where one cannot be had, the browser goes there.

import { parsed } from "./markup.js";
import * as pane from "./pane.js";
import * as recent from "./recent.js";

const PAUSE = 120; // milliseconds without a key until what is typed is looked for
const SPOKEN = 700; // and until what was found is announced: not at every key

const asking = document.querySelector(".asking"); // what is read beside it may use the same names
const form = asking.querySelector("#asking");
const box = form.elements.q;
const heard = asking.querySelector("#heard");
let shown = asked(location);
let turn = new AbortController(); // of what is being fetched: what comes next ends it
let typing, speaking;

// the address of what is asked, without what is open beside it
function asked(url) {
  const found = new URL(url);
  found.searchParams.delete("open");
  return found.pathname + found.search;
}

function begin() {
  turn.abort();
  clearTimeout(typing);
  clearTimeout(speaking);
  turn = new AbortController();
  return turn.signal;
}

async function page(url, signal) {
  const response = await fetch(url, { signal });
  const found = parsed(await response.text());
  if (!found.querySelector("#found")) throw new Error(`${url} is another page`);
  return found;
}

function put(found, ...names) {
  for (const name of names) asking.querySelector(name).replaceWith(found.querySelector(name));
  recent.show();
}

function say(text) {
  heard.textContent = text;
}

// ------------------------------------------------------------------------------------------------ while typing

async function near() {
  const text = box.value.trim();
  if (text && asking.querySelector("#found").dataset.question?.trim() === text) return;
  const signal = begin();
  const found = await page(text ? `/near?q=${encodeURIComponent(text)}` : "/", signal).catch(() => null);
  if (!found || signal.aborted || asking.querySelector("#found").contains(document.activeElement)) return;
  if (text) {
    settleTop();
    put(found, "#found");
  } else {
    put(found, "#above", "#about", "#found");
    asking.querySelector("#ask").className = found.querySelector("#ask").className;
  }
  speaking = setTimeout(() => {
    const count = asking.querySelectorAll("#found .source").length;
    say(count === 1 ? "One passage is near. Enter asks." : `${count} passages are near. Enter asks.`);
  }, SPOKEN);
}

// what is found gets the room that the first page leaves
function settleTop() {
  const top = asking.querySelector(".ask.alone");
  if (!top) return;
  top.classList.remove("alone");
  top.querySelector("h1").classList.add("unseen");
  top.querySelector(".narrow").open = false;
}

box.addEventListener("input", (event) => {
  begin();
  if (!event.isComposing) typing = setTimeout(near, PAUSE);
});
box.addEventListener("compositionend", () => {
  begin();
  typing = setTimeout(near, PAUSE);
});

// ------------------------------------------------------------------------------------------------ the answer

async function show(url, signal) {
  const found = await page(url, signal);
  signal.throwIfAborted();
  const narrow = asking.querySelector(".ask:not(.alone) .narrow");
  put(found, "#above", "#about", "#found");
  if (narrow?.open) asking.querySelector(".narrow").open = true;
  asking.querySelector("#ask").className = found.querySelector("#ask").className;
  document.title = found.title;
  const field = found.querySelector("#q");
  box.value = field.getAttribute("value");
  box.toggleAttribute("aria-invalid", field.hasAttribute("aria-invalid"));
  box.setAttribute("aria-describedby", field.getAttribute("aria-describedby"));
  shown = asked(new URL(url, location.href));
  settle(signal);
}

// what is left to do for an answer that is shown
function settle(signal) {
  if (asking.querySelector("#found .answer")) recent.add(box.value);
  typeset();
  if (asking.querySelector("#wording")) import("./wording.js").then(({ word }) => word(signal)).then(typeset);
}

// formulas are drawn by what is loaded only where there are some
function typeset() {
  const found = asking.querySelector("#found");
  if (!found.querySelector(".answer")) return;
  const passages = [...found.querySelectorAll(".passage")].some((one) => /\$[^$]+\$/.test(one.textContent));
  if (!passages && !found.querySelector("math[data-tex], code.math")) return;
  import("./typeset.js").then((made) => made.typeset(found), () => {}); // without it, they stay as they are
}

// ask without leaving the page, in an entry of the browser's history of its own
async function go(url) {
  const signal = begin();
  form.setAttribute("aria-busy", "true");
  try {
    history.replaceState({ top: scrollY }, "");
    await show(url, signal);
    if (url === location.pathname + location.search) history.replaceState({ top: 0 }, "", url);
    else history.pushState({ top: 0 }, "", url);
    pane.follow();
    scrollTo(0, 0);
    if (box.hasAttribute("aria-invalid")) return;
    const title = asking.querySelector("#found h1");
    if (title) {
      title.tabIndex = -1;
      title.focus({ preventScroll: true });
    }
    say(asking.querySelector("#verdict")?.textContent.trim() ?? "");
  } catch {
    if (!signal.aborted) location.assign(url);
  } finally {
    if (!signal.aborted) form.removeAttribute("aria-busy");
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  go(`/?${new URLSearchParams(new FormData(form))}`);
});

addEventListener("popstate", async (event) => {
  if (asked(location) !== shown) {
    const signal = begin();
    form.removeAttribute("aria-busy");
    try {
      await show(asked(location), signal);
    } catch {
      if (!signal.aborted) location.reload();
      return;
    }
    scrollTo(0, event.state?.top ?? 0);
  }
  pane.follow();
});

document.addEventListener("click", (event) => {
  const link = event.target.closest("main a[href^='/?']");
  if (!link || !pane.isPlain(event)) return;
  event.preventDefault();
  const typed = box.value.trim();
  if (link.dataset.filter && typed !== new URLSearchParams(location.search).get("q")?.trim()) {
    box.value = `${link.dataset.filter} ${typed}`; // what was typed and not asked yet is narrowed too
    form.requestSubmit();
  } else {
    go(link.getAttribute("href"));
  }
});

// ------------------------------------------------------------------------------------------------ its sources

// a number lights its source, and a source its numbers
function light({ target }) {
  const cite = target.closest?.(".cite[href^='#source-']");
  const name = cite ? cite.hash.slice(1) : target.closest?.(".source")?.id;
  for (const one of document.querySelectorAll(".lit")) one.classList.remove("lit");
  if (!name) return;
  for (const one of document.querySelectorAll(`#${name}, .cite[href="#${name}"]`)) one.classList.add("lit");
}
document.addEventListener("pointerover", light);
document.addEventListener("focusin", light);

// the answer as Markdown goes to the clipboard; where that is not allowed, it is shown, and selected
document.addEventListener("click", async (event) => {
  const summary = event.target.closest(".copy > summary");
  if (!summary || summary.parentElement.open) return;
  event.preventDefault();
  const text = summary.parentElement.querySelector("textarea");
  try {
    await navigator.clipboard.writeText(text.value);
    summary.textContent = "Copied";
    say("Copied as Markdown");
    setTimeout(() => (summary.textContent = "Copy as Markdown"), 2000);
  } catch {
    summary.parentElement.open = true;
    text.select();
  }
});

history.scrollRestoration = "auto";
recent.show();
settle(turn.signal);
pane.follow();
