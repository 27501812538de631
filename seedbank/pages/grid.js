// A sweep on the page of a gallery: its cards stand in a table whose axes can be chosen. data.grid has the titles of the axes,
// the values of each in words, and {position: id of an entry, or why the cell failed}; a position counts the first axis first.
const WORDS_OF_GRID = { en: { across: "Across", down: "Down", failed_: "failed", side: "Size" }, zh: { across: "横轴", down: "纵轴", failed_: "失败", side: "大小" } };
for (const name of ["en", "zh"]) Object.assign(WORDS[name], WORDS_OF_GRID[name]);
const { titles, values, cells } = data.grid;
const TITLES = ["prompt", "negative", "seed", "steps", "guidance", "cfg", "size", "model", "sampler", "scheduler"];
const titled = (title) => language !== "en" && TITLES.includes(title) ? word(title) : title;  // in English as it is typed
const byId = new Map(data.entries.map((entry) => [entry.id, entry]));
const view = { across: 0, down: titles.length > 1 ? 1 : -1, fixed: titles.map(() => 0) };

const bar = make("div");
bar.id = "axes";
document.querySelector("header").after(bar);
document.body.classList.add("swept");

function choice(key, options, chosen, act) {
  const it = make("label", "", `${key} `), list = make("select");
  for (const [value, text] of options) { const one = make("option", "", text); one.value = value; list.append(one); }
  list.value = chosen;
  list.addEventListener("change", () => { act(Number(list.value)); arrange(); });
  it.append(list);
  return it;
}

function controls() {
  const axes = titles.map((title, axis) => [axis, titled(title)]), items = [];
  if (titles.length > 1) {
    const swap = (name, other) => (axis) => { if (view[other] === axis) view[other] = view[name]; view[name] = axis; };
    items.push(choice(word("across"), axes, view.across, swap("across", "down")), choice(word("down"), axes, view.down, swap("down", "across")));
  }
  titles.forEach((title, axis) => {
    if (axis !== view.across && axis !== view.down)
      items.push(choice(titled(title), values[axis].map((text, index) => [index, text]), view.fixed[axis], (index) => { view.fixed[axis] = index; }));
  });
  const size = make("label", "", `${word("side")} `), slider = make("input");
  slider.type = "range"; slider.min = 64; slider.max = 420; slider.value = kept.get("seedbank.side") || 160;
  const resize = () => { document.body.style.setProperty("--side", `${slider.value}px`); kept.set("seedbank.side", slider.value); };
  slider.addEventListener("input", resize);
  resize();
  size.append(slider);
  bar.replaceChildren(...items, size);
}

function position(across, down) {
  let place = 0;
  for (let axis = titles.length - 1; axis >= 0; axis--)
    place = place * values[axis].length + (axis === view.across ? across : axis === view.down ? down : view.fixed[axis]);
  return place;
}

function heading(text) {
  const it = make("th"), words = make("span", "", text);
  words.dir = "auto";
  it.title = text;
  it.append(words);
  return it;
}

function cell(place, seen) {
  const it = make("td"), became = cells[place];
  if (typeof became === "string") {
    it.className = "failed";
    it.append(make("span", "", word("failed_")), make("small", "", became));
    it.title = became;
  } else if (byId.has(became)) {
    const entry = byId.get(became), again = seen.has(became);
    const shownCard = again ? card(entry) : cards.get(became) || card(entry);
    if (!again) { cards.set(became, shownCard); seen.set(became, entry); }
    it.append(shownCard);
  } else it.className = "empty";
  return it;
}

function flow(seen) {  // one axis needs no table: its values go on in the next line
  return values[0].map((text, index) => {
    const it = cell(index, seen), figure = make("figure", it.className);
    figure.append(make("figcaption", "", `${titled(titles[0])} ${text}`), ...it.childNodes);
    figure.hidden = it.className === "empty";
    return figure;
  });
}

function table(seen) {
  const it = make("table"), head = make("tr");
  const corner = make("th", "corner", `${titled(titles[view.down])}\u00a0↓  ${titled(titles[view.across])}\u00a0→`);
  head.append(corner, ...values[view.across].map(heading));
  const top = make("thead"), body = make("tbody");
  top.append(head);
  values[view.down].forEach((text, down) => {
    const row = make("tr");
    row.append(heading(text), ...values[view.across].map((_, across) => cell(position(across, down), seen)));
    body.append(row);
  });
  it.append(top, body);
  return it;
}

function arrange() {
  const seen = new Map();
  at("grid").replaceChildren(...(titles.length > 1 ? [table(seen)] : flow(seen)));
  for (const entry of data.entries) entry.off = !seen.has(entry.id);
  data.entries = [...seen.values(), ...data.entries.filter((entry) => entry.off)];
  controls();
  label();
  search();
  star();
}

at("language").addEventListener("click", arrange);
arrange();
