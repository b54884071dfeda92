// The pages work without this: here is only what makes them quicker by keyboard, and says that work goes on.

export function isTyping(target) {
  return target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName);
}

// what this browser keeps; it may refuse to keep anything
export function kept(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

export function keep(name, value) {
  try {
    if (value === null) localStorage.removeItem(name);
    else localStorage.setItem(name, value);
  } catch {
    // then nothing is kept
  }
}

const SINGLE = "footnote.single"; // "no" where a letter alone is to do nothing, as speech input may need it
const keys = document.querySelector("#keys");
let last = null; // what was walked to

function ask() {
  const question = document.querySelector("form[role=search] input[type=search]");
  if (!question) {
    location.assign("/");
    return;
  }
  question.focus();
  question.select();
}

// one further, or back, among what a page marks as an item of its list
function walk(step) {
  const hits = [...document.querySelectorAll("[data-hit]")].filter((hit) => hit.checkVisibility());
  if (!hits.length) return;
  const at = hits.indexOf(document.activeElement.closest("[data-hit]") ?? last);
  const next = hits[Math.min(Math.max(at + step, 0), hits.length - 1)];
  if (!next.hasAttribute("tabindex")) next.tabIndex = -1;
  next.focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
  last = next;
}

// where an item leads: to the link that it names so, else to its first
export function linkOf(hit) {
  return hit?.querySelector("a[data-open]") ?? hit?.querySelector("a[href]");
}

// each does what its key asks for; one that gives false leaves the key to the browser
const does = {
  "/": ask,
  "?": () => keys.showModal(),
  j: () => walk(1),
  k: () => walk(-1),
  o() {
    const open = document.querySelector("#pane:not([hidden]):focus-within .pane-bar a");
    const link = open ?? linkOf(document.activeElement.closest("[data-hit]"));
    return link ? location.assign(link.href) : false;
  },
  Enter: (event) => (event.target.matches("[data-hit]") ? linkOf(event.target)?.click() : false),
  ArrowLeft: (event) => turn(event, "prev"),
  ArrowRight: (event) => turn(event, "next"),
};

// the arrows turn the pages of a paper
function turn(event, way) {
  const link = event.shiftKey ? null : document.querySelector(`a[rel=${way}]`);
  return link ? link.click() : false;
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  if (!Object.hasOwn(does, event.key) || document.querySelector("dialog[open]")) return;
  if (event.key.length === 1 && kept(SINGLE) === "no") return;
  if (does[event.key](event) !== false) event.preventDefault();
});

const button = document.querySelector("[data-keys]");
if (button) {
  const single = keys.querySelector("input");
  single.checked = kept(SINGLE) !== "no";
  single.addEventListener("change", () => keep(SINGLE, single.checked ? null : "no"));
  button.hidden = false;
  button.addEventListener("click", () => keys.showModal());
}

// a library that is still being opened: look every two seconds whether it is ready
if (document.querySelector("#waiting")) {
  const look = setInterval(async () => {
    const answer = await fetch("/readyz").catch(() => null);
    if (!answer?.ok) return;
    clearInterval(look);
    location.reload();
  }, 2000);
}
