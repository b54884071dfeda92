// The dots of the map: where they are, which is nearest to a place, and how they get onto a canvas, pixel by pixel,
// because to draw a hundred thousand shapes takes a canvas ten times as long.

const FULL = 65535;
const CELLS = 160; // the grid in which dots are looked up has so many cells on a side
const IDLE = 0.68; // so much of a dot goes into the ground where others are wanted

export class Dots {
  // `data` is what /api/map/points gives: all ids, all x, all y, all sources
  constructor(data) {
    const count = data.byteLength / 9;
    this.count = count;
    this.ids = new Uint32Array(data, 0, count);
    this.sources = new Uint8Array(data, 8 * count, count);
    const columns = new Uint16Array(data, 4 * count, 2 * count);
    this.x = Float32Array.from(columns.subarray(0, count), (n) => n / FULL);
    this.y = Float32Array.from(columns.subarray(count), (n) => n / FULL);
    this.#look();
  }

  // put the dots into the cells of a grid: `order` has their places, cell by cell
  #look() {
    const cells = new Uint32Array(this.count);
    this.starts = new Uint32Array(CELLS * CELLS + 1);
    for (let n = 0; n < this.count; n++) {
      cells[n] = cell(this.y[n]) * CELLS + cell(this.x[n]);
      this.starts[cells[n] + 1]++;
    }
    for (let n = 0; n < CELLS * CELLS; n++) this.starts[n + 1] += this.starts[n];
    const next = this.starts.slice();
    this.order = new Uint32Array(this.count);
    for (let n = 0; n < this.count; n++) this.order[next[cells[n]]++] = n;
  }

  // the dot nearest to a place (from 0 to 1) within `reach`, of the sources wanted; -1 if there is none
  nearest(x, y, reach, wanted) {
    let found = -1;
    let best = reach * reach;
    for (let row = cell(y - reach); row <= cell(y + reach); row++) {
      for (let column = cell(x - reach); column <= cell(x + reach); column++) {
        const at = row * CELLS + column;
        for (let i = this.starts[at]; i < this.starts[at + 1]; i++) {
          const n = this.order[i];
          const far = (this.x[n] - x) ** 2 + (this.y[n] - y) ** 2;
          if (far < best && (!wanted || wanted.has(this.sources[n]))) {
            best = far;
            found = n;
          }
        }
      }
    }
    return found;
  }

  // Draw all dots that can be seen onto an ImageData. `view` has the pixels of (0, 0) and of one whole map, `looks` for
  // each source its colour [r, g, b] and shape, `ground` is the colour below. Others than `wanted` are faint, below them.
  paint(image, view, radius, looks, ground, wanted) {
    const pixels = new Uint32Array(image.data.buffer);
    pixels.fill(packed(ground));
    const shapes = { round: stamp(radius, false), diamond: stamp(radius * 1.15, true) };
    for (const idle of wanted ? [true, false] : [false]) {
      const inks = looks.map((look, source) => {
        const is = !wanted || wanted.has(source);
        if (is === idle) return null;
        const colour = idle ? look.colour.map((c, i) => c + (ground[i] - c) * IDLE) : look.colour;
        return { ink: packed(colour), stamp: shapes[look.shape] };
      });
      this.#stampAll(pixels, image.width, image.height, view, inks);
    }
  }

  #stampAll(pixels, width, height, view, inks) {
    const { x, y, sources, count } = this;
    const { left, top, size } = view;
    for (let n = 0; n < count; n++) {
      const look = inks[sources[n]];
      if (!look) continue;
      const { reach, rows } = look.stamp;
      const cx = Math.round(left + x[n] * size);
      const cy = Math.round(top + y[n] * size);
      if (cx < reach || cy < reach || cx >= width - reach || cy >= height - reach) continue;
      const red = look.ink & 0xff00ff;
      const green = look.ink & 0x00ff00;
      let at = (cy - reach) * width + cx - reach;
      let i = 0;
      for (let row = -reach; row <= reach; row++, at += width - 2 * reach - 1) {
        for (let column = -reach; column <= reach; column++, at++, i++) {
          const share = rows[i];
          if (share === 256) pixels[at] = look.ink;
          else if (share) {
            const below = pixels[at];
            const mixed = (((below & 0xff00ff) * (256 - share) + red * share) >>> 8) & 0xff00ff;
            pixels[at] = 0xff000000 | mixed | ((((below & 0x00ff00) * (256 - share) + green * share) >>> 8) & 0x00ff00);
          }
        }
      }
    }
  }
}

function cell(place) {
  return Math.max(0, Math.min(CELLS - 1, Math.floor(place * CELLS)));
}

function packed([red, green, blue]) {
  return (0xff000000 | (Math.round(blue) << 16) | (Math.round(green) << 8) | Math.round(red)) >>> 0;
}

// how much a dot covers of each pixel around its middle, of 256
function stamp(radius, diamond) {
  const reach = Math.ceil(radius);
  const rows = [];
  for (let y = -reach; y <= reach; y++) {
    for (let x = -reach; x <= reach; x++) {
      const far = diamond ? (Math.abs(x) + Math.abs(y)) * 0.85 : Math.hypot(x, y);
      rows.push(Math.round(256 * Math.max(0, Math.min(1, radius + 0.5 - far))));
    }
  }
  return { reach, rows: Uint16Array.from(rows) };
}
