"use strict";
// The search field of a page: words, "phrases", -not, and of the language of queries what the page itself can answer.
const plain = (value) => String(value).normalize("NFC").toLowerCase();
const LISTS = { tag: (entry) => entry.tags, tags: (entry) => entry.tags, lora: (entry) => (entry.adapters || []).map((name) => name.split(" × ")[0]),
  model: (entry) => entry.model && [entry.model], size: (entry) => entry.size && [entry.size], by: (entry) => [entry.user],
  sampler: (entry) => entry.sampler && entry.sampler.split(" · "), scheduler: (entry) => entry.scheduler && [entry.scheduler], verdict: (entry) => [entry.verdict || "none"] };
const NUMBERS = ["id", "seed", "steps", "cfg", "guidance", "rating"];
const TEXTS = { prompt: (entry) => [entry.prompt], negative: (entry) => [entry.negative], note: (entry) => entry.notes };

// {key, text} of each condition; what begins with no key of these tables is text. `starred` says what is a favourite now.
function conditions(query, starred) {
  return [...query.matchAll(/(-?)(?:([a-z]+):(?=\S))?("[^"]*"?|\S+)/giu)].map(([whole, minus, name, value]) => {
    const key = (name || "").toLowerCase(), text = plain(value.replaceAll('"', ""));
    const holds = test(key, text, starred) || contains(plain(minus ? whole.slice(1) : whole).replaceAll('"', ""));
    return minus && whole.length > 1 ? (entry) => !holds(entry) : holds;
  });
}

const contains = (text) => (entry) => entry.found.includes(text);

function test(key, text, starred) {
  if (key === "fav") return (entry) => starred(entry) === (text !== "no");
  if (Object.hasOwn(TEXTS, key)) return (entry) => (TEXTS[key](entry) || []).some((one) => one && plain(one).includes(text));
  if (NUMBERS.includes(key)) return (entry) => text === "none" ? entry[key] === undefined : entry[key] !== undefined && text.split(",").some((piece) => within(entry[key], piece));
  if (!Object.hasOwn(LISTS, key)) return null;
  const wanted = new RegExp(`^${text.split("*").map((piece) => piece.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join(".*")}$`, "su");
  return (entry) => (LISTS[key](entry) || []).some((one) => wanted.test(plain(one)));
}

function within(value, piece) {
  const [low, high] = piece.split("..");
  const wanted = low.replace(/^=/, "");  // seeds are texts: most are no numbers of JavaScript
  if (high === undefined) return String(value) === wanted || (typeof value === "number" && wanted !== "" && value === Number(wanted));
  return (!low || Number(value) >= Number(low)) && (!high || Number(value) <= Number(high));
}
