#!/usr/bin/python3
"""Writes src/Connectors.Vllm.Tokenizers/Unicode/UnicodeData.*.g.cs.

A tokenizer must see characters exactly as the reference does, and the reference mixes Unicode versions: its regex engine knows
version 16, its normalization stops at version 12, its combining classes at version 9, and so on. No runtime offers that mix, so the
tables are our own. They are derived from what this machine's Python (unicodedata), Perl (Unicode::UCD, which knows the age of every code
point), node (version 17) and .NET 10 (version 16) say, cut back to the versions that were measured on the reference. Where
the reference differs from any published version, the difference is listed here as a patch.

Needs: python3 >= 3.11, perl, node >= 20, dotnet 10. Run it without arguments.
"""

import base64
import json
import os
import subprocess
import textwrap
import unicodedata

HERE = os.path.dirname(os.path.abspath(__file__))
TARGET = os.path.join(HERE, "..", "..", "src", "Connectors.Vllm.Tokenizers", "Unicode")
CATEGORIES = "Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Zs Zl Zp Cc Cf Cs Co Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Cn".split()
SIZE = 0x110000


def lines(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=HERE).stdout.splitlines()


# --- sources -----------------------------------------------------------------------------------------------------------------

perl = {}
for line in lines("perl", "properties.pl"):
    name, start, value = line.split(" ", 2)
    perl.setdefault(name, []).append((int(start), value.strip()))


def property_of(name):
    values = [None] * SIZE
    entries = perl[name]
    for i, (start, value) in enumerate(entries):
        for c in range(start, min(SIZE, entries[i + 1][0] if i + 1 < len(entries) else SIZE)):
            values[c] = value
    return values


category = [""] * SIZE
for line in lines("dotnet", "run", "Categories.cs"):
    first, last, index = map(int, line.split())
    for c in range(first, last + 1):
        category[c] = CATEGORIES[index]

age = [99.0 if a == "Unassigned" else float(a) for a in property_of("Age")]
script14 = property_of("Script")
syllabic = property_of("Indic_Syllabic_Category")
cluster_break = property_of("Grapheme_Cluster_Break")

# Scripts that Unicode 15 and 16 added to what Perl knows.
names = sorted({s for s in script14 if s != "Unknown"} | {"Kawi", "Nag_Mundari", "Garay", "Gurung_Khema", "Kirat_Rai", "Ol_Onal", "Sunuwar", "Todhri", "Tulu_Tigalari"})
node = json.loads("".join(lines("node", "properties.mjs", ",".join(names))))


def expand(ranges):
    return {c for first, last in ranges for c in range(first, last + 1)}


def assigned(codes):
    """Cuts a set of a newer version back to version 16."""
    return {c for c in codes if category[c] != "Cn"}


# --- tables ------------------------------------------------------------------------------------------------------------------

def varint(n):
    out = bytearray()
    while n >= 0x80:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def zigzag(n):
    return varint(n * 2 if n >= 0 else -n * 2 - 1)


def runs(values):
    """(length, value) for each run of equal values."""
    out, start = bytearray(), 0
    for c in range(1, SIZE + 1):
        if c == SIZE or values[c] != values[start]:
            out += varint(c - start) + varint(values[start])
            start = c
    return bytes(out)


def code_set(codes):
    """Lengths of alternating runs: outside, inside, outside, ..."""
    out, position, inside = bytearray(), 0, False
    for c in range(SIZE + 1):
        if c < SIZE and (c in codes) != inside:
            out += varint(c - position)
            position, inside = c, not inside
        elif c == SIZE and inside:
            out += varint(c - position)
    return bytes(out)


def mappings(table):
    """(delta to the previous code point, length, code points as signed deltas to the key)."""
    out, previous = bytearray(), 0
    for c in sorted(table):
        out += varint(c - previous) + varint(len(table[c])) + b"".join(zigzag(x - c) for x in table[c])
        previous = c
    return bytes(out)


def of(prefix, until=99.0):
    return {c for c in range(SIZE) if category[c].startswith(prefix) and age[c] <= until}


tables = {}


def table(name, summary, data):
    tables[name] = (summary, data)


table("Categories", "General categories, Unicode 16: runs of (length, category).", runs([CATEGORIES.index(k) for k in category]))
table("Alphabetic", "The property Alphabetic, Unicode 16.", code_set(assigned(expand(node["sets"]["Alphabetic"]))))

for name in ("Lowercase", "Uppercase", "Emoji", "Extended_Pictographic"):
    table(name.replace("_", "") + "Property", f"The property {name}, Unicode 16.", code_set(assigned(expand(node["sets"][name]))))

script_of = [0] * SIZE
for i, name in enumerate(names):
    for c in assigned(expand(node["sets"].get("Script=" + name, []))):
        script_of[c] = i + 1
table("Scripts", "Scripts, Unicode 16: runs of (length, script); 0 is unknown, n is entry n - 1 of ScriptNames.", runs(script_of))

# The pre-tokenizer UnicodeScripts: version 9; Hiragana, Katakana and U+30FC count as Han; blank counts as unknown.
old = dict.fromkeys(names)
old_of = [0] * SIZE
for c in range(SIZE):
    if age[c] <= 9 and script14[c] != "Unknown":
        old_of[c] = names.index("Han" if script14[c] in ("Hiragana", "Katakana") else script14[c]) + 1
old_of[0x20] = 0
old_of[0x30FC] = names.index("Han") + 1
old_of[0x0589] = old_of[0x061C] = names.index("Common") + 1
old_of[0x0953] = old_of[0x0954] = names.index("Devanagari") + 1
table("OldScripts", "Scripts as the pre-tokenizer UnicodeScripts sees them: version 9, kana counts as Han.", runs(old_of))

table("Lowercase", "Unconditional lower-case mappings, Unicode 17.", mappings({int(k): v for k, v in node["lower"].items()}))
folds = {}
for group in node["folds"]:
    group = sorted(c for c in group if category[c] != "Cn")
    for c in group[1:]:
        folds[c] = [group[0]]
table("Folds", "Simple case folding: each code point's group leader, Unicode 16.", mappings(folds))

table("LongFolds", "Full case folding where it makes two or three code points of one.", mappings(
    {c: [ord(x) for x in chr(c).casefold()] for c in range(SIZE) if len(chr(c).casefold()) > 1}))

table("Numeric", "Categories Nd, Nl, No, Unicode 17.", code_set(expand(node["sets"]["N"])))
table("OldPunctuation", "Category P of version 8 (pre-tokenizers Punctuation and Bert), without ASCII symbols.",
      code_set(of("P", 8.0) | {0x166D, 0x111C9}))
table("OldOther", "Category C of version 8 without unassigned code points (BertNormalizer).", code_set(
    {c for c in of("C", 8.0) if category[c] not in ("Cn", "Cs")}))
table("OldNonspacing", "Category Mn of version 8 (BertNormalizer).",
      code_set((of("Mn", 8.0) | {0x1734, 0x1171E}) - {0x1885, 0x1886, 0xA9BD, 0x111C9}))
table("OldMarks", "Category M of version 9 (normalizer StripAccents).", code_set((of("M", 9.0) | {0x1CF2, 0x1CF3}) - {0x111C9}))

# Normalization: decompositions of version 12, combining classes of version 9, both measured.
canonical, compatible, excluded = {}, {}, set()
for c in range(SIZE):
    parts = unicodedata.decomposition(chr(c)).split()
    if not parts or age[c] > 12.0 or c == 0x1F16C:
        continue
    if parts[0].startswith("<"):
        compatible[c] = [int(x, 16) for x in parts[1:]]
    else:
        canonical[c] = [int(x, 16) for x in parts]
        if unicodedata.normalize("NFC", chr(c)) != chr(c):
            excluded.add(c)
table("Canonical", "Canonical decompositions, one level, version 12.", mappings(canonical))
table("Compatible", "Compatibility decompositions, one level, version 12.", mappings(compatible))
table("NotComposed", "Code points with a canonical decomposition that composition never makes again.", code_set(excluded))
table("CombiningClasses", "Canonical combining classes, version 9: runs of (length, class).", runs(
    [unicodedata.combining(chr(c)) if age[c] <= 9.0 else 0 for c in range(SIZE)]))

# Grapheme clusters (UAX 29), Unicode 16; Perl's version 14 plus the marks that came later.
BREAKS = "Other CR LF Control Extend ZWJ Regional_Indicator Prepend SpacingMark L V T LV LVT Pictographic Consonant Linker".split()
pictographic = assigned(expand(node["sets"]["Extended_Pictographic"]))
conjoining = {"Devanagari", "Bengali", "Gujarati", "Oriya", "Telugu", "Malayalam"}
break_of = [0] * SIZE
for c in range(SIZE):
    name = cluster_break[c]
    if age[c] > 14.0:
        name = {"Mn": "Extend", "Me": "Extend", "Mc": "SpacingMark", "Cf": "Control"}.get(category[c], "Other")
    if name.startswith("ExtPict") or name == "Other" and c in pictographic:
        name = "Pictographic"
    if script14[c] in conjoining and syllabic[c] == "Consonant":
        name = "Consonant"
    if script14[c] in conjoining and syllabic[c] == "Virama":
        name = "Linker"
    break_of[c] = BREAKS.index(name)
table("ClusterBreaks", "Grapheme cluster break classes: runs of (length, GraphemeBreak).", runs(break_of))

# --- output ------------------------------------------------------------------------------------------------------------------

# Tables by file; those that are named nowhere else tell the classes of code points.
PARTS = {
    "Case": ["Lowercase", "Folds", "LongFolds"],
    "Normalization": ["Canonical", "Compatible", "NotComposed", "CombiningClasses"],
}
PARTS = {"Classes": [name for name in tables if not any(name in part for part in PARTS.values())], **PARTS}
CLASS = "internal static partial class UnicodeData\n{\n"
SUMMARY = "/// <summary>Unicode tables as the reference sees them: base64 of variable-length integers (see <see cref=\"VarintReader\"/>).</summary>\n"
SCRIPT_NAMES = "    /// <summary>Names of the scripts in <see cref=\"Scripts\"/>, separated by blanks.</summary>\n    public const string ScriptNames = "


def literal(text, width):
    return '"""\n' + textwrap.indent("\n".join(textwrap.wrap(text, width)), " " * 8) + '\n        """'


for part, members in PARTS.items():
    with open(os.path.join(TARGET, f"UnicodeData.{part}.g.cs"), "w", encoding="utf-8", newline="\n") as file:
        file.write("// <auto-generated>Written by eng/unicode/generate.py; do not edit.</auto-generated>\n\n")
        file.write("namespace Connectors.Vllm.Tokenizers.Unicode;\n\n")
        file.write(SUMMARY + CLASS + SCRIPT_NAMES + literal(" ".join(names), 130) + ";\n\n" if part == "Classes" else CLASS)
        file.write("\n".join(
            f"    /// <summary>{tables[name][0]}</summary>\n    public static ReadOnlySpan<byte> {name} => "
            f"{literal(base64.b64encode(tables[name][1]).decode(), 136)}u8;\n"
            for name in members))
        file.write("}\n")
for name, (_, data) in tables.items():
    print(f"{name}: {len(data)} bytes")
