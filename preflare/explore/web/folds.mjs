// The splits of a study: who is tested, and what skill that gives.

import { colour, fresh, keepDrawn, payload } from "./shared.mjs";

const { names, silent, splits } = payload("folds");
const root = document.getElementById("explore-folds");
const strip = root.querySelector("canvas");
const regions = root.querySelector("ul");
const [split, only, told] = ["split", "only", "told"].map((name) =>
  document.getElementById(`explore-folds-${name}`),
);
const skills = splits.map((each) => each.skill);
const low = Math.min(0, ...skills);

const mean = (values) => values.reduce((sum, each) => sum + each, 0) / values.length;
const tests = (each) => +only.value < 0 || each.tested.includes(+only.value);

/** The splits that pass the filter, the worst first. */
const chosen = () => splits.filter(tests);

function draw() {
  const passed = chosen();
  split.max = passed.length - 1;
  const current = passed[Math.min(+split.value, passed.length - 1)];
  const { context, width, height } = fresh(strip);
  const x = (skill) => 14 + ((skill - low) / (1 - low)) * (width - 28);
  const ink = colour(root, "text");
  const base = height - 26;
  context.fillStyle = ink;
  context.textAlign = "center";
  for (const skill of [0, 0.2, 0.4, 0.6, 0.8, 1]) context.fillText(String(skill), x(skill), base + 22);
  context.fillRect(14, base + 6, width - 28, 0.5);
  const columns = new Map();
  for (const each of splits) {
    const column = Math.round(x(each.skill) / 9);
    const place = columns.get(column) ?? 0;
    columns.set(column, place + 1);
    const marked = each === current;
    context.globalAlpha = tests(each) ? 1 : 0.25;
    context.beginPath();
    context.arc(x(each.skill), base - 2 - 9 * place, marked ? 6 : 3.5, 0, 7);
    if (marked) {
      context.fillStyle = colour(root, "for");
      context.fill();
      context.strokeStyle = ink;
      context.lineWidth = 2;
      context.stroke();
    } else {
      context.fillStyle = ink;
      context.fill();
    }
  }
  context.globalAlpha = 1;
  regions.replaceChildren(
    ...names.map((name, place) => {
      const item = document.createElement("li");
      item.textContent = name;
      if (current?.tested.includes(place)) item.className = "tested";
      return item;
    }),
  );
  tell(passed, current);
}

function tell(passed, current) {
  if (!current) {
    told.value = `No split tests ${names[only.value]}.`;
    return;
  }
  const tested = current.tested.map((place) => names[place]).join(", ");
  const others = splits.filter((each) => !tests(each));
  let text = `Skill ${current.skill.toFixed(2)}, tested on ${tested}. `;
  if (others.length) {
    text +=
      `The ${passed.length} splits that test ${names[only.value]} have a mean skill of ` +
      `${mean(passed.map((each) => each.skill)).toFixed(2)}, the ${others.length} others ` +
      `${mean(others.map((each) => each.skill)).toFixed(2)}.`;
  } else {
    text += `Over all ${splits.length} splits the mean is ${mean(skills).toFixed(2)}`;
    text += silent ? `; ${silent} more did not learn.` : ".";
  }
  told.value = text;
}

names.forEach((name, place) => only.append(new Option(name, place)));
split.max = splits.length - 1;
split.value = splits.length >> 1;
for (const input of [split, only]) input.addEventListener("input", draw);
keepDrawn(root, draw);
