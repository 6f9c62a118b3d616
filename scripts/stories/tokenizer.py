"""Trains the vocabulary of the embedded models on the corpus and writes `tokenizer.json`.

    python scripts/stories/tokenizer.py [--output models/stories-gpt2/tokenizer.json]

In: the stories of `grammar.py`. Out: a byte-level BPE with GPT-2's splitting rule, `VOCABULARY` entries, the
special token `<|endoftext|>` with id 0. All 256 bytes have an entry, so every text can be encoded.

Invariants: the same `tokenizers` version writes the same bytes. Decoding gives back the text encoded.
"""

import argparse
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

import grammar

VOCABULARY = 1536
STORIES = 6000
END = "<|endoftext|>"
MODELS = Path(__file__).resolve().parents[2] / "models"


def train():
    """Returns the trained tokenizer."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[END],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    stories = (grammar.write_story(grammar.SEED, index) for index in range(STORIES))
    tokenizer.train_from_iterator(stories, trainer)
    return tokenizer


def main():
    parser = argparse.ArgumentParser(description="Trains the vocabulary of the embedded models.")
    parser.add_argument("--output", type=Path, nargs="+", help="where tokenizer.json goes",
                        default=[MODELS / name / "tokenizer.json" for name in ("stories-gpt2", "stories-rwkv7")])
    arguments = parser.parse_args()
    tokenizer = train()
    for text in (grammar.write_story(grammar.SEED + 1, 0), "naïve — 東京 🙂\t\n  3.14"):
        assert tokenizer.decode(tokenizer.encode(text).ids) == text
    lengths = sorted(len(tokenizer.encode(grammar.write_story(grammar.SEED + 1, i)).ids) for i in range(1000))
    for path in arguments.output:
        path.parent.mkdir(parents=True, exist_ok=True)
        tokenizer.save(str(path))
        print(f"wrote {path}: {tokenizer.get_vocab_size()} entries")
    short = sum(length < 255 for length in lengths)
    print(f"tokens a story: median {lengths[500]}, longest {lengths[-1]}, {short / 10:.1f} % below 255")


if __name__ == "__main__":
    main()
