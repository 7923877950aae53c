// The page: controls, the state that they set, and what is shown of it.

import { decoded } from "preflare/data";
import { colours, distances, frame, plot, scores } from "preflare/draw";
import { Swarm } from "preflare/explain";
import { Profile, noisy } from "preflare/profile";
import { average, likeness, pictures, signed, spoken, verdict } from "preflare/words";

const PLAIN = "plain";
const QUIET = 900; // ms without a change, after which the result is said aloud
const BINS = 40;

/** Bring the page to life. */
export function start() {
  const root = document.getElementById("pg-app");
  const payload = JSON.parse(document.getElementById("pg-data").textContent);
  root.playground = new Playground(root, payload);
}

export class Playground {
  constructor(root, payload) {
    this.root = root;
    this.payload = payload;
    this.swarm = new Swarm({
      weights: decoded(payload.weights),
      baselines: decoded(payload.baselines),
      expected: decoded(payload.expected),
      draws: Object.fromEntries(
        Object.entries(payload.draws).map(([samples, { place, alpha }]) => [
          samples,
          { place: decoded(place), alpha: decoded(alpha) },
        ]),
      ),
    });
    this.profile = new Profile(payload.model);
    this.examples = new Map(
      payload.examples.map((example) => [
        example.name,
        {
          ...example,
          spectrum: decoded(example.spectrum),
          without: example.without && decoded(example.without),
        },
      ]),
    );
    this.usual = decoded(payload.usual);
    this.bins = histogram(this.usual, (2 * payload.limit) / BINS);
    this.cursor = null;
    this.seed = 1;
    this.fillControls();
    this.begin(PLAIN);
    this.read(new URLSearchParams(location.search));
    this.listen();
    root.hidden = false;
    document.getElementById("pg-asleep").hidden = true;
    this.colour = colours(root);
    this.update();
  }

  at(name) {
    return this.root.querySelector(`#pg-${name}`);
  }

  fillControls() {
    const start = this.at("start");
    start.append(new Option("Sliders only", PLAIN));
    for (const [name, example] of this.examples) {
      let group = [...start.querySelectorAll("optgroup")].find((g) => g.label === example.source);
      if (!group) {
        group = document.createElement("optgroup");
        group.label = example.source;
        start.append(group);
      }
      group.append(new Option(example.label, name));
    }
    const asked = this.at("asked");
    const { nine } = this.payload;
    asked.append(new Option(`${nine.length} members that stand for all`, "nine"));
    asked.append(new Option(`all ${this.swarm.size} members`, "all"));
    const alone = document.createElement("optgroup");
    alone.label = "One member";
    for (let member = 0; member < this.swarm.size; member++) {
      alone.append(new Option(`member ${member + 1}`, String(member)));
    }
    asked.append(alone);
    for (const samples of Object.keys(this.payload.draws)) {
      this.at("samples").append(new Option(samples, samples));
    }
    this.at("samples").value = this.payload.usualDraws;
    this.sliders = new Map();
    for (const slider of this.payload.sliders) {
      const input = Object.assign(document.createElement("input"), {
        type: "range",
        id: `pg-slider-${slider.name}`,
        min: slider.least,
        max: slider.most,
        step: slider.step,
      });
      const label = Object.assign(document.createElement("label"), {
        htmlFor: input.id,
        textContent: slider.label,
        title: slider.means,
      });
      const value = document.createElement("span");
      value.className = "pg-value";
      this.at("sliders").append(label, input, value);
      this.sliders.set(slider.name, { ...slider, input, value });
    }
  }

  listen() {
    const again = () => this.schedule();
    for (const { input } of this.sliders.values()) input.addEventListener("input", again);
    for (const name of ["asked", "samples", "coloured"]) {
      this.at(name).addEventListener("change", again);
    }
    this.at("start").addEventListener("change", (event) => {
      this.begin(event.target.value);
      this.schedule();
    });
    this.at("reset").addEventListener("click", () => {
      this.begin(this.at("start").value);
      this.schedule();
    });
    this.at("again").addEventListener("click", () => {
      this.seed += 1;
      this.schedule();
    });
    this.at("cursor").addEventListener("input", (event) => this.point(+event.target.value));
    this.at("plot").addEventListener("pointermove", (event) => {
      const { left, right } = frame(event.target.clientWidth);
      const last = this.profile.wavelength.length - 1;
      const place = Math.round(((event.offsetX - left) / (right - left)) * last);
      this.point(Math.min(Math.max(place, 0), last));
    });
    // Links of the text that set an experiment up.
    document.addEventListener("click", (event) => {
      const link = event.target.closest?.('a[href^="?try="]');
      if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      this.read(new URL(link.href).searchParams);
      this.update();
      this.root.scrollIntoView();
      this.root.focus({ preventScroll: true });
    });
    new ResizeObserver(() => this.draw()).observe(this.root);
    new MutationObserver(() => {
      this.colour = colours(this.root);
      this.draw();
    }).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  }

  /** Start from a spectrum: its sliders where they come nearest to it. */
  begin(name) {
    this.at("start").value = name;
    this.set(this.fitted());
  }

  fitted() {
    return this.examples.get(this.at("start").value)?.fitted ?? this.payload.plain;
  }

  set(values) {
    for (const [name, value] of Object.entries(values)) this.sliders.get(name).input.value = value;
  }

  values() {
    return Object.fromEntries(
      [...this.sliders].map(([name, { input }]) => [name, input.valueAsNumber]),
    );
  }

  /** Take the state from an address: an experiment by name, or every setting. */
  read(query) {
    const experiment = this.payload.experiments[query.get("try")];
    const from = experiment?.start ?? query.get("from");
    if (from === null || (from !== PLAIN && !this.examples.has(from))) return;
    this.begin(from);
    const given = experiment?.values ?? Object.fromEntries(query);
    for (const [name, { input }] of this.sliders) {
      if (Number.isFinite(parseFloat(given[name]))) input.value = given[name];
    }
    this.seed = Number.parseInt(query.get("seed"), 10) || 1;
    choose(this.at("asked"), experiment?.asked ?? query.get("by"));
    choose(this.at("samples"), experiment?.draws ?? query.get("draws"));
    choose(this.at("coloured"), query.get("colour"));
  }

  address() {
    const query = new URLSearchParams({ from: this.at("start").value });
    for (const [name, { input }] of this.sliders) query.set(name, input.value);
    if (this.values().noise) query.set("seed", this.seed);
    query.set("by", this.at("asked").value);
    query.set("draws", this.at("samples").value);
    query.set("colour", this.at("coloured").value);
    return `?${query}#pg-app`;
  }

  spectrum() {
    const values = this.values();
    const start = this.examples.get(this.at("start").value);
    const made = this.profile.reshaped(start?.spectrum, start?.fitted, values);
    return noisy(made, values.noise, this.seed);
  }

  asked() {
    const { value } = this.at("asked");
    if (value === "nine") return this.payload.nine;
    return value === "all" ? [...this.swarm.networks.keys()] : [+value];
  }

  schedule() {
    this.pending ??= requestAnimationFrame(() => this.update());
  }

  /** Compute everything anew and show it. */
  update() {
    this.pending = undefined;
    const spectrum = this.spectrum();
    const members = this.asked();
    const found = this.swarm.explain(spectrum, members, +this.at("samples").value);
    const mean = average(found.probability);
    const distance = this.swarm.distance(spectrum);
    this.result = { spectrum, members, mean, distance, ...found };
    this.tell();
    this.draw();
    clearTimeout(this.quiet);
    this.quiet = setTimeout(() => this.say(), QUIET);
  }

  changed() {
    const fitted = this.fitted();
    return Object.entries(this.values()).some(([name, value]) => value !== fitted[name]);
  }

  /** Write the numbers. */
  tell() {
    const { mean, distance, sum, risen, gap } = this.result;
    for (const { input, value, unit, step } of this.sliders.values()) {
      const digits = (String(step).split(".")[1] ?? "").length;
      value.textContent = `${signed(input.valueAsNumber, digits, false)} ${unit}`.trim();
      input.setAttribute("aria-valuetext", value.textContent);
    }
    this.at("again").disabled = !this.values().noise;
    this.at("score").textContent = mean.toFixed(2);
    [this.at("votes").textContent, this.at("own").textContent] = verdict(this.result);
    this.at("sum").textContent = signed(sum, 3);
    this.at("risen").textContent = signed(risen, 3);
    this.at("gap").textContent = signed(gap, 3);
    this.at("like").textContent = likeness(distance, { ...this.payload, usual: this.usual });
    this.at("about").replaceChildren(...this.about());
    this.at("link").setAttribute("href", this.address());
    this.readOff();
  }

  about() {
    const start = this.examples.get(this.at("start").value);
    const source = document.createElement("strong");
    if (!start) {
      source.textContent = "Made by the sliders.";
      return [source, " No Sun, real or simulated, is in it."];
    }
    source.textContent = `${start.source}.`;
    const reference = this.reference();
    return [
      source,
      ` ${start.truth}`,
      reference ? ` Dashed: ${reference.words}.` : "",
    ];
  }

  /** What to compare the profile with: the spectrum picked, if changed, or what it was without. */
  reference() {
    const start = this.examples.get(this.at("start").value);
    if (!start) return null;
    if (this.changed()) return { words: "before the sliders moved", spectrum: start.spectrum };
    if (start.without) return { words: "without the event", spectrum: start.without };
    return null;
  }

  point(place) {
    this.cursor = place;
    this.at("cursor").value = place;
    this.readOff();
    this.drawPlot();
  }

  readOff() {
    const place = this.cursor ?? +this.at("cursor").value;
    const { spectrum, gradient, map } = this.result;
    const wavelength = this.profile.wavelength[place].toFixed(2);
    this.at("cursor").setAttribute("aria-valuetext", `${wavelength} Å`);
    this.at("read").textContent =
      `${wavelength} Å: light ${spectrum[place].toFixed(2)}, expected gradient ` +
      `${signed(gradient[place], 4)}, Grad-CAM ${map[place].toFixed(3)}`;
  }

  draw() {
    const { probability, members, mean, distance } = this.result;
    this.drawPlot();
    scores(this.at("scores"), this.colour, { probability, asked: new Set(members), mean });
    distances(this.at("distances"), this.colour, {
      ...this.bins,
      limit: this.payload.limit,
      distance,
    });
  }

  drawPlot() {
    plot(this.at("plot"), this.colour, {
      ...this.result,
      wavelength: this.profile.wavelength,
      lines: this.payload.model.lines,
      other: this.reference()?.spectrum,
      cursor: this.cursor,
      colouredBy: this.at("coloured").value,
    });
  }

  /** Say the result, for those who do not see it, once the dragging is over. */
  say() {
    this.at("said").textContent = spoken(this.result, this.payload.limit);
    const words = pictures({ ...this.result, wavelength: this.profile.wavelength });
    for (const [name, label] of Object.entries(words)) this.at(name).setAttribute("aria-label", label);
  }
}

function choose(select, value) {
  if ([...select.options].some((option) => option.value === String(value))) select.value = value;
}

function histogram(values, step) {
  const counts = new Array(BINS).fill(0);
  for (const value of values) counts[Math.min(Math.floor(value / step), BINS - 1)] += 1;
  return { counts, step };
}
