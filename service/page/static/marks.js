// What is drawn over the dots of the map: names of regions, hits, and a ring around the dot that is pointed at.
// Places are in pixels of the canvas; a `pen` has its context, pixels to one of the screen, colours and the font.

export const HIT = 10; // the radius of a hit, in pixels of the screen

// the names of regions, those that come first before others that they would cover
export function drawNames({ context, ratio, colours, sans }, regions, size) {
  const taken = [];
  context.font = `600 ${size}px ${sans}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.lineJoin = "round";
  context.lineWidth = 4 * ratio;
  context.strokeStyle = css(colours.ground);
  context.fillStyle = css(colours.ink);
  for (const { name, at } of regions) {
    const box = around(at, context.measureText(name).width / 2 + 2 * ratio, size * 0.7);
    const off = box[0] < 0 || box[1] < 0 || box[2] > context.canvas.width || box[3] > context.canvas.height;
    if (off || taken.some((other) => overlap(box, other))) continue;
    taken.push(box);
    context.strokeText(name, ...at);
    context.fillText(name, ...at);
  }
}

// hits, numbered; those that lie on each other step aside, each with a line to where it lies
export function drawHits({ context, ratio, colours, sans }, hits) {
  const shown = apart(hits.map((hit) => hit.at), 2 * (HIT + 3) * ratio);
  context.lineWidth = 1.5 * ratio;
  context.strokeStyle = css(colours.accent);
  for (const [i, { at }] of hits.entries()) {
    context.beginPath();
    context.moveTo(...at);
    context.lineTo(...shown[i]);
    context.stroke();
    disc(context, at, 2.5 * ratio, colours.accent);
  }
  context.textAlign = "center";
  context.textBaseline = "middle";
  for (const i of [...hits.keys()].toReversed()) {
    const radius = (hits[i].raised ? HIT + 4 : HIT) * ratio;
    disc(context, shown[i], radius + 2.5 * ratio, colours.accent);
    disc(context, shown[i], radius + 1 * ratio, colours.ground);
    disc(context, shown[i], radius - 0.5 * ratio, colours.accent);
    context.fillStyle = css(colours.ground);
    context.font = `600 ${radius * 1.15}px ${sans}`;
    context.fillText(String(hits[i].n), shown[i][0], shown[i][1] + radius * 0.06);
  }
}

export function drawRing({ context, ratio, colours }, at, radius) {
  for (const [width, colour] of [
    [5, colours.ground],
    [2, colours.ink],
  ]) {
    context.beginPath();
    context.arc(...at, radius, 0, 2 * Math.PI);
    context.lineWidth = width * ratio;
    context.strokeStyle = css(colour);
    context.stroke();
  }
}

function disc(context, at, radius, colour) {
  context.beginPath();
  context.arc(...at, radius, 0, 2 * Math.PI);
  context.fillStyle = css(colour);
  context.fill();
}

function css([red, green, blue]) {
  return `rgb(${red} ${green} ${blue})`;
}

function around([x, y], across, down) {
  return [x - across, y - down, x + across, y + down];
}

// places pushed from each other until they are so far apart, or nearly
function apart(places, far) {
  const moved = places.map((place) => [...place]);
  for (let round = 0; round < 30; round++) {
    for (let i = 0; i < moved.length; i++) {
      for (let j = 0; j < i; j++) {
        let x = moved[i][0] - moved[j][0];
        let y = moved[i][1] - moved[j][1];
        if (!x && !y) [x, y] = [Math.cos(i), Math.sin(i)];
        const length = Math.hypot(x, y);
        const push = Math.max(0, far - length) / 2 / length;
        moved[i] = [moved[i][0] + x * push, moved[i][1] + y * push];
        moved[j] = [moved[j][0] - x * push, moved[j][1] - y * push];
      }
    }
  }
  return moved;
}

function overlap(one, other) {
  return one[0] < other[2] && other[0] < one[2] && one[1] < other[3] && other[1] < one[3];
}
