// The library as it changes: how far a run is, folders that open in place, names as they are typed.

import { parsed } from "./markup.js";

const typed = document.querySelector("#name");

// ---- what is indexing now

function show(state) {
  const run = document.querySelector("#run");
  const look = document.querySelector("form.look");
  run.hidden = !state.busy;
  look.hidden = state.busy;
  const said = document.querySelector("#last");
  said.textContent = state.last?.said ?? "";
  said.classList.toggle("trouble", Boolean(state.last?.failed));
  if (!state.busy) return;
  const bar = run.querySelector("progress");
  run.querySelector("strong").textContent = state.shown.stage;
  run.querySelector(".counts").textContent = state.shown.counts;
  if (state.shown.total) {
    bar.max = state.shown.total;
    bar.value = state.shown.done;
  } else {
    bar.removeAttribute("value");
  }
}

async function text(address) {
  const answer = await fetch(address);
  return answer.ok ? answer.text() : Promise.reject(answer);
}

async function renew() {
  const page = await text(location.href).catch(() => null);
  if (page === null) return;
  const found = parsed(page).querySelector("#holdings");
  const now = document.querySelector("#holdings");
  if (found && now.querySelector(".empty") && !found.querySelector(".empty")) {
    location.reload(); // files and a map have come, where there were none
    return;
  }
  for (const part of ["dl.figures", "#indexing", ".papers", ".failures"]) {
    const [old, fresh] = [now.querySelector(part), found?.querySelector(part)];
    const busy = old?.contains(document.activeElement) && document.activeElement.matches("input");
    if (old && fresh && !busy) old.replaceWith(fresh);
  }
}

let events = null;

function listen() {
  events = new EventSource("/library/progress");
  const hear = ({ data }) => {
    const state = JSON.parse(data);
    show(state);
    const { generation } = document.querySelector("#indexing").dataset;
    if (!state.busy && Number(generation) !== state.generation) renew();
  };
  events.addEventListener("progress", hear);
  events.addEventListener("idle", hear);
}

document.addEventListener("visibilitychange", () => {
  events?.close();
  if (!document.hidden) listen();
});
listen();

// ---- folders

async function part(address) {
  return parsed(await text(address)).querySelector("ul");
}

document.addEventListener("click", async (event) => {
  const link = event.target.closest("a[data-part], a[data-more]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  link.setAttribute("aria-busy", "true");
  const list = await part(link.dataset.part ?? link.dataset.more).catch(() => null);
  if (!list) {
    location.assign(link.href);
  } else if (link.dataset.part) {
    const details = document.createElement("details");
    const summary = document.createElement("summary");
    summary.append(...link.childNodes);
    details.open = true;
    details.append(summary, list);
    link.replaceWith(details);
    summary.focus();
  } else {
    const line = link.parentElement;
    const first = list.querySelector("li:not(.folder)");
    line.replaceWith(...list.querySelectorAll(":scope > li:not(.folder)"));
    first?.querySelector("a").focus();
  }
});

// ---- names

let asked = 0;

typed?.addEventListener("input", () => {
  const number = ++asked;
  setTimeout(async () => {
    if (number !== asked) return;
    const address = new URL("/library", location.href);
    if (typed.value.trim()) address.searchParams.set("name", typed.value);
    const page = await text(address).catch(() => null);
    if (page === null || number !== asked) return;
    const found = parsed(page).querySelector("#named");
    document.querySelector("#named").replaceChildren(...found.childNodes);
    for (const root of document.querySelectorAll(".root")) root.open = !typed.value.trim();
    history.replaceState(null, "", address);
  }, 120);
});
