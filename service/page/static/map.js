// The map of the library: moved and zoomed, with what is under the pointer shown beside it. Without this there is a
// picture of it, and all that is found or written on it stands in lists.

import { Dots } from "./dots.js";
import { HIT, drawHits, drawNames, drawRing } from "./marks.js";

const MOST_ZOOM = 60;
const STEP = 1.35;
const REACH = 14; // a pointer means the nearest dot within so many pixels
const SPARSE = 0.28; // dots leave ground between them: their radius to the side of their share of the map

const section = document.querySelector("#map");
if (section) {
  const seen = new IntersectionObserver(
    async ([entry]) => {
      if (!entry.isIntersecting) return;
      seen.disconnect();
      const answer = await fetch("/api/map/points").catch(() => null);
      if (answer?.ok) new MapView(section, new Dots(await answer.arrayBuffer()));
    },
    { rootMargin: "400px" },
  );
  seen.observe(section);
}

class MapView {
  #zoom = 1;
  #middle = [0.5, 0.5];
  #wanted = null; // the sources chosen in the legend; all without
  #current = -1; // the dot that is pointed at
  #held = false; // it was chosen by key or tap, and stays
  #lit = []; // hits: { n, x, y, id, row }
  #raised = null; // the hit whose row in the list is pointed at
  #known = new Map(); // what was said of passages, by number
  #frame = 0;
  #fingers = new Map();
  #travelled = 0;

  constructor(root, dots) {
    this.root = root;
    this.dots = dots;
    this.frame = root.querySelector(".map-frame");
    this.canvas = element("canvas", "map-canvas", { tabIndex: 0 });
    this.canvas.setAttribute("role", "application");
    this.canvas.setAttribute("aria-roledescription", "map");
    this.canvas.setAttribute("aria-label", `Map of ${dots.count.toLocaleString("en")} passages`);
    this.canvas.setAttribute("aria-describedby", "map-keys");
    this.card = element("div", "map-card", { hidden: true });
    this.card.setAttribute("aria-live", "polite");
    const keys = element("p", "map-keys", { id: "map-keys" }, "Arrows move, + and − zoom, 0 shows all, Enter opens");
    const tools = element("div", "map-tools");
    for (const [sign, name, does] of [
      ["+", "Zoom in", () => this.zoomBy(STEP)],
      ["−", "Zoom out", () => this.zoomBy(1 / STEP)],
      ["⤢", "Show all", () => this.fit()],
    ]) {
      const button = element("button", "", { type: "button", title: name }, sign);
      button.setAttribute("aria-label", name);
      button.addEventListener("click", does);
      tools.append(button);
    }
    this.probe = element("span", "map-probe");
    this.frame.append(this.canvas, keys, tools, this.card, this.probe);
    this.context = this.canvas.getContext("2d", { alpha: false });
    this.regions = [...root.querySelectorAll(".map-regions li")].map((row) => ({
      name: row.textContent.trim(),
      ...placeOf(row),
    }));
    this.#readHits();
    this.#makeLegend();
    this.#listen();
    this.#readColours();
    root.classList.add("map-drawn");
    this.#resize();
  }

  // ---------------------------------------------------------------------------------------------------- the view

  get #size() {
    return Math.min(this.canvas.width, this.canvas.height) * this.#zoom;
  }

  // the pixels of the map's corner, and of one whole map
  get #view() {
    const size = this.#size;
    const [x, y] = this.#middle;
    return { left: this.canvas.width / 2 - x * size, top: this.canvas.height / 2 - y * size, size };
  }

  #toPixels({ x, y }) {
    const { left, top, size } = this.#view;
    return [left + x * size, top + y * size];
  }

  #toPlace(event) {
    const box = this.canvas.getBoundingClientRect();
    const { left, top, size } = this.#view;
    return [
      ((event.clientX - box.left) * this.ratio - left) / size,
      ((event.clientY - box.top) * this.ratio - top) / size,
    ];
  }

  zoomBy(factor, [x, y] = this.#middle) {
    const before = this.#zoom;
    this.#zoom = Math.max(1, Math.min(MOST_ZOOM, before * factor));
    const share = 1 - before / this.#zoom;
    this.#moveTo(this.#middle[0] + (x - this.#middle[0]) * share, this.#middle[1] + (y - this.#middle[1]) * share);
  }

  fit() {
    this.#zoom = 1;
    this.#moveTo(0.5, 0.5);
  }

  // move by pixels of the screen
  moveBy(right, down) {
    const size = this.#size / this.ratio;
    this.#moveTo(this.#middle[0] + right / size, this.#middle[1] + down / size);
  }

  #moveTo(x, y) {
    this.#middle = [Math.max(0, Math.min(1, x)), Math.max(0, Math.min(1, y))];
    this.redraw();
  }

  // ------------------------------------------------------------------------------------------------- what is drawn

  redraw() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      const start = performance.now();
      this.#draw();
      performance.clearMeasures("map");
      performance.measure("map", { start, end: performance.now() });
    });
  }

  get #radius() {
    const side = this.#size / this.#zoom / Math.sqrt(this.dots.count);
    return Math.max(0.8, Math.min(3.6, SPARSE * (side / this.ratio))) * this.ratio * Math.min(this.#zoom ** 0.4, 2.2);
  }

  #draw() {
    const { context, canvas } = this;
    if (!canvas.width || !canvas.height) return;
    this.image ??= context.createImageData(canvas.width, canvas.height);
    const wanted = this.#wanted ?? (this.#lit.length ? new Set() : null);
    this.dots.paint(this.image, this.#view, this.#radius, this.looks, this.colours.ground, wanted);
    context.putImageData(this.image, 0, 0);
    this.#drawMarks();
  }

  #drawMarks() {
    const { context, ratio, colours } = this;
    const pen = { context, ratio, colours, sans: this.sans };
    const regions = this.regions.map((region) => ({ name: region.name, at: this.#toPixels(region) }));
    drawNames(pen, regions, this.#textSize);
    const hits = this.#lit.map((hit) => ({ n: hit.n, at: this.#toPixels(hit), raised: hit === this.#raised }));
    drawHits(pen, hits);
    if (this.#current < 0) return;
    const at = this.#toPixels(this.#placeOfDot(this.#current));
    drawRing(pen, at, this.#radius + 3 * ratio);
    this.#placeCard(at[0] / ratio, at[1] / ratio);
  }

  get #textSize() {
    return Math.max(0.68 * this.rem, Math.min(0.92 * this.rem, this.frame.clientWidth / 55)) * this.ratio;
  }

  #placeOfDot(n) {
    return { x: this.dots.x[n], y: this.dots.y[n] };
  }

  #placeCard(x, y) {
    const { card, frame } = this;
    const right = x > frame.clientWidth / 2;
    const below = y < frame.clientHeight / 2;
    const left = right ? x - card.offsetWidth - 12 : x + 12;
    const top = below ? y + 12 : y - card.offsetHeight - 12;
    card.style.left = `${Math.max(4, Math.min(frame.clientWidth - card.offsetWidth - 4, left))}px`;
    card.style.top = `${Math.max(4, Math.min(frame.clientHeight - card.offsetHeight - 4, top))}px`;
  }

  #readColours() {
    const read = (name) => {
      this.probe.style.color = `var(${name})`;
      return getComputedStyle(this.probe).color.match(/[\d.]+/g).slice(0, 3).map(Number);
    };
    this.colours = { ground: read("--paper"), ink: read("--ink"), accent: read("--accent") };
    this.sans = getComputedStyle(this.root.querySelector(".map-beside")).fontFamily;
    this.looks = [...this.root.querySelectorAll(".map-legend li")].map((row) => ({
      colour: read(`--map-${row.dataset.colour}`),
      shape: row.dataset.kind === "papers" ? "diamond" : "round",
    }));
  }

  #resize() {
    this.ratio = Math.min(devicePixelRatio || 1, 2);
    this.rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    this.canvas.width = Math.round(this.frame.clientWidth * this.ratio);
    this.canvas.height = Math.round(this.frame.clientHeight * this.ratio);
    this.image = null;
    this.redraw();
  }

  // ------------------------------------------------------------------------------------------------ what is shown

  // point at a dot; -1 for none. What was chosen by key or tap may be clicked in its card.
  async #point(n, held) {
    if (n === this.#current && held === this.#held) return;
    this.#current = n;
    this.#held = held && n >= 0;
    this.canvas.classList.toggle("pointing", n >= 0);
    this.card.hidden = true;
    this.redraw();
    if (n < 0) return;
    const passage = await this.#passage(this.dots.ids[n]);
    if (n !== this.#current || !passage) return;
    const name = element("b", "");
    name.append(this.#held ? element("a", "", { href: passage.link }, passage.title) : passage.title);
    const above = passage.headings.filter((heading) => heading !== passage.title).join(" › ");
    this.card.replaceChildren(name, element("span", "", {}, above), element("p", "", {}, passage.excerpt));
    this.card.classList.toggle("held", this.#held);
    this.card.hidden = false;
    this.redraw();
  }

  async #passage(id) {
    if (!this.#known.has(id)) {
      const asked = fetch(`/api/map/passages/${id}`).then((answer) => (answer.ok ? answer.json() : null));
      this.#known.set(id, asked.catch(() => null));
    }
    return this.#known.get(id);
  }

  async #open(n) {
    const passage = n < 0 ? null : await this.#passage(this.dots.ids[n]);
    if (passage) location.assign(passage.link);
  }

  #readHits() {
    const rows = [...this.root.querySelectorAll(".map-hits li")];
    this.#lit = rows.flatMap((row, i) => (row.dataset.x ? [{ n: i + 1, row, ...placeOf(row) }] : []));
    for (const hit of this.#lit) {
      const raise = (is) => () => {
        this.#raised = is ? hit : null;
        this.redraw();
      };
      for (const [event, is] of [["pointerenter", true], ["pointerleave", false], ["focusin", true], ["focusout", false]]) {
        hit.row.addEventListener(event, raise(is));
      }
    }
  }

  // ask without loading the page anew; where that fails, the form does what it does without a script
  async #ask(form) {
    const question = form.elements.q.value.trim();
    if (!question) {
      this.#showHits("", []);
      return;
    }
    form.setAttribute("aria-busy", "true");
    const answer = await fetch(`/api/map/hits?q=${encodeURIComponent(question)}`).catch(() => null);
    form.removeAttribute("aria-busy");
    if (!answer?.ok) form.submit();
    else this.#showHits(question, (await answer.json()).hits);
  }

  #showHits(question, hits) {
    const found = this.root.querySelector(".map-found");
    found.querySelector("h3")?.remove();
    if (question) found.prepend(element("h3", "", {}, `Nearest to “${question}”`));
    const rows = hits.map(({ passage_id, point, place, citation }) => {
      const row = element("li", "");
      Object.assign(row.dataset, { id: passage_id }, point ? { x: point[0], y: point[1] } : {});
      row.append(element("a", "", { href: citation.link }, citation.title), " ", element("span", "place", {}, place));
      return row;
    });
    found.querySelector(".map-hits").replaceChildren(...rows);
    history.replaceState(null, "", question ? `/library?q=${encodeURIComponent(question)}#map` : "/library#map");
    this.#readHits();
    this.fit();
  }

  #makeLegend() {
    this.root.querySelectorAll(".map-legend li").forEach((row, source) => {
      const button = element("button", "", { type: "button" });
      button.append(...row.childNodes);
      button.setAttribute("aria-pressed", "false");
      button.addEventListener("click", () => {
        const wanted = new Set(this.#wanted);
        if (!wanted.delete(source)) wanted.add(source);
        this.#wanted = wanted.size ? wanted : null;
        button.setAttribute("aria-pressed", String(wanted.has(source)));
        this.#point(-1, false);
        this.redraw();
      });
      row.append(button);
    });
  }

  // --------------------------------------------------------------------------------------------- hands and keys

  #listen() {
    const { canvas } = this;
    new ResizeObserver(() => this.#resize()).observe(this.frame);
    for (const query of ["(prefers-color-scheme: dark)", "(forced-colors: active)"]) {
      matchMedia(query).addEventListener("change", () => {
        this.#readColours();
        this.redraw();
      });
    }
    canvas.addEventListener("wheel", (event) => this.#onWheel(event), { passive: false });
    canvas.addEventListener("pointerdown", (event) => this.#onDown(event));
    canvas.addEventListener("pointermove", (event) => this.#onMove(event));
    canvas.addEventListener("pointerup", (event) => this.#onUp(event));
    canvas.addEventListener("pointercancel", (event) => this.#fingers.delete(event.pointerId));
    canvas.addEventListener("pointerleave", () => this.#held || this.#point(-1, false));
    canvas.addEventListener("keydown", (event) => this.#onKey(event));
    this.root.querySelector(".map-ask").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#ask(event.target);
    });
  }

  // the wheel scrolls the page until the map was chosen
  #onWheel(event) {
    if (document.activeElement !== this.canvas && !event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    const lines = event.deltaMode ? 20 : 1;
    this.zoomBy(Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.0018)), this.#toPlace(event));
  }

  #onDown(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.#fingers.set(event.pointerId, event);
    if (this.#fingers.size === 1) this.#travelled = 0;
  }

  #onMove(event) {
    const before = this.#fingers.get(event.pointerId);
    if (!before) {
      if (event.pointerType === "mouse") this.#point(this.#under(event), false);
      return;
    }
    const others = [...this.#fingers.values()].filter((one) => one.pointerId !== event.pointerId);
    if (others.length) {
      const [other] = others;
      const apart = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
      this.zoomBy(apart(event) / Math.max(apart(before), 1), this.#toPlace(other));
      this.#travelled = Infinity;
    } else {
      this.#travelled += Math.hypot(event.clientX - before.clientX, event.clientY - before.clientY);
      if (this.#travelled > 4) {
        this.canvas.classList.add("moving");
        this.moveBy(before.clientX - event.clientX, before.clientY - event.clientY);
      }
    }
    this.#fingers.set(event.pointerId, event);
  }

  #onUp(event) {
    this.#fingers.delete(event.pointerId);
    this.canvas.classList.remove("moving");
    if (this.#travelled > 4) return;
    const n = this.#under(event);
    if (event.pointerType === "mouse") this.#open(n);
    else this.#point(n, true);
  }

  #under(event) {
    const reach = ((event.pointerType === "mouse" ? 1 : 1.6) * REACH * this.ratio) / this.#size;
    const [x, y] = this.#toPlace(event);
    const hit = this.#lit.find((one) => Math.hypot(one.x - x, one.y - y) < (HIT * this.ratio) / this.#size);
    return hit ? this.dots.ids.indexOf(hit.id) : this.dots.nearest(x, y, reach, this.#wanted);
  }

  #onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const far = event.shiftKey ? 240 : 60;
    const moves = { ArrowLeft: [-far, 0], ArrowRight: [far, 0], ArrowUp: [0, -far], ArrowDown: [0, far] };
    const does = {
      "+": () => this.zoomBy(STEP),
      "=": () => this.zoomBy(STEP),
      "-": () => this.zoomBy(1 / STEP),
      0: () => this.fit(),
    };
    if (event.key === "Enter") this.#open(this.#current);
    else if (event.key === "Escape") this.#point(-1, false);
    else if (moves[event.key] || does[event.key]) {
      if (moves[event.key]) this.moveBy(...moves[event.key]);
      else does[event.key]();
      const reach = Math.max(this.canvas.width, this.canvas.height) / 2 / this.#size; // what can be seen
      this.#point(this.dots.nearest(...this.#middle, reach, this.#wanted), true);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

function element(name, classes, properties = {}, text = "") {
  const made = Object.assign(document.createElement(name), properties);
  if (classes) made.className = classes;
  if (text) made.append(text);
  return made;
}

function placeOf(row) {
  return { x: Number(row.dataset.x), y: Number(row.dataset.y), id: Number(row.dataset.id) };
}
