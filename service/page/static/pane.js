// Reading beside the answer: the page of a note or a paper that a link leads to, without leaving it.
// The address keeps what is open, so that it can be shared, and back closes it.

import { parsed } from "./markup.js";
import { isTyping, linkOf } from "./page.js";

const READABLE = /^\/(?:notes|papers)\/\d+$/;
const wide = matchMedia("(min-width: 64rem)");
const pane = document.querySelector("#pane");
const body = pane.querySelector(".pane-body");
const [name, whole, button] = pane.querySelector(".pane-bar").children;
let turn = new AbortController(); // of the page that is being fetched
let opener = null; // what has the focus again when the pane is closed

// a click that asks for nothing but the link itself
export function isPlain(event) {
  return !(event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
}

// the address of a page that can be shown here; null for another
function readable(href) {
  const url = new URL(href, location.href);
  return url.origin === location.origin && READABLE.test(url.pathname) ? url : null;
}

function pathOf(url) {
  return url.pathname + url.search + url.hash;
}

// what the browser's address says is open
function wanted() {
  const href = new URLSearchParams(location.search).get("open");
  return href ? readable(href) : null;
}

// the browser's address with that page open, or none
function address(url) {
  const here = new URL(location.href);
  here.hash = "";
  here.searchParams.delete("open");
  const open = url ? `${here.search ? "&" : "?"}open=${encodeURIComponent(pathOf(url)).replaceAll("%2F", "/")}` : "";
  return here.pathname + here.search + open;
}

// put the style sheets of a page beside those that are here
function dress(page) {
  const here = new Set([...document.styleSheets].map((sheet) => sheet.href));
  const links = [...page.querySelectorAll("link[rel=stylesheet]")].filter((link) => !here.has(link.href));
  return Promise.all(links.map((link) => {
    const added = document.createElement("link");
    const loaded = new Promise((done) => (added.onload = added.onerror = done));
    added.rel = "stylesheet";
    added.href = link.getAttribute("href");
    document.head.append(added);
    return loaded;
  }));
}

// what the page's own scripts do for what is read, as far as they offer it
async function enhance(page) {
  for (const script of page.querySelectorAll("script[type=module][src]")) {
    const module = await import(new URL(script.getAttribute("src"), location.href)).catch(() => null);
    module?.enhance?.(body);
  }
}

// links, forms and pictures lead where they do on the page itself
function rebase(main, url) {
  for (const [name, attribute] of [["a", "href"], ["img", "src"], ["form", "action"]]) {
    for (const one of main.querySelectorAll(`${name}[${attribute}]`)) {
      one.setAttribute(attribute, new URL(one.getAttribute(attribute), url).href);
    }
  }
}

// scroll to what is cited, or to the place that an address names; the page around stays where it is
function reveal(hash) {
  const named = hash.length > 1 ? body.querySelector(`#${CSS.escape(decodeURIComponent(hash.slice(1)))}`) : null;
  const target = named ?? body.querySelector(".cited");
  const above = target ? target.getBoundingClientRect().top - body.getBoundingClientRect().top : 0;
  body.scrollTop = target ? body.scrollTop + above - body.clientHeight / 4 : 0;
}

function mark(url) {
  for (const hit of document.querySelectorAll("[data-hit]")) {
    const own = readable(linkOf(hit)?.href ?? "");
    const is = url && own && own.pathname + own.search === url.pathname + url.search;
    if (is) hit.setAttribute("aria-current", "true");
    else hit.removeAttribute("aria-current");
  }
}

let open = null; // the address of what is shown

async function show(url) {
  turn.abort();
  turn = new AbortController();
  const { signal } = turn;
  if (open?.pathname !== url.pathname || open.search !== url.search) {
    const response = await fetch(url, { signal });
    if (!response.ok) throw new Error(`${url} cannot be shown`);
    const page = parsed(await response.text());
    const main = page.querySelector("main");
    await dress(page);
    signal.throwIfAborted();
    rebase(main, response.url || url);
    body.replaceChildren(...main.childNodes);
    name.textContent = page.title.replace(/ · Footnote$/, "");
    enhance(page);
  }
  open = url;
  whole.href = url.href;
  pane.hidden = false;
  reveal(url.hash);
  mark(url);
}

function hide() {
  turn.abort();
  open = null;
  pane.hidden = true;
  body.replaceChildren();
  mark(null);
}

async function enter(url, from) {
  if (!pane.contains(from)) opener = from;
  try {
    await show(url);
  } catch (error) {
    if (error.name !== "AbortError") location.assign(url);
    return;
  }
  if (wanted()?.href !== url.href) {
    history.replaceState({ ...history.state, top: scrollY }, "");
    history.pushState({ top: scrollY }, "", address(url));
  }
  body.focus({ preventScroll: true });
}

function close() {
  hide();
  if (wanted()) history.pushState({ top: scrollY }, "", address(null));
  if (opener?.isConnected) opener.focus({ preventScroll: true });
  opener = null;
}

// show what the address says, and nothing else
export async function follow() {
  const url = wanted();
  if (!url) {
    const had = pane.contains(document.activeElement);
    hide();
    if (had && opener?.isConnected) opener.focus({ preventScroll: true });
  } else if (open?.href !== url.href) {
    await show(url).catch(hide);
  }
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("main a[href]");
  if (!link || !isPlain(event) || link.target || link.hasAttribute("download")) return;
  const inside = pane.contains(link);
  if (!inside && !wide.matches) return;
  if (link === whole) return;
  const source = link.matches(".cite") ? document.querySelector(link.hash || null) : null;
  const url = readable((linkOf(source) ?? link).href);
  if (!url) return;
  event.preventDefault();
  enter(url, link.closest("[data-hit]") ?? link);
});

// a page of a paper is asked for by its number
body.addEventListener("submit", (event) => {
  const form = event.target;
  const url = form.method === "get" ? readable(form.action) : null;
  if (!url) return;
  event.preventDefault();
  url.search = new URLSearchParams(new FormData(form));
  enter(url, form);
});

button.addEventListener("click", close);
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || pane.hidden || isTyping(event.target) || document.querySelector("dialog[open]")) return;
  event.preventDefault();
  close();
});
