// Papers that may answer a question come in place, and those that are added tell here what becomes of them.

import { parsed } from "./markup.js";

const AGAIN_MS = 1000;
const json = { "Content-Type": "application/json" };

async function search(form, button) {
  const named = button.textContent;
  const body = new URLSearchParams({ question: button.value });
  button.disabled = true;
  button.textContent = "Searching …";
  try {
    const response = await fetch(form.action, { method: "POST", headers: { Accept: "text/html" }, body });
    const page = parsed(await response.text());
    show(form, page.querySelector("#candidates"));
  } catch {
    form.dataset.plain = "yes"; // the page that comes then says what is wrong
  }
  button.disabled = false;
  button.textContent = named;
  if (form.dataset.plain) button.click();
}

function show(form, found) {
  const item = form.closest(".item");
  const before = item?.querySelector(".candidates") ?? form.closest("#candidates");
  found.id = item ? `candidates-${item.id}` : found.id; // several may stand on one page
  const heading = found.querySelector("h2");
  heading.id = `${found.id}-title`;
  heading.tabIndex = -1;
  found.setAttribute("aria-labelledby", heading.id);
  if (before) before.replaceWith(found);
  else form.after(found);
  heading.focus();
}

async function add(form, button) {
  const state = form.nextElementSibling ?? document.createElement("p");
  state.className = "state";
  state.role = "status";
  form.after(state);
  state.textContent = "Adding …";
  button.disabled = true;
  const body = JSON.stringify({ paper: button.value });
  const response = await fetch("/api/papers", { method: "POST", headers: json, body }).catch(() => null);
  let paper = await response?.json().catch(() => null);
  if (!response?.ok) {
    state.textContent = paper?.detail ?? "Footnote does not answer; is it still running?";
    button.disabled = false;
    return;
  }
  const address = `/api/papers/${encodeURI(button.value)}`;
  while (paper.waiting) {
    state.textContent = "Being fetched …";
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    paper = await fetch(address).then((answer) => (answer.ok ? answer.json() : paper), () => paper);
  }
  state.dataset.state = paper.state;
  if (paper.state === "fetched") {
    const link = document.createElement("a");
    link.href = paper.link;
    link.textContent = "In your library";
    state.replaceChildren(link);
    form.remove();
  } else {
    state.textContent = `${paper.state === "pending" ? "Pending" : "Could not be had"}: ${paper.reason}`;
    button.disabled = false;
  }
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  const work = form.matches(".seek:not([data-plain])") ? search : form.matches(".add") ? add : null;
  if (!work) return;
  event.preventDefault();
  work(form, event.submitter);
});
