// What makes a note or a paper nicer to read. The pages are whole without it: formulas are MathML until KaTeX draws them
// as in print, the outline leads on without saying where the reader is, and links zoom.

const FORMULAS = "math[data-tex], code.math[data-tex]";
const SETTINGS = { throwOnError: true, strict: false, trust: false, maxExpand: 200, maxSize: 20, globalGroup: true };
const AT_ONCE = 50; // so many formulas are drawn between two frames
const LONG = 13; // parts of a formula of more ems may be wider than a phone,
const ENDLESS = 28; // and those than the text

// Call it once on what holds a note, a paper or passages of them: on a document, or on what was put into one.
export function enhance(root) {
  drawFormulas(root).catch(() => {}); // without KaTeX, they stay as the browser draws them
  for (const outline of root.querySelectorAll(".contents")) follow(outline, root);
  if (root.querySelector(".frame")) zoomable(root);
  for (const button of root.querySelectorAll("[data-copy]")) copies(button);
}

// ------------------------------------------------------------------------------------------------------- formulas

let loading;

function loadKatex() {
  const styled = new Promise((resolve, reject) => {
    const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href: "/static/katex/katex.min.css" });
    link.addEventListener("load", resolve);
    link.addEventListener("error", reject);
    document.head.append(link);
  });
  return Promise.all([import("/static/katex/katex.min.js"), styled]).then(() => self.katex);
}

async function drawFormulas(root) {
  const formulas = [...root.querySelectorAll(FORMULAS)];
  if (!formulas.length) return;
  loading ??= loadKatex();
  const katex = await loading;
  const macros = {}; // what a formula defines holds in those below it
  const target = root === document && location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  let moved = false;
  for (const gesture of ["wheel", "touchmove", "keydown", "pointerdown"]) {
    addEventListener(gesture, () => { moved = true; }, { once: true, passive: true });
  }
  while (formulas.length) {
    const drawn = formulas.splice(0, AT_ONCE).map((formula) => draw(katex, formula, macros));
    for (const formula of drawn) if (formula) fit(formula);
    if (target && !moved) target.scrollIntoView({ behavior: "instant" });
    await new Promise(requestAnimationFrame);
  }
}

function draw(katex, formula, macros) {
  const tex = formula.dataset.tex;
  const displayMode = (formula.getAttribute("display") ?? formula.dataset.display) === "block";
  let drawn;
  try {
    drawn = toElement(katex.__renderToDomTree(tex, { ...SETTINGS, displayMode, macros }));
  } catch {
    return undefined; // it stays as it is written
  }
  drawn.dataset.tex = tex;
  const frame = formula.closest("pre.math");
  if (frame) {
    const display = document.createElement("div");
    display.id = frame.id;
    display.className = frame.className.replace("math", "display");
    display.append(drawn);
    frame.replaceWith(display);
  } else {
    (formula.closest(".formula") ?? formula).replaceWith(drawn);
  }
  return drawn;
}

// A formula breaks only between its parts: one that stands by itself scrolls as a whole, another by its parts.
function fit(drawn) {
  if (drawn.classList.contains("katex-display")) {
    if (drawn.scrollWidth > drawn.clientWidth) drawn.tabIndex = 0; // also by keyboard
    return;
  }
  for (const part of drawn.querySelectorAll(".katex-html > .katex-base")) {
    const ems = part.offsetWidth / parseFloat(getComputedStyle(part).fontSize);
    part.classList.toggle("long", ems > LONG);
    part.classList.toggle("endless", ems > ENDLESS);
  }
}

// The policy of the pages allows no style in an attribute, as KaTeX writes some; set from a script, it does.
function toElement(tree) {
  setAside(tree);
  const drawn = tree.toNode();
  for (const element of drawn.querySelectorAll("[data-style]")) {
    element.style.cssText = element.dataset.style;
    element.removeAttribute("data-style");
  }
  return drawn;
}

function setAside(node) {
  if (node.attributes?.style) {
    node.attributes["data-style"] = node.attributes.style;
    delete node.attributes.style;
  }
  node.children?.forEach(setAside);
}

// What is copied has the LaTeX of formulas, whole, in place of what draws them.
document.addEventListener("copy", (event) => {
  const selection = getSelection();
  if (!selection.rangeCount || selection.isCollapsed) return;
  const range = selection.getRangeAt(0).cloneRange();
  const first = formulaAround(range.startContainer);
  const last = formulaAround(range.endContainer);
  if (first) range.setStartBefore(first);
  if (last) range.setEndAfter(last);
  const copied = document.createElement("div");
  copied.append(range.cloneContents());
  const formulas = copied.querySelectorAll("[data-tex]");
  if (!formulas.length) return;
  for (const formula of formulas) {
    const isDisplay = formula.matches(".katex-display, [display=block], [data-display=block]");
    const mark = isDisplay ? "$$" : "$";
    formula.replaceWith(mark + formula.dataset.tex + mark);
  }
  event.clipboardData.setData("text/html", copied.innerHTML);
  copied.className = "unseen kept";
  document.body.append(copied); // only what is on a page has line breaks
  event.clipboardData.setData("text/plain", copied.innerText);
  copied.remove();
  event.preventDefault();
});

function formulaAround(node) {
  return (node.nodeType === Node.ELEMENT_NODE ? node : node.parentElement)?.closest("[data-tex]");
}

// -------------------------------------------------------------------------------------------------------- outline

function follow(outline, root) {
  const links = [...outline.querySelectorAll("a")];
  const places = links.map((link) => root.querySelector(`#${CSS.escape(decodeURIComponent(link.hash.slice(1)))}`));
  const look = () => {
    const passed = places.findLastIndex((place) => place && place.getBoundingClientRect().top < innerHeight * 0.3);
    links.forEach((link, i) => {
      if (i === passed) link.setAttribute("aria-current", "location");
      else link.removeAttribute("aria-current");
    });
  };
  const observer = new IntersectionObserver(look, { rootMargin: "0px 0px -70% 0px" });
  for (const place of places) if (place) observer.observe(place.closest("h2, h3, h4, h5, h6") ?? place);
}

// ------------------------------------------------------------------------------------------------ pages of papers

const STEPS = [100, 125, 150, 200, 300, 400];

function zoomable(root) {
  const frames = [...root.querySelectorAll(".frame")];
  const nav = root.querySelector(".zoom");
  let now = Number(frames[0].className.match(/zoom-(\d+)/)[1]);

  const show = (step) => {
    now = step;
    for (const frame of frames) zoomTo(frame, step);
    frames[0].scrollIntoView({ block: "nearest", behavior: "instant" });
    nav.querySelector("output").value = `${step} %`;
    for (const link of root.querySelectorAll(".turn a")) {
      const address = new URL(link.href);
      address.searchParams.set("zoom", step);
      link.href = address;
    }
  };
  const act = {
    in: () => show(STEPS.find((step) => step > now) ?? STEPS.at(-1)),
    out: () => show(STEPS.findLast((step) => step < now) ?? STEPS[0]),
    100: () => show(100),
  };
  nav.addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    act[link.dataset.zoom]();
  });
  root.addEventListener("keydown", (event) => {
    const key = { "+": "in", "=": "in", "-": "out", 0: "100" }[event.key];
    const isTyping = event.target.closest?.("input, textarea, select, [contenteditable]");
    if (!key || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act[key]();
  });
  for (const frame of frames) movable(frame);
}

// The middle of what is seen stays in the middle; the first zoom goes to where the marks begin.
function zoomTo(frame, step) {
  const sheet = frame.querySelector(".sheet");
  const mark = frame.classList.contains("zoom-100") && frame.querySelector(".marks rect");
  const before = sheet.getBoundingClientRect();
  const seen = (mark || frame).getBoundingClientRect();
  const across = (seen.left + (mark ? 0 : seen.width / 2) - before.left) / before.width;
  const down = (seen.top + seen.height / 2 - before.top) / before.height;
  frame.className = `frame zoom-${step}`;
  frame.tabIndex = step === 100 ? -1 : 0;
  sheet.querySelector("img").sizes = `${sheet.offsetWidth}px`; // the browser fetches a sharper picture by it
  frame.scrollLeft = across * sheet.offsetWidth - frame.clientWidth * (mark ? 0.1 : 0.5);
  frame.scrollTop = down * sheet.offsetHeight - frame.clientHeight * (mark ? 0.3 : 0.5);
}

function movable(frame) {
  const isLarge = () => !frame.classList.contains("zoom-100");
  let last;
  frame.addEventListener("keydown", (event) => {
    if (isLarge() && event.key.startsWith("Arrow")) event.stopPropagation(); // it moves the page here, and turns none
  });
  frame.addEventListener("pointerdown", (event) => {
    if (!isLarge() || event.pointerType !== "mouse" || event.button !== 0) return;
    last = event;
    frame.setPointerCapture(event.pointerId);
    event.preventDefault();
    frame.focus({ preventScroll: true });
  });
  frame.addEventListener("pointermove", (event) => {
    if (!last) return;
    frame.scrollBy(last.clientX - event.clientX, last.clientY - event.clientY);
    last = event;
  });
  for (const end of ["pointerup", "pointercancel"]) frame.addEventListener(end, () => { last = undefined; });
}

// ---------------------------------------------------------------------------------------------------------- paths

function copies(button) {
  if (!navigator.clipboard) return;
  button.hidden = false;
  const words = button.textContent;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = words; }, 2000);
  });
}

if (document.querySelector("#main > .note-head")) enhance(document);
