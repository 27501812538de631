"use strict";
// The search field of a page: the language of queries (seedbank/query/grammar.py) over what the page knows of its entries. It finds what
// `seedbank ls` finds among them, or says what it does not know. While somebody types, what is unfinished at the end is left out, and
// the last word is taken for the beginning of one.
const data = JSON.parse(document.getElementById("data").textContent);
const LANGUAGE = data.language;
const DEEPEST = 40;

// A piece of a query that means nothing here; `isKey`: since the page has nothing to answer it with.
class Unknown extends Error {
  constructor(piece, isKey = false) { super(piece); this.piece = piece; this.isKey = isKey; }
}

// As Python's casefold; the ı without a dot is a letter of its own there, whose capital is an I.
const capitalless = (text) => text.split("ı").map((part) => part.toUpperCase().toLowerCase()).join("ı");
const fold = (text) => capitalless(String(text).normalize("NFC")).replaceAll("ς", "σ").normalize("NFC");

// -- words of texts, as in seedbank/store/words.py

const UNSPACED = `[${LANGUAGE.unspaced.map((ends) => ends.map((code) => `\\u{${code.toString(16)}}`).join("-")).join("")}]`;
const TOKEN = new RegExp(`[[\\p{L}\\p{N}]--${UNSPACED}][[\\p{L}\\p{M}\\p{N}]--${UNSPACED}]{0,63}|[^\\p{Z}\\p{Cc}]`, "gv");
const tokens = (text) => fold(text).match(TOKEN) || [];
const streams = new Map();

function stream(text) {
  if (!streams.has(text)) streams.set(text, ` ${tokens(text).join(" ")} `);
  return streams.get(text);
}

// Whether one of the texts that `of` gives has these words side by side; a * opens the first or the last of them.
function inTexts(of, words) {
  const inner = words.replace(/^\*/, "").replace(/\*$/, "");
  if (inner.includes("*") && /[\p{L}\p{N}]/u.test(words)) return undefined;
  const wanted = /^\**$/.test(words) ? [] : tokens(inner);
  const piece = wanted.length ? (words.startsWith("*") ? "" : " ") + wanted.join(" ") + (words.endsWith("*") ? "" : " ") : "";
  return (entry) => of(entry).some((text) => text !== undefined && stream(text).includes(piece));
}

// -- names, numbers, words to choose from

// Whether a folded name is this text, in which a * stands for anything and [*] for itself; in time proportional to both, whatever is typed.
function pattern(text) {
  const [first, ...inner] = fold(text).replaceAll("[*]", "\0").split("*").map((piece) => piece.replaceAll("\0", "*")), last = inner.pop();
  if (last === undefined) return (name) => name === first;
  return (name) => {
    const end = name.length - last.length;
    let at = first.length;
    if (at > end || !name.startsWith(first) || !name.endsWith(last)) return false;
    return inner.every((piece) => {
      const found = name.indexOf(piece, at);
      at = found + piece.length;
      return found >= 0 && at <= end;
    });
  };
}

const named = (of, ...patterns) => (entry) => (of(entry) || []).some((name) => patterns.some((fits) => fits(fold(name))));

function begins(of, text) {
  return /^[0-9a-f]{4,64}$/i.test(text) ? (entry) => of(entry).some((digest) => digest && digest.startsWith(text.toLowerCase())) : undefined;
}

const either = (...tests) => (entry) => tests.some((test) => test && test(entry));

// How a picture is rendered; samplers and schedules go by the words of every tool: `DPM++ 2M`, `dpmpp_2m`.
function method(key, text) {
  const wanted = [text];
  if (Object.hasOwn(LANGUAGE.tools, key)) {
    const joined = text.toLowerCase().split(/[\s_-]+/).filter(Boolean).join("_");
    wanted.push(LANGUAGE.inside.reduce((word, [theirs, ours]) => word.replaceAll(theirs, ours), joined));
    const known = new Map(LANGUAGE.tools[key]).get(fold(joined).replace(/^sample_/, "").replace(/^k_/, ""));
    if (known) wanted.push(known);
  }
  return named((entry) => entry.method?.[key], ...wanted.map(pattern));
}

const WHOLE = { form: /^(?:=?(\d{1,30})|(\d{0,30})\.\.(\d{0,30}))$/, read: BigInt };  // seeds are larger than numbers of JavaScript
const REAL = { form: /^(?:=?(-?\d{1,15}(?:\.\d{1,15})?)|(-?\d{1,15}(?:\.\d{1,15})?|)\.\.(-?\d{1,15}(?:\.\d{1,15})?|))$/, read: Number };

function inRanges(key, text, { form, read }) {
  const found = text.split(",").map((piece) => piece !== ".." && piece.match(form));
  if (!found.every(Boolean)) return undefined;
  const ranges = found.map(([, one, low, high]) => [one ?? low, one ?? high].map((end) => end === "" ? undefined : read(end)));
  return (entry) => entry[key] !== undefined &&
    ranges.some(([low, high]) => (low === undefined || entry[key] >= low) && (high === undefined || entry[key] <= high));
}

const SHAPES = {
  landscape: (width, height) => width > height,
  portrait: (width, height) => width < height,
  square: (width, height) => width === height,
};

function ofSize(text) {
  const sides = text.match(/^(\d{1,9}|\*)[x×](\d{1,9}|\*)$/i), word = text.toLowerCase();
  const holds = sides ? (...own) => own.every((side, at) => sides[at + 1] === "*" || side === Number(sides[at + 1]))
    : Object.hasOwn(SHAPES, word) ? SHAPES[word] : undefined;
  return holds && ((entry) => entry.size !== undefined && holds(...entry.size.split("x").map(Number)));
}

// Days and months by name; the page does not know what day it is when it is read.
function whenAdded(text) {
  const ends = text.split("..").map((end) => end.replace("T", " ")), [low, high = low] = ends;
  if (text === ".." || ends.length > 2 || !ends.every((end) => /^(?:\d{4}(?:-\d\d(?:-\d\d(?: \d\d:\d\d)?)?)?)?$/.test(end))) return undefined;
  return (entry) => entry.added >= low && (high === "" || entry.added.slice(0, high.length) <= high);
}

function ofVerdict(word) {
  if (word === "any" || word === "none") return (entry) => (entry.verdict === undefined) === (word === "none");
  return LANGUAGE.verdicts.includes(word) ? (entry) => entry.verdict === word : undefined;
}

const adapters = (entry) => (entry.json?.adapters || []).map((one) => one.digest).filter((digest) => typeof digest === "string");

// {key: the test for what stands behind it, undefined where that cannot be read}
const CONDITIONS = {
  prompt: (text) => inTexts((entry) => [entry.prompt], text),
  negative: (text) => inTexts((entry) => [entry.negative], text),
  note: (text) => inTexts((entry) => entry.notes || [], text),
  tag: (text) => named((entry) => entry.tags, pattern(text)),
  fav: (text) => ({ __proto__: null, yes: starred, no: (entry) => !starred(entry) })[text.toLowerCase()],
  rating: (text) => text.toLowerCase() === "none" ? (entry) => entry.rating === undefined : inRanges("rating", text, WHOLE),
  model: (text) => either(named((entry) => entry.model && [entry.model], pattern(text)), begins((entry) => [entry.json?.model], text)),
  lora: (text) => text === "*" ? (entry) => adapters(entry).length > 0 : either(named((entry) => entry.loras, pattern(text)), begins(adapters, text)),
  id: (text) => inRanges("id", text, WHOLE),
  seed: (text) => inRanges("seed", text, WHOLE),
  steps: (text) => inRanges("steps", text, WHOLE),
  cfg: (text) => inRanges("cfg", text, REAL),
  guidance: (text) => inRanges("guidance", text, REAL),
  size: ofSize,
  sampler: (text) => method("sampler", text),
  schedule: (text) => method("schedule", text),
  scheduler: (text) => method("scheduler", text),
  pipeline: (text) => method("pipeline", text),
  dtype: (text) => method("dtype", text),
  verdict: (text) => ofVerdict(text.toLowerCase()),
  by: (text) => named((entry) => [entry.user], pattern(text)),
  added: whenAdded,
  digest: (text) => begins((entry) => [entry.image, entry.file, entry.recipe], text),
};

function keyed(name, text) {
  const key = Object.hasOwn(LANGUAGE.aliases, name) ? LANGUAGE.aliases[name] : name;
  if (!Object.hasOwn(CONDITIONS, key)) throw new Unknown(`${name}:`, true);
  const holds = CONDITIONS[key](text);
  if (holds === undefined) throw new Unknown(key === "prompt" ? text : `${key}:${text}`);
  return holds;
}

// -- the grammar, one function for each of its rules

const FORMS = Object.fromEntries(Object.entries({
  or: /\s*OR(?=[\s()"]|$)/, and: /\s*AND(?=[\s()"]|$)/, not: /\s*(?:NOT(?=[\s()"]|$)|-(?=[^\s)]))/, open: /\s*\(/, close: /\s*\)/,
  phrase: /\s*"((?:\\.|[^"\\])*)("?)/, key: /\s*([\p{L}\p{Nl}\p{No}_][\p{L}\p{N}_.]*):(?=[^\s()])/, word: /\s*([^\s()"]+)/, end: /\s*$/,
}).map(([name, form]) => [name, new RegExp(form.source, "suy")]));

// The marks of a Chinese keyboard where they can only be meant as marks of the language, as in seedbank/query/fullwidth.py; at the
// end unfinished ones too.
const QUOTED = '"(?:\\\\.|[^"\\\\])*"?', BEGINS = "(?<![^\\s(（-])";
const KEYED = [...LANGUAGE.keys, ...Object.keys(LANGUAGE.aliases), "env\\.[\\p{L}\\p{N}_.]+"].join("|");
const PARENTHESES = new RegExp(`${QUOTED}|${BEGINS}（([^（）"]*)(）(?![^\\s)）])|$)`, "gsu");
const KEYS_AND_QUOTES = new RegExp(`${QUOTED}|${BEGINS}(?:(${KEYED})[：:])?(?:“([^”"\\\\]*)(”|$))?`, "gisu");

function halfWidth(text) {
  for (let before, turn = 0; before !== text && turn < DEEPEST; turn++)
    text = (before = text).replace(PARENTHESES, (all, inner, end) => inner === undefined ? all : `(${inner}${end && ")"}`);
  return text.replace(KEYS_AND_QUOTES, (all, key, quoted, end) => key === undefined && quoted === undefined ? all
    : (key === undefined ? "" : `${key}:`) + (quoted === undefined ? "" : `"${quoted}${end && '"'}`));
}

// The test of an entry that a query means, undefined where it says nothing. Throws `Unknown`.
function parse(typed) {
  const query = halfWidth(typed);
  let at = 0;
  const seen = (name) => { FORMS[name].lastIndex = at; return FORMS[name].exec(query); };
  const take = (name) => { const found = seen(name); if (found) at += found[0].length; return found; };
  const rest = () => query.slice(at).trim().split(/\s/)[0];
  const unquoted = (text) => text.replace(/\\(.)/gsu, (_, letter) => ({ n: "\n", r: "\r" })[letter] || letter);
  const begun = (text) => text.endsWith("*") ? text : `${text}*`;

  function any(depth) {
    const parts = [all(depth)];
    while (take("or")) parts.push(all(depth));
    const said = parts.filter(Boolean);
    return said.length ? (entry) => said.some((holds) => holds(entry)) : undefined;
  }

  function all(depth) {
    const parts = [];
    while (!seen("end") && !seen("or") && !seen("close")) {
      parts.push(one(depth));
      if (take("and") && (seen("or") || seen("close"))) throw new Unknown(rest());
    }
    if (!parts.length && !seen("end")) throw new Unknown(rest());
    const said = parts.filter(Boolean);
    return said.length ? (entry) => said.every((holds) => holds(entry)) : undefined;
  }

  function one(depth) {
    if (depth > DEEPEST) throw new Unknown(rest());
    if (seen("end")) return undefined;
    if (take("not")) {
      const holds = one(depth + 1);
      return holds && ((entry) => !holds(entry));
    }
    if (take("open")) {
      const inner = any(depth + 1);
      take("close");
      return inner;
    }
    const phrase = take("phrase");
    if (phrase) return quoted(phrase[1], phrase[2] !== "");
    const key = take("key");
    if (key) return valued(key[1].toLowerCase());
    if (seen("and") || seen("or") || !seen("word")) throw new Unknown(rest());
    return bare(take("word")[1]);
  }

  function quoted(text, isWhole) {
    if (!isWhole && text === "") return undefined;
    return keyed("prompt", isWhole ? unquoted(text) : begun(unquoted(text)));
  }

  function valued(name) {
    const phrase = take("phrase"), text = phrase ? unquoted(phrase[1]) : take("word")[1];
    if (text === "" && phrase[2]) throw new Unknown(`${name}:`);
    return text === "" ? undefined : keyed(name, text);
  }

  function bare(text) {
    const isLast = at === query.length, name = text.slice(0, -1).toLowerCase();
    const isKey = text.endsWith(":") && (LANGUAGE.keys.includes(name) || Object.hasOwn(LANGUAGE.aliases, name));
    if (isLast && (isKey || text === "-")) return undefined;
    if (isKey) throw new Unknown(text);
    return keyed("prompt", isLast ? begun(text) : text);
  }

  const holds = any(0);
  if (!seen("end")) throw new Unknown(rest());
  return holds;
}
