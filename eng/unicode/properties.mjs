// Prints Unicode properties of the newest Unicode version at hand, as JSON. Part of generate.py.
const scripts = process.argv[2].split(",");
const result = { sets: {}, lower: {}, folds: [] };

function ranges(test) {
  const found = [];
  let start = -1;
  for (let c = 0; c <= 0x110000; c++) {
    const is = c < 0x110000 && test(String.fromCodePoint(c));
    if (is && start < 0) start = c;
    if (!is && start >= 0) { found.push([start, c - 1]); start = -1; }
  }
  return found;
}

for (const [name, regex] of [["Alphabetic", /\p{Alphabetic}/u], ["N", /\p{N}/u], ["Extended_Pictographic", /\p{Extended_Pictographic}/u],
  ["Lowercase", /\p{Lowercase}/u], ["Uppercase", /\p{Uppercase}/u], ["Emoji", /\p{Emoji}/u]]) {
  result.sets[name] = ranges(s => regex.test(s));
}

for (const script of scripts) {
  let regex;
  try { regex = new RegExp(`\\p{Script=${script}}`, "u"); } catch { continue; }
  result.sets["Script=" + script] = ranges(s => regex.test(s));
}

const cased = [];
for (let c = 0; c < 0x110000; c++) {
  if (c >= 0xd800 && c < 0xe000) continue;
  const s = String.fromCodePoint(c), lower = s.toLowerCase();
  if (lower !== s) result.lower[c] = [...lower].map(x => x.codePointAt(0));
  if (lower !== s || s.toUpperCase() !== s) cased.push(c);
}

// Simple case folding groups: what /iu treats as equal.
const seen = new Set();
const text = cased.map(c => String.fromCodePoint(c)).join("");
for (const c of cased) {
  if (seen.has(c)) continue;
  const same = text.match(new RegExp("\\u{" + c.toString(16) + "}", "giu")).map(x => x.codePointAt(0));
  same.forEach(x => seen.add(x));
  if (same.length > 1) result.folds.push([...new Set(same)]);
}
console.log(JSON.stringify(result));
