// Pictures on canvases: what to draw comes in, nothing is computed here.

const FONT = "12px system-ui, sans-serif";
const [TOP, BETWEEN, BOTTOM] = [18, 26, 34]; // px above, between and below the panels of a plot

/** Colours of the theme that the page is in, from its style sheet. */
export function colours(element) {
  const style = getComputedStyle(element);
  const names = ["text", "faint", "rule", "ground", "under", "for", "against", "zero", "heat"];
  return Object.fromEntries(
    names.map((name) => [name, style.getPropertyValue(`--pg-${name}`).trim()]),
  );
}

/** Return a context in CSS pixels, cleared, and the canvas's size in them. */
function fresh(canvas) {
  const density = Math.min(window.devicePixelRatio || 1, 2);
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  const [across, down] = [Math.round(width * density), Math.round(height * density)];
  if (canvas.width !== across || canvas.height !== down) {
    canvas.width = across;
    canvas.height = down;
  }
  const context = canvas.getContext("2d");
  context.setTransform(density, 0, 0, density, 0, 0);
  context.clearRect(0, 0, width, height);
  context.font = FONT;
  context.lineJoin = "round";
  return { context, width, height };
}

/** Return the next round number that is not less, so that axes seldom change. */
export function nice(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1e-6)));
  return power * ([1, 1.5, 2, 3, 5, 7].find((step) => step * power >= value) ?? 10);
}

const shown = (value) => String(+value.toPrecision(2)).replace("-", "−");

/** Where the wavelengths of a plot lie, in CSS pixels; the same for drawing and for pointing. */
export function frame(width) {
  const left = width < 480 ? 36 : 46;
  return { left, right: width - 8 };
}

/**
 * Draw the profile, the expected gradients and Grad-CAM of a spectrum, one above the other.
 *
 * Members are thin lines, their mean is the thick one. Light that speaks for PF has bars that go
 * up, light against it bars that go down: colours only repeat what directions say.
 */
export function plot(canvas, colour, state) {
  const { context, width, height } = fresh(canvas);
  const { left, right } = frame(width);
  const { wavelength } = state;
  const first = wavelength[0];
  const across = (right - left) / (wavelength[wavelength.length - 1] - first);
  const x = (value) => left + (value - first) * across;
  const at = Array.from(wavelength, x);
  const room = height - TOP - BOTTOM - 2 * BETWEEN;
  const heights = [0.4, 0.38, 0.22].map((share) => share * room);
  const tops = [TOP, TOP + heights[0] + BETWEEN, TOP + heights[0] + heights[1] + 2 * BETWEEN];
  const ends = tops.map((top, panel) => top + heights[panel]);

  context.strokeStyle = colour.rule;
  context.fillStyle = colour.faint;
  context.lineWidth = 1;
  context.textAlign = "center";
  context.setLineDash([4, 3]);
  for (const [name, place] of Object.entries(state.lines)) {
    line(context, [x(place), x(place)], [tops[0], ends[2]]);
    context.fillText(name, x(place), 12);
  }
  context.setLineDash([]);
  const every = width < 480 ? 4 : 2;
  for (let tick = Math.ceil(first); tick < wavelength[wavelength.length - 1]; tick++) {
    if (tick % every) continue;
    line(context, [x(tick), x(tick)], [ends[2], ends[2] + 4]);
    context.fillText(String(tick), x(tick), ends[2] + 16);
  }
  context.fillText("Wavelength (Å)", (left + right) / 2, height - 4);

  profilePanel(context, colour, state, at, tops[0], ends[0]);
  const size = nice(1.1 * Math.max(...state.gradient.map(Math.abs)));
  const middle = (tops[1] + ends[1]) / 2;
  const up = (value) => middle - (value / size) * (ends[1] - middle);
  heading(context, colour, "Expected gradients: ↑ for PF, ↓ against", left, tops[1]);
  scale(context, colour, left, right, [[size, tops[1]], [0, middle], [-size, ends[1]]]);
  within(context, left, tops[1], right, ends[1], () => {
    curves(context, colour.faint, at, state.gradients, up);
    bars(context, colour, at, state.gradient, up);
    context.strokeStyle = colour.text;
    context.lineWidth = 1;
    line(context, at, state.gradient.map(up));
  });
  const highest = nice(1.4 * Math.max(...state.map));
  const over = (value) => ends[2] - (value / highest) * heights[2];
  heading(context, colour, "Grad-CAM: maps that speak for PF", left, tops[2]);
  scale(context, colour, left, right, [[highest, tops[2]], [0, ends[2]]]);
  within(context, left, tops[2], right, ends[2], () => {
    area(context, colour.heat, at, state.map.map(over), ends[2], 0.45);
    curves(context, colour.faint, at, state.maps, over);
    context.strokeStyle = colour.text;
    context.lineWidth = 1.8;
    line(context, at, state.map.map(over));
  });
  if (state.cursor !== null) {
    context.strokeStyle = colour.text;
    context.lineWidth = 1;
    context.setLineDash([1, 2]);
    line(context, [at[state.cursor], at[state.cursor]], [tops[0], ends[2]]);
    context.setLineDash([]);
  }
}

function profilePanel(context, colour, state, at, top, end) {
  const [left, right] = [at[0], at[at.length - 1]];
  const y = (value) => end - (value / 1.06) * (end - top);
  const heights = Array.from(state.spectrum, y);
  scale(context, colour, left, right, [[1, y(1)], [0.5, y(0.5)], [0, end]]);
  area(context, colour.under, at, heights, end, 1);
  if (state.other) {
    context.strokeStyle = colour.faint;
    context.lineWidth = 1.3;
    context.setLineDash([5, 3]);
    line(context, at, Array.from(state.other, (value) => y(Math.max(value, 0))));
    context.setLineDash([]);
  }
  context.lineCap = "round";
  context.strokeStyle = colour.zero;
  context.lineWidth = 3;
  line(context, at, heights);
  // Strong light is thick as well as coloured.
  const weights = state.colouredBy === "map" ? state.map : state.gradient;
  const most = Math.max(...weights.map(Math.abs), 1e-12);
  for (let i = 0; i + 1 < at.length; i++) {
    const weight = (weights[i] + weights[i + 1]) / 2 / most;
    const strength = Math.abs(weight);
    if (strength < 0.04) continue;
    context.globalAlpha = Math.min(1, 0.25 + strength);
    context.strokeStyle =
      state.colouredBy === "map" ? colour.heat : weight > 0 ? colour.for : colour.against;
    context.lineWidth = 3 + 4 * strength;
    line(context, [at[i], at[i + 1]], [heights[i], heights[i + 1]]);
  }
  context.globalAlpha = 1;
  context.lineCap = "butt";
}

function heading(context, colour, words, left, top) {
  context.fillStyle = colour.text;
  context.textAlign = "left";
  context.fillText(words, left, top - 8);
}

/** Draw the axis of a panel: values and their heights. */
function scale(context, colour, left, right, ticks) {
  context.textAlign = "right";
  context.fillStyle = colour.faint;
  context.strokeStyle = colour.rule;
  context.lineWidth = 1;
  for (const [value, height] of ticks) {
    context.fillText(shown(value), left - 5, height + 4);
    if (value === 0) line(context, [left, right], [height, height]);
    else line(context, [left - 3, left], [height, height]);
  }
}

function bars(context, colour, at, values, up) {
  const half = 0.75 * (at[1] - at[0]); // neighbours overlap, or narrow screens show no colour
  for (const [hue, sign] of [[colour.for, 1], [colour.against, -1]]) {
    context.fillStyle = hue;
    context.beginPath();
    values.forEach((value, i) => {
      if (value * sign > 0) context.rect(at[i] - half, up(0), 2 * half, up(value) - up(0));
    });
    context.fill();
  }
}

function curves(context, colour, at, members, y) {
  if (members.length < 2) return;
  context.strokeStyle = colour;
  context.lineWidth = 0.7;
  context.globalAlpha = members.length > 12 ? 0.4 : 0.8;
  context.beginPath();
  for (const values of members) {
    context.moveTo(at[0], y(values[0]));
    for (let i = 1; i < at.length; i++) context.lineTo(at[i], y(values[i]));
  }
  context.stroke();
  context.globalAlpha = 1;
}

function area(context, colour, at, heights, end, alpha) {
  context.fillStyle = colour;
  context.globalAlpha = alpha;
  context.beginPath();
  context.moveTo(at[0], end);
  at.forEach((place, i) => context.lineTo(place, heights[i]));
  context.lineTo(at[at.length - 1], end);
  context.fill();
  context.globalAlpha = 1;
}

function within(context, left, top, right, bottom, paint) {
  context.save();
  context.beginPath();
  context.rect(left, top - 1, right - left, bottom - top + 2);
  context.clip();
  paint();
  context.restore();
}

function line(context, across, down) {
  context.beginPath();
  context.moveTo(across[0], down[0]);
  for (let i = 1; i < across.length; i++) context.lineTo(across[i], down[i]);
  context.stroke();
}

/** Draw each member's probability as a dot, filled for those that are explained; and the mean. */
export function scores(canvas, colour, { probability, asked, mean }) {
  const { context, width, height } = fresh(canvas);
  const [left, right, floor] = [10, width - 10, height - 18];
  const x = (value) => left + value * (right - left);
  context.strokeStyle = colour.rule;
  context.lineWidth = 1;
  line(context, [left, right], [floor, floor]);
  context.setLineDash([4, 3]);
  line(context, [x(0.5), x(0.5)], [4, floor]);
  context.setLineDash([]);
  context.fillStyle = colour.faint;
  for (const [words, place, side] of [
    ["0, AR", left, "left"], ["0.5", x(0.5), "center"], ["PF, 1", right, "right"],
  ]) {
    context.textAlign = side;
    context.fillText(words, place, height - 4);
  }
  probability.forEach((value, member) => {
    const y = 7 + ((member * 0.618034) % 1) * (floor - 14); // apart, so that each is seen
    context.beginPath();
    context.arc(x(value), y, 3.2, 0, 2 * Math.PI);
    context.fillStyle = context.strokeStyle = asked.has(member) ? colour.text : colour.faint;
    if (asked.has(member)) context.fill();
    else context.stroke();
  });
  context.strokeStyle = colour.for;
  context.lineWidth = 3;
  line(context, [x(mean), x(mean)], [2, floor]);
}

/** Draw the usual distances as a histogram, and where this spectrum's lies. */
export function distances(canvas, colour, { counts, step, limit, distance }) {
  const { context, width, height } = fresh(canvas);
  const [left, right, floor] = [10, width - 10, height - 18];
  const last = counts.length * step;
  const x = (value) => left + (Math.min(value, last) / last) * (right - left);
  const most = Math.max(...counts);
  context.fillStyle = colour.zero;
  counts.forEach((count, bin) => {
    const tall = (count / most) * (floor - 6);
    context.fillRect(x(bin * step), floor - tall, x(step) - x(0) - 1, tall);
  });
  context.strokeStyle = colour.rule;
  context.lineWidth = 1;
  line(context, [left, right], [floor, floor]);
  context.setLineDash([4, 3]);
  line(context, [x(limit), x(limit)], [4, floor]);
  context.setLineDash([]);
  context.fillStyle = colour.faint;
  context.textAlign = "left";
  context.fillText("like", left, height - 4);
  context.textAlign = "center";
  context.fillText("limit", x(limit), height - 4);
  context.textAlign = "right";
  context.fillText(distance > last ? "beyond →" : "unlike", right, height - 4);
  context.strokeStyle = colour.for;
  context.lineWidth = 3;
  line(context, [x(distance), x(distance)], [2, floor]);
}
