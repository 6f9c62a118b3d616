"""Writes SentencePiece models with user-defined and unused pieces, and what the library makes of texts and tokens.

    python scripts/tokenizers/kinds.py [--input crates/glassbox-models/tests/tokenizers] [--output crates/glassbox-text/tests/kinds]

In: the models that make.py wrote. Out: per model `NAME.model`, and `kinds.json`: {NAME: {"hash": FNV-1a over the
hashes of the ids of all 10,000 strings, "ids": those of the first 40, "decoded": [[ids, text] …] of random tokens}}.
Needs sentencepiece. Nothing is downloaded.
"""

import argparse
import json
import random
from pathlib import Path

import sentencepiece
from sentencepiece import sentencepiece_model_pb2

import strings
from make import OUTPUT as INPUT
from make import hash_of

OUTPUT = Path(__file__).resolve().parents[2] / "crates" / "glassbox-text" / "tests" / "kinds"
Kind = sentencepiece_model_pb2.ModelProto.SentencePiece


def change(proto):
    """Every 7th of the longer pieces is user-defined, every 5th unused; two texts are added."""
    normal = [piece for piece in proto.pieces if piece.type == Kind.NORMAL]
    for number, piece in enumerate(piece for piece in normal if len(piece.piece) > 1):
        if number % 7 == 0:
            piece.type = Kind.USER_DEFINED
        elif number % 5 == 0:
            piece.type = Kind.UNUSED
    # Some characters stay without a piece of their own.
    for number, piece in enumerate(piece for piece in normal if len(piece.piece) == 1):
        if number % 9 == 0:
            piece.type = Kind.UNUSED
    for text in "<|im_start|>", "<|im_start|>ab":
        proto.pieces.add(piece=text, score=0.0, type=Kind.USER_DEFINED)


def write(name, source, folder, fallback):
    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString(source.read_bytes())
    change(proto)
    if not fallback:
        proto.trainer_spec.byte_fallback = False
        for piece in proto.pieces:
            if piece.type == Kind.BYTE:
                piece.type = Kind.NORMAL
    path = folder / f"{name}.model"
    path.write_bytes(proto.SerializeToString(deterministic=True))
    processor = sentencepiece.SentencePieceProcessor(model_file=str(path))
    table = strings.tables()
    ids = [processor.encode(strings.string(table, number)) for number in range(strings.COUNT)]
    chance = random.Random(name)
    numbers = [number for number in range(processor.get_piece_size()) if not processor.is_unused(number)]
    lists = [
        [chance.choice(numbers[:260] if chance.random() < 0.5 else numbers) for _ in range(chance.randrange(12))] for _ in range(300)
    ]
    return {"hash": hash_of([hash_of(some) for some in ids]), "ids": ids[:40], "decoded": [[some, processor.decode(some)] for some in lists]}


def main():
    parser = argparse.ArgumentParser(description="Writes SentencePiece models with pieces of every kind.")
    parser.add_argument("--input", type=Path, default=INPUT)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    content = {
        "bpe": write("bpe", arguments.input / "spm_bpe" / "tokenizer.model", arguments.output, True),
        "unigram": write("unigram", arguments.input / "spm_unigram" / "tokenizer.model", arguments.output, True),
        "unknown": write("unknown", arguments.input / "spm_unigram" / "tokenizer.model", arguments.output, False),
    }
    (arguments.output / "kinds.json").write_text(json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
