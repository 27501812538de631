// Text is only ever written with textContent: nothing that a prompt contains can become markup.
const WORDS = {
  en: {
    search: "Search prompts, or tag:poster rating:4.. (cat OR dog)", of: "of", entries: "entries", entry: "entry", only: "★ Favourites",
    language: "中文", light: "Light", dark: "Dark", nothing: "Nothing here matches.", unknown: "This page does not know", knows: " – it knows", unread: "This means nothing here:", none: "There are no entries on this page.",
    absent: "The picture is not here.", bring: "Bring it back with:", take: "Copy", clear: "Clear", copied: "Copied", uncopied: "The browser refused; select the text and copy it.",
    parameters: "Copy parameters", copySeed: "Copy seed", copyRegen: "Copy regen command", copyJson: "Copy recipe JSON", whole: "The whole recipe",
    prompt: "Prompt", negative: "Negative", seed: "Seed", steps: "Steps", guidance: "Guidance", cfg: "CFG", size: "Size", model: "Model",
    pipeline: "Pipeline", scheduler: "Scheduler", sampler: "Sampler", adapters: "Adapters", tags: "Tags", notes: "Notes", rating: "Rating", tool: "Made by", added: "Added", image: "Image digest", recipe: "Recipe digest",
    close: "Close", before: "Previous", after: "Next", favourite: "Mark as favourite (F)", by: "by",
    keys: [["←→↑↓", "choose"], ["Enter", "open"], ["F", "mark as favourite"], ["/", "search"], ["Esc", "back"]],
    exact: "exact", close_: "close", different: "different", unstable: "unstable", failed: "failed", blocked: "blocked",
  },
  zh: {
    search: "搜索提示词，或 tag:poster rating:4.. (猫 OR 狗)", of: "/", entries: "条", entry: "条", only: "★ 收藏",
    language: "English", light: "浅色", dark: "深色", nothing: "没有符合的条目。", unknown: "本页不认识", knows: "，可用的有", unread: "此处无法理解：", none: "本页没有条目。",
    absent: "图片不在本机。", bring: "用此命令重建：", take: "复制", clear: "清除", copied: "已复制", uncopied: "浏览器拒绝了复制，请手动选取。",
    parameters: "复制参数", copySeed: "复制种子", copyRegen: "复制重现命令", copyJson: "复制配方 JSON", whole: "完整配方",
    prompt: "提示词", negative: "负面提示词", seed: "种子", steps: "步数", guidance: "引导系数", cfg: "CFG", size: "尺寸", model: "模型",
    pipeline: "管线", scheduler: "调度器", sampler: "采样器", adapters: "适配器", tags: "标签", notes: "备注", rating: "评分", tool: "制作工具", added: "入库", image: "图像摘要", recipe: "配方摘要",
    close: "关闭", before: "上一张", after: "下一张", favourite: "标为收藏 (F)", by: "由",
    keys: [["←→↑↓", "选择"], ["Enter", "打开"], ["F", "标为收藏"], ["/", "搜索"], ["Esc", "返回"]],
    exact: "完全一致", close_: "接近", different: "不同", unstable: "不稳定", failed: "失败", blocked: "受阻",
  },
};
const at = (id) => document.getElementById(id);
const make = (name, kind, text) => { const it = document.createElement(name); if (kind) it.className = kind; if (text !== undefined) it.textContent = text; return it; };
const kept = { get(key) { try { return localStorage.getItem(key); } catch { return null; } }, set(key, value) { try { localStorage.setItem(key, value); } catch { /* private window */ } } };

let language = kept.get("seedbank.language") || (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en");
let theme = kept.get("seedbank.theme") || "";
let onlyStarred = false, shown = [], current = -1;
const seedbank = data.bank ? `seedbank ${data.bank}` : "seedbank";  // as it is typed
const marks = new Map();  // id -> wanted favourite, where it differs from what the bank says
const cards = new Map();
const word = (key) => WORDS[language][key];
const verdict = (name) => word(name === "close" ? "close_" : name);
const starred = (entry) => marks.has(entry.id) ? marks.get(entry.id) : Boolean(entry.favourite);

const lastPiece = (name) => (name || "").replace(/[\\/]+$/, "").split(/[\\/]/).pop();

function card(entry) {
  const it = make("button", "card");
  it.type = "button";
  it.dataset.id = entry.id;
  const frame = make("span", "frame");
  if (entry.preview) { const image = make("img"); image.src = entry.preview; image.alt = entry.prompt || ""; image.decoding = "async"; frame.append(image); }
  else frame.append(make("span", "absent"));
  const words = make("span", "words");
  const line = make("span", "line", entry.prompt || "");
  line.dir = "auto";
  words.append(line);
  const tags = make("span", "tags");
  for (const tag of entry.tags || []) tags.append(make("span", "tag", tag));
  const small = make("span", "small");
  small.append(make("span", "", `${entry.id}${entry.seed === undefined ? "" : ` · ${entry.seed}`}`), make("span", "", entry.rating === undefined ? lastPiece(entry.model) : "★".repeat(entry.rating) + "☆".repeat(5 - entry.rating)));
  words.append(tags, small);
  it.append(frame, words, make("span", "mark"));
  if (entry.verdict) it.append(make("span", `badge ${entry.verdict}`));
  it.addEventListener("click", () => open(shown.indexOf(entry)));
  it.addEventListener("focus", () => { current = shown.indexOf(entry); });
  return it;
}

function label() {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  if (theme) document.documentElement.dataset.theme = theme;
  const isDark = theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  at("title").textContent = data.title || "seedbank";
  at("title").title = `${data.title || "seedbank"} · ${data.written}`;
  at("search").placeholder = word("search");
  at("search").setAttribute("aria-label", word("search"));
  for (const id of ["only", "language", "take", "clear", "whole", "nothing"]) at(id).textContent = word(id);
  at("theme").textContent = word(isDark ? "light" : "dark");
  at("absent").textContent = word("absent");
  for (const id of ["close", "before", "after"]) { at(id).title = word(id); at(id).setAttribute("aria-label", word(id)); }
  at("star").title = word("favourite");
  at("star").setAttribute("aria-label", word("favourite"));
  at("keys").replaceChildren(...word("keys").flatMap(([key, what]) => [make("kbd", "", key), what]));
  for (const entry of data.entries) {
    const it = cards.get(entry.id), badge = it.querySelector(".badge"), absent = it.querySelector(".absent");
    if (badge) badge.textContent = verdict(entry.verdict);
    if (absent) absent.textContent = word("absent");
  }
  if (at("detail").open) fill();
}

// What a query finds; nothing where a part of it is unknown.
function meant(query) {
  try { return { holds: parse(query) || (() => true) }; }
  catch (error) {
    if (!(error instanceof Unknown)) throw error;
    return { holds: () => false, unknown: error };
  }
}

function reason({ piece, isKey }) {
  const short = piece.length > 60 ? `${piece.slice(0, 60)}…` : piece;
  return isKey ? `${word("unknown")} ${short}${word("knows")} ${Object.keys(CONDITIONS).join(", ")}` : `${word("unread")} ${short}`;
}

function search() {
  const { holds, unknown } = meant(at("search").value);
  shown = data.entries.filter((entry) => !entry.off && (!onlyStarred || starred(entry)) && holds(entry));
  const visible = new Set(shown);
  for (const entry of data.entries) cards.get(entry.id).hidden = !visible.has(entry);
  at("nothing").hidden = shown.length > 0;
  at("nothing").textContent = unknown ? reason(unknown) : word(data.entries.length ? "nothing" : "none");
  const all = data.entries.length;
  at("count").textContent = (shown.length === all ? `${all} ` : `${shown.length} ${word("of")} ${all} `) + word(all === 1 ? "entry" : "entries");
  current = -1;
}

function mark(entry) {
  const wanted = !starred(entry);
  if (wanted === Boolean(entry.favourite)) marks.delete(entry.id); else marks.set(entry.id, wanted);
  kept.set(page, JSON.stringify([...marks]));
  star();
}

function star() {
  for (const entry of data.entries) cards.get(entry.id).querySelector(".mark").textContent = starred(entry) ? "★" : "";
  const lists = [[true, `${seedbank} fav`], [false, `${seedbank} fav --off`]].map(([wanted, command]) => {
    const ids = data.entries.filter((entry) => marks.get(entry.id) === wanted).map((entry) => entry.id).sort((a, b) => a - b);
    return ids.length ? `${command} ${ids.join(" ")}` : "";
  });
  at("command").textContent = lists.filter(Boolean).join("\n");
  at("tray").hidden = !at("command").textContent;
  if (at("detail").open) at("star").textContent = starred(shown[current]) ? "★" : "☆";
}

function open(index) {
  current = index;
  fill();
  if (!at("detail").open) at("detail").showModal();
  star();
  at("close").focus({ focusVisible: false });
}

function fill() {
  const entry = shown[current];
  at("number").textContent = entry.id;
  at("verdict").className = entry.verdict ? `badge ${entry.verdict}` : "";
  at("verdict").textContent = entry.verdict ? verdict(entry.verdict) : "";
  at("large").hidden = !entry.preview;
  at("absent").hidden = Boolean(entry.preview);
  at("absent").textContent = `${word("absent")} ${word("bring")} ${seedbank} regen ${entry.id}`;
  at("large").removeAttribute("src");
  if (entry.preview) { at("large").src = entry.preview; at("large").alt = entry.prompt || ""; }
  at("prompt").textContent = entry.prompt || "";
  const facts = [];
  const fact = (key, value, kind) => { if (value !== undefined && value !== "") { const it = make("dd", kind); it.dir = "auto"; it.append(...(Array.isArray(value) ? value : [String(value)])); facts.push(make("dt", "", word(key)), it); } };
  fact("negative", entry.negative);
  fact("seed", entry.seed);
  fact("size", entry.size);
  fact("steps", entry.steps);
  if (entry.cfg === undefined || entry.cfg !== entry.guidance) fact("guidance", entry.guidance);
  fact("cfg", entry.cfg);
  fact("model", entry.model);
  fact("pipeline", entry.pipeline);
  fact("sampler", entry.sampler);
  fact("scheduler", entry.scheduler);
  for (const adapter of entry.adapters || []) fact("adapters", adapter);
  if (entry.tags) fact("tags", entry.tags.map((tag) => make("span", "tag", tag)));
  if (entry.rating !== undefined) fact("rating", "★".repeat(entry.rating) + "☆".repeat(5 - entry.rating));
  for (const note of entry.notes || []) fact("notes", note);
  fact("tool", entry.tool);
  fact("added", language === "zh" ? `${entry.added}，${word("by")} ${entry.user}` : `${entry.added} ${word("by")} ${entry.user}`);
  fact("image", entry.image, "digest");
  fact("recipe", entry.recipe, "digest");
  at("facts").replaceChildren(...facts);
  const copies = [["parameters", entry.parameters], ["copySeed", entry.seed], ["copyRegen", `${seedbank} regen ${entry.id}`], ["copyJson", entry.json && JSON.stringify(entry.json, null, 2)]];
  at("copies").replaceChildren(...copies.filter(([, text]) => text !== undefined).map(([key, text]) => {
    const it = make("button", "", word(key));
    it.type = "button";
    it.addEventListener("click", () => copy(text));
    return it;
  }));
  at("json").textContent = entry.json ? JSON.stringify(entry.json, null, 2) : "";
  at("json").parentElement.hidden = !entry.json;
  at("before").hidden = current === 0;
  at("after").hidden = current === shown.length - 1;
  at("star").textContent = starred(entry) ? "★" : "☆";
}

async function copy(text) {
  let done = true;
  try { await navigator.clipboard.writeText(text); }
  catch {  // pages from a disk may not be allowed to
    const area = make("textarea");
    area.value = text;
    (at("detail").open ? at("detail") : document.body).append(area);
    area.select();
    done = document.execCommand("copy");
    area.remove();
  }
  say(word(done ? "copied" : "uncopied"));
}

let saying;
function say(text) {
  (at("detail").open ? at("detail") : document.body).append(at("said"));
  at("said").textContent = text;
  at("said").classList.add("shown");
  clearTimeout(saying);
  saying = setTimeout(() => at("said").classList.remove("shown"), 1600);
}

function step(by) {
  if (!shown.length) return;
  const next = current < 0 ? 0 : Math.min(Math.max(current + by, 0), shown.length - 1);
  if (at("detail").open) { if (next !== current) open(next); }
  else cards.get(shown[next].id).focus();
}

// Where a card lies, whatever it is doing at the moment: a card that is chosen rises a little.
function topOf(card) {
  let y = 0;
  for (let node = card; node; node = node.offsetParent) y += node.offsetTop;
  return y;
}

function columns() {
  const tops = shown.map((entry) => topOf(cards.get(entry.id)));
  const next = tops.findIndex((top) => top !== tops[0]);
  return next < 0 ? tops.length : next;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const isTyping = event.target === at("search"), isOpen = at("detail").open;
  if (isTyping) {
    if (event.key === "Escape") { at("search").value = ""; search(); at("search").blur(); }
    else if ((event.key === "ArrowDown" || event.key === "Enter") && shown.length) { current = -1; step(0); }
    else return;
  }
  else if (event.key === "ArrowRight") step(1);
  else if (event.key === "ArrowLeft") step(-1);
  else if (event.key === "ArrowDown" && !isOpen) step(columns());
  else if (event.key === "ArrowUp" && !isOpen) step(-columns());
  else if (event.key === "Home" && !isOpen) step(-shown.length);
  else if (event.key === "End" && !isOpen) step(shown.length);
  else if (event.key === "Enter" && !isOpen && document.activeElement === document.body && current >= 0) open(current);
  else if (event.key.toLowerCase() === "f" && current >= 0) mark(shown[current]);
  else if (event.key === "/" && !isOpen) at("search").focus();
  else return;
  event.preventDefault();
});

at("search").addEventListener("input", search);
at("only").addEventListener("click", () => { onlyStarred = !onlyStarred; at("only").setAttribute("aria-pressed", onlyStarred); search(); });
at("language").addEventListener("click", () => { language = language === "en" ? "zh" : "en"; kept.set("seedbank.language", language); label(); search(); });
at("theme").addEventListener("click", () => {
  const isDark = theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  theme = isDark ? "light" : "dark";
  kept.set("seedbank.theme", theme);
  label();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", label);
at("take").addEventListener("click", () => copy(at("command").textContent));
at("clear").addEventListener("click", () => { marks.clear(); kept.set(page, "[]"); star(); });
at("before").addEventListener("click", () => step(-1));
at("after").addEventListener("click", () => step(1));
at("star").addEventListener("click", () => mark(shown[current]));
at("close").addEventListener("click", () => at("detail").close());
at("detail").addEventListener("click", (event) => { if (event.target === at("detail")) at("detail").close(); });
at("detail").addEventListener("close", () => { if (current >= 0) { const index = current; cards.get(shown[index].id).focus(); current = index; } });

const page = `seedbank.marks ${data.written} ${data.title} ${data.entries.length}`;
for (const entry of data.entries) cards.set(entry.id, card(entry));
at("grid").append(...cards.values());
try { for (const [id, wanted] of JSON.parse(kept.get(page) || "[]")) if (cards.has(id)) marks.set(id, wanted); } catch { /* not ours */ }
label();
search();
star();
