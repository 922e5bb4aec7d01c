#!/usr/bin/env python3
"""Makes the small model that ships with Connectors.Vllm.Testing: a byte-level BPE tokenizer trained on corpus.txt and words.txt
(both our own), and the configuration files around it. Plain standard library; the same input gives the same bytes.

    python3 eng/tiny-model/make.py            writes src/Connectors.Vllm.Testing/TinyModel/*
"""
import collections
import json
import pathlib
import re

HERE = pathlib.Path(__file__).resolve().parent
TARGET = HERE.parent.parent / "src" / "Connectors.Vllm.Testing" / "TinyModel"
MERGES = 3000
CONTEXT = 8192
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|image_pad|>"]
PLAIN_ADDED = ["<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>", "<think>", "</think>"]

# The split pattern that goes into tokenizer.json, and its twin for Python's re module (which knows no \p{L}).
SPLIT = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
PYTHON_SPLIT = re.compile(
    r"(?:'s|'t|'re|'ve|'m|'ll|'d|'S|'T)|(?:[^\w\r\n]|_)?[^\W\d_]+|\d| ?(?:[^\s\w]|_)+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def byte_alphabet():
    """The printable character that stands for each byte in byte-level BPE."""
    plain = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    table, extra = {}, 0
    for value in range(256):
        if value in plain:
            table[value] = chr(value)
        else:
            table[value] = chr(256 + extra)
            extra += 1
    return table


ALPHABET = byte_alphabet()


def spell(text):
    return tuple(ALPHABET[value] for value in text.encode("utf-8"))


def count_pieces():
    pieces = collections.Counter()
    corpus = (HERE / "corpus.txt").read_text(encoding="utf-8")
    for piece in PYTHON_SPLIT.findall(corpus):
        pieces[spell(piece)] += 4
    words = (HERE / "words.txt").read_text(encoding="utf-8").split()
    for position, word in enumerate(dict.fromkeys(words)):
        weight = max(2, 40 - position // 25)
        for form in (" " + word, word, " " + word[:1].upper() + word[1:]):
            for piece in PYTHON_SPLIT.findall(form):
                pieces[spell(piece)] += weight if form[0] == " " and form[1] == word[0] else 1
    return pieces


def train(pieces):
    words = [list(piece) for piece in sorted(pieces)]
    counts = [pieces[tuple(word)] for word in words]
    pairs, places = collections.Counter(), collections.defaultdict(set)
    for number, word in enumerate(words):
        for pair in zip(word, word[1:]):
            pairs[pair] += counts[number]
            places[pair].add(number)
    merges = []
    while len(merges) < MERGES:
        best = min(pairs, key=lambda pair: (-pairs[pair], pair), default=None)
        if best is None or pairs[best] < 2:
            break
        merges.append(best)
        for number in sorted(places.pop(best)):
            word, count = words[number], counts[number]
            for pair in zip(word, word[1:]):
                pairs[pair] -= count
                if pairs[pair] <= 0:
                    del pairs[pair]
            merged, i = [], 0
            while i < len(word):
                if i + 1 < len(word) and (word[i], word[i + 1]) == best:
                    merged.append(word[i] + word[i + 1])
                    i += 2
                else:
                    merged.append(word[i])
                    i += 1
            words[number] = merged
            for pair in zip(merged, merged[1:]):
                pairs[pair] += count
                places[pair].add(number)
        pairs.pop(best, None)
    return merges


def tokenizer(merges):
    vocabulary = {}
    for token in [ALPHABET[value] for value in range(256)] + [left + right for left, right in merges]:
        vocabulary.setdefault(token, len(vocabulary))
    added = [
        {"id": len(vocabulary) + number, "content": content, "single_word": False, "lstrip": False, "rstrip": False,
         "normalized": False, "special": content in SPECIAL}
        for number, content in enumerate(SPECIAL + PLAIN_ADDED)]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": SPLIT}, "behavior": "Isolated", "invert": False},
            {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}]},
        "post_processor": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False},
        "decoder": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False},
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
                  "fuse_unk": False, "byte_fallback": False, "ignore_merges": False, "vocab": vocabulary,
                  "merges": [[left, right] for left, right in merges]},
    }


def main():
    TARGET.mkdir(parents=True, exist_ok=True)
    model = tokenizer(train(count_pieces()))
    ids = {token["content"]: token["id"] for token in model["added_tokens"]}
    size = len(model["model"]["vocab"]) + len(ids)
    padded = (size + 63) // 64 * 64
    files = {
        "tokenizer.json": model,
        "tokenizer_config.json": {
            "add_bos_token": False, "add_prefix_space": False, "bos_token": None, "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>",
            "unk_token": None, "model_max_length": CONTEXT, "clean_up_tokenization_spaces": False, "split_special_tokens": False,
            "additional_special_tokens": ["<|im_start|>", "<|im_end|>", "<|image_pad|>"],
            "added_tokens_decoder": {str(token["id"]): {key: token[key] for key in
                ("content", "lstrip", "normalized", "rstrip", "single_word", "special")} for token in model["added_tokens"]},
            "tokenizer_class": "Qwen2Tokenizer"},
        "config.json": {
            "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "bos_token_id": ids["<|endoftext|>"],
            "eos_token_id": ids["<|im_end|>"], "pad_token_id": ids["<|endoftext|>"], "hidden_size": 64, "num_hidden_layers": 1,
            "max_position_embeddings": CONTEXT, "vocab_size": padded, "torch_dtype": "bfloat16"},
        "generation_config.json": {
            "bos_token_id": ids["<|endoftext|>"], "eos_token_id": [ids["<|im_end|>"], ids["<|endoftext|>"]],
            "pad_token_id": ids["<|endoftext|>"], "do_sample": True, "temperature": 0.6, "top_p": 0.95, "top_k": 20},
    }
    for name, value in files.items():
        indent = None if name == "tokenizer.json" else 2
        text = json.dumps(value, ensure_ascii=False, indent=indent, separators=(",", ":") if indent is None else None)
        (TARGET / name).write_text(text + "\n", encoding="utf-8")
    (TARGET / "chat_template.jinja").write_text((HERE / "chat_template.jinja").read_text(encoding="utf-8"), encoding="utf-8")
    print(f"{len(model['model']['merges'])} merges, {size} tokens, vocab_size {padded}")


if __name__ == "__main__":
    main()
