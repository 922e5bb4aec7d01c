#!/usr/bin/env python3
"""Answers questions about SentencePiece models with SentencePiece itself: a JSON object a line in, one a line out.

    {"op": "train", "lines": [...], "prefix": path, "options": {...}}   writes prefix.model
    {"op": "load", "path": path}
    {"op": "encode", "texts": [...]}                                   ids, and where each stands, in code points
    {"op": "decode", "lists": [...]}
"""

import json
import sys

import sentencepiece

processor = None


def train(request):
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(request["lines"]),
        model_prefix=request["prefix"],
        num_threads=1,
        minloglevel=2,
        **request["options"],
    )
    return {}


def load(request):
    global processor
    processor = sentencepiece.SentencePieceProcessor(model_file=request["path"])
    return {"size": processor.vocab_size()}


def encode(request):
    found = [processor.encode(text, out_type="immutable_proto") for text in request["texts"]]
    return {
        "ids": [[piece.id for piece in proto.pieces] for proto in found],
        "spans": [[[piece.begin, piece.end] for piece in proto.pieces] for proto in found],
    }


def decode(request):
    return {"texts": [processor.decode(ids) for ids in request["lists"]]}


def answer(request):
    operations = {"train": train, "load": load, "encode": encode, "decode": decode}
    try:
        return operations[request["op"]](request)
    except Exception as error:  # every error is an answer
        return {"error": f"{type(error).__name__}: {error}"[:300]}


def main():
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
