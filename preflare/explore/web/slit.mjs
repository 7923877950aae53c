// A slit in time: pointing at a pixel shows its spectrum and its attributions.

import { colour, decoded, fresh, keepDrawn, payload, signed } from "./shared.mjs";

const shown = payload("slit");
const root = document.getElementById("explore-slit");
const [map, plot] = root.querySelectorAll("canvas");
const [time, along, what, told] = ["time", "along", "what", "told"].map((name) =>
  document.getElementById(`explore-slit-${name}`),
);
const [minutes, place, wavelength] = [shown.minutes, shown.along, shown.wavelength].map(decoded);
const maps = Object.fromEntries(Object.entries(shown.maps).map(([name, own]) => [name, decoded(own)]));
const [spectra, heat, largest] = [shown.spectra, shown.attributions, shown.largest].map(decoded);
const [times, pixels, points] = [minutes.length, place.length, wavelength.length];

// Number of each accepted spectrum among those that the page holds, else −1.
let number = 0;
const spectrumOf = Int32Array.from(decoded(shown.accepted), (each) => (each ? number++ : -1));

const LEFT = 54;
const BELOW = 34;
const PURPLE = [84, 39, 136];
const ORANGE = [179, 88, 6];
const DARK = [0, 34, 78];
const BRIGHT = [253, 231, 55];

const between = (from, to, share) =>
  `rgb(${from.map((each, i) => Math.round(each + (to[i] - each) * share)).join(",")})`;

/** Colour of a value: against to for, over white; or dark to bright. */
function tint(name, value, most) {
  if (name !== "attention") return between(DARK, BRIGHT, Math.min(value / most, 1));
  const share = Math.min(Math.abs(value) / most, 1);
  return between([247, 247, 247], value < 0 ? PURPLE : ORANGE, share);
}

function drawMap() {
  const { context, width, height } = fresh(map);
  const [across, down] = [(width - LEFT) / times, (height - BELOW) / pixels];
  const values = maps[what.value];
  const known = values.filter(Number.isFinite).map(Math.abs).sort();
  const most = what.value === "score" ? 1 : known[Math.floor(0.99 * (known.length - 1))];
  const unknown = colour(root, "unknown");
  for (let t = 0; t < times; t++) {
    for (let s = 0; s < pixels; s++) {
      const value = values[t * pixels + s];
      context.fillStyle = Number.isFinite(value) ? tint(what.value, value, most) : unknown;
      const top = (pixels - 1 - s) * down;
      context.fillRect(LEFT + t * across, top, across + 0.6, down + 0.6);
    }
  }
  const ink = colour(root, "text");
  context.fillStyle = ink;
  context.textAlign = "right";
  for (const s of [0, pixels >> 1, pixels - 1]) {
    const y = Math.min(Math.max((pixels - 0.5 - s) * down + 4, 10), height - BELOW);
    context.fillText(signed(place[s], 0), LEFT - 6, y);
  }
  context.textAlign = "center";
  const x = (t) => LEFT + (t + 0.5) * across;
  for (let minute = Math.ceil(minutes[0] / 5) * 5; minute <= minutes[times - 1]; minute += 5) {
    const t = minutes.findIndex((each) => each >= minute);
    context.fillText(signed(minute, 0), x(t), height - BELOW + 14);
    context.fillRect(x(t), height - BELOW, 1, minute === 0 ? -(height - BELOW) : 4);
  }
  context.fillText(`minutes since ${shown.since}`, LEFT + (width - LEFT) / 2, height - 4);
  context.save();
  context.translate(11, (height - BELOW) / 2);
  context.rotate(-Math.PI / 2);
  context.fillText("arcsec", 0, 0);
  context.restore();
  const cross = x(+time.value);
  const y = (pixels - 0.5 - along.value) * down;
  for (const [style, wide] of [["white", 4], ["black", 1.5]]) {
    context.strokeStyle = style;
    context.lineWidth = wide;
    context.beginPath();
    context.moveTo(cross - 12, y);
    context.lineTo(cross + 12, y);
    context.moveTo(cross, y - 12);
    context.lineTo(cross, y + 12);
    context.stroke();
  }
}

function drawSpectrum() {
  const { context, width, height } = fresh(plot);
  const ink = colour(root, "text");
  const first = wavelength[0];
  const scale = (width - LEFT - 6) / (wavelength[points - 1] - first);
  const x = (value) => LEFT + (value - first) * scale;
  const middle = 0.6 * height;
  const low = height - BELOW;
  context.fillStyle = ink;
  context.strokeStyle = ink;
  context.textAlign = "center";
  for (const [name, value] of Object.entries(shown.lines)) {
    if (value < first || value > wavelength[points - 1]) continue;
    context.globalAlpha = 0.4;
    context.setLineDash([3, 3]);
    context.beginPath();
    context.moveTo(x(value), 14);
    context.lineTo(x(value), low);
    context.stroke();
    context.setLineDash([]);
    context.globalAlpha = 1;
    context.fillText(name, x(value), 11);
  }
  for (let value = Math.ceil(first / 2) * 2; value <= wavelength[points - 1]; value += 2) {
    context.fillText(String(value), x(value), low + 14);
  }
  context.fillText("wavelength (Å)", LEFT + (width - LEFT) / 2, height - 4);
  const own = spectrumOf[time.value * pixels + +along.value];
  if (own < 0) {
    context.fillText("No accepted spectrum here.", LEFT + (width - LEFT) / 2, middle / 2);
    return;
  }
  context.lineWidth = 1.6;
  context.beginPath();
  for (let i = 0; i < points; i++) {
    context.lineTo(x(wavelength[i]), middle - (spectra[own * points + i] / 255) * (middle - 18));
  }
  context.stroke();
  const zero = (middle + low) / 2;
  const wide = Math.max((width - LEFT) / points, 1.2);
  for (let i = 0; i < points; i++) {
    const value = heat[own * points + i] / 127;
    context.fillStyle = colour(root, value < 0 ? "against" : "for");
    const size = value * (low - middle - 6) * 0.5;
    context.fillRect(x(wavelength[i]) - wide / 2, zero - Math.max(size, 0), wide, Math.abs(size));
  }
  context.fillStyle = ink;
  context.fillRect(LEFT, zero, width - LEFT - 6, 0.5);
  context.save();
  context.textAlign = "center";
  context.translate(11, middle / 2);
  context.rotate(-Math.PI / 2);
  context.fillText("intensity", 0, 0);
  context.restore();
  context.textAlign = "right";
  context.fillText("for", LEFT - 6, zero - 8);
  context.fillText("against", LEFT - 6, zero + 16);
}

function tell() {
  const where = time.value * pixels + +along.value;
  const own = spectrumOf[where];
  const here = `${shown.name}, ${signed(minutes[time.value], 1)} min, ${signed(place[along.value], 1)} arcsec`;
  if (own < 0) {
    told.value = `${here}: no accepted spectrum.`;
    return;
  }
  const row = heat.subarray(own * points, (own + 1) * points);
  let top = 0;
  row.forEach((value, i) => {
    if (Math.abs(value) > Math.abs(row[top])) top = i;
  });
  const side = row[top] < 0 ? "against" : "for";
  told.value =
    `${here}: score ${maps.score[where].toFixed(2)}, intensity ${maps.light[where].toFixed(0)} DN/s. ` +
    `The largest attribution, ${signed((row[top] / 127) * largest[own], 2)}, speaks ${side} PF, at ${wavelength[top].toFixed(1)} Å.`;
}

function draw() {
  drawMap();
  drawSpectrum();
  tell();
}

function point(event) {
  const box = map.getBoundingClientRect();
  const t = Math.floor(((event.clientX - box.left - LEFT) / (box.width - LEFT)) * times);
  const s = pixels - 1 - Math.floor(((event.clientY - box.top) / (box.height - BELOW)) * pixels);
  if (t < 0 || t >= times || s < 0 || s >= pixels) return;
  time.value = t;
  along.value = s;
  draw();
}

time.max = times - 1;
along.max = pixels - 1;
const highest = maps.score.reduce((best, value, i) => (value > maps.score[best] || !Number.isFinite(maps.score[best]) ? i : best), 0);
time.value = Math.floor(highest / pixels);
along.value = highest % pixels;
for (const input of [time, along, what]) input.addEventListener("input", draw);
map.addEventListener("pointermove", point);
map.addEventListener("pointerdown", point);
keepDrawn(root, draw);
