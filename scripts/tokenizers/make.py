"""Trains small tokenizers of every shape, and writes the ids that their own libraries give for hard strings.

    python scripts/tokenizers/make.py [--output crates/glassbox-models/tests/tokenizers]

In: the stories' grammar and `strings.py`. Out: `fragments.json` for the strings, and per shape a folder with
  tokenizer.json, tokenizer.model, ranks.tiktoken or vocab.txt   the tokenizer
  ids.json      {"plain": ids of the strings 0..299, "framed": of 0..19 with special tokens around, or null}
  hashes.bin    u32 little-endian[10000]: FNV-1a (32 bits) over the ids of every string, each as 4 bytes little-endian;
                of "plain"
where the ids are those of the library named in `SHAPES`. The SentencePiece shapes have two sets: `ids.json`,
`hashes.bin` from sentencepiece itself; `hf_ids.json`, `hf_hashes.bin` from `tokenizers` and tokenizer.json.
`pieces.json` there lists [piece, score, type] as a GGUF's metadata would hold them.

Invariants: same versions, same bytes. Nothing is downloaded.
"""

import argparse
import base64
import importlib.util
import json
import struct
import sys
from pathlib import Path

import sentencepiece
import tiktoken
from sentencepiece import sentencepiece_model_pb2
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

import strings

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "scripts" / "stories"))
import grammar  # noqa: E402

OUTPUT = ROOT / "crates" / "glassbox-models" / "tests" / "tokenizers"
STORED, FRAMED = 300, 20
STORIES, HARD_STRINGS = 1500, 4000
# Training strings have numbers that no test string has.
TRAINING_START = 1_000_000
VOCABULARY = 1200
SPECIALS = {
    "gpt2": ["<|endoftext|>"],
    "llama3": ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"],
    "qwen": ["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
}
LLAMA3_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN_SPLIT = LLAMA3_SPLIT.replace(r"\p{N}{1,3}", r"\p{N}")
# What the unigram tokenizer normalises: a small table, so that the file stays small.
RULES = {
    "ﬁ": "fi", "ﬀ": "ff", "\u00a0": " ", "\u3000": " ", "\t": " ", "\n": " ", "é": "e\u0301", "e\u0301": "é",
    "①": "1", "Ａ": "A", "…": "...", "\u200b": "",
}


def corpus():
    """What every tokenizer is trained on."""
    table = strings.tables()
    yield from (grammar.write_story(grammar.SEED, number) for number in range(STORIES))
    yield from (strings.string(table, TRAINING_START + number) for number in range(HARD_STRINGS))


def hash_of(ids):
    """FNV-1a, 32 bits, over the ids as little-endian u32."""
    value = 0x811C9DC5
    for byte in struct.pack(f"<{len(ids)}I", *ids):
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return value


def write_golden(folder, texts, plain, framed=None, prefix=""):
    """Writes ids.json and hashes.bin for a function from text to ids."""
    ids = [list(plain(text)) for text in texts]
    (folder / f"{prefix}hashes.bin").write_bytes(struct.pack(f"<{len(ids)}I", *map(hash_of, ids)))
    around = [list(framed(text)) for text in texts[:FRAMED]] if framed else None
    content = {"plain": ids[:STORED], "framed": around}
    (folder / f"{prefix}ids.json").write_text(json.dumps(content, separators=(",", ":")) + "\n")


def write_hf(folder, texts, tokenizer, prefix=""):
    """Writes tokenizer.json and the ids that it gives once read back."""
    tokenizer.save(str(folder / "tokenizer.json"))
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    write_golden(
        folder, texts,
        lambda text: tokenizer.encode(text, add_special_tokens=False).ids,
        lambda text: tokenizer.encode(text).ids,
        prefix,
    )


def byte_level(pre_tokenizer, specials, first_special, **options):
    """A byte-level BPE. Special tokens come first, or after the vocabulary as Llama 3 and Qwen have them."""
    tokenizer = Tokenizer(models.BPE(**options))
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(corpus(), trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=specials if first_special else [],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    ))
    tokenizer.add_special_tokens([AddedToken(special, special=True, normalized=False) for special in specials])
    return tokenizer


def split(pattern):
    """A pre-tokenizer that splits by a pattern and then maps bytes."""
    return pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(pattern), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])


def make_gpt2(folder, texts):
    tokenizer = byte_level(pre_tokenizers.ByteLevel(add_prefix_space=False), SPECIALS["gpt2"], True)
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    write_hf(folder, texts, tokenizer)


def make_llama3(folder, texts):
    tokenizer = byte_level(split(LLAMA3_SPLIT), SPECIALS["llama3"], False, ignore_merges=True)
    start = SPECIALS["llama3"][0]
    tokenizer.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(
            single=f"{start} $A", pair=f"{start} $A {start} $B", special_tokens=[(start, tokenizer.token_to_id(start))]
        ),
    ])
    write_hf(folder, texts, tokenizer)


def make_qwen(folder, texts):
    tokenizer = byte_level(split(QWEN_SPLIT), SPECIALS["qwen"], False)
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    write_hf(folder, texts, tokenizer)


def train_sentencepiece(folder, **options):
    """Trains a SentencePiece model with byte fallback and writes it and its pieces."""
    lines = [text.replace("\0", "") for text in corpus()]
    file = folder / "tokenizer"
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_prefix=str(file), vocab_size=VOCABULARY, byte_fallback=True,
        character_coverage=0.98, split_digits=True, num_threads=1, minloglevel=2, hard_vocab_limit=False,
        max_sentence_length=100_000, **options,
    )
    (folder / "tokenizer.vocab").unlink()
    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString((folder / "tokenizer.model").read_bytes())
    # The path of the training run is of no use to anyone.
    proto.trainer_spec.model_prefix = "tokenizer"
    (folder / "tokenizer.model").write_bytes(proto.SerializeToString(deterministic=True))
    pieces = [[piece.piece, piece.score, piece.type] for piece in proto.pieces]
    (folder / "pieces.json").write_text(json.dumps(pieces, ensure_ascii=False, separators=(",", ":")) + "\n")
    return proto


def write_sentencepiece(folder, texts):
    """The ids of the library sentencepiece."""
    processor = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    write_golden(folder, texts, processor.encode, lambda text: processor.encode(text, add_bos=True))


def add_controls(tokenizer, proto):
    control = sentencepiece_model_pb2.ModelProto.SentencePiece.CONTROL
    unknown = sentencepiece_model_pb2.ModelProto.SentencePiece.UNKNOWN
    tokenizer.add_special_tokens([
        AddedToken(piece.piece, special=True, normalized=False)
        for piece in proto.pieces if piece.type in (control, unknown)
    ])
    start = "<s>"
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{start} $A", pair=f"{start} $A {start} $B", special_tokens=[(start, tokenizer.token_to_id(start))]
    )


def make_spm_bpe(folder, texts):
    """As Llama 2: BPE, no normalisation, every space kept, a space put before."""
    proto = train_sentencepiece(
        folder, model_type="bpe", normalization_rule_name="identity", remove_extra_whitespaces=False,
        add_dummy_prefix=True, allow_whitespace_only_pieces=True,
    )
    write_sentencepiece(folder, texts)
    ids = {piece.piece: number for number, piece in enumerate(proto.pieces)}
    normal = sentencepiece_model_pb2.ModelProto.SentencePiece.NORMAL
    merges = []
    for piece in proto.pieces:
        if piece.type == normal:
            pairs = [(piece.piece[:cut], piece.piece[cut:]) for cut in range(1, len(piece.piece))]
            pairs = [pair for pair in pairs if pair[0] in ids and pair[1] in ids]
            merges += sorted(pairs, key=lambda pair: (ids[pair[0]], ids[pair[1]]))
    tokenizer = Tokenizer(models.BPE(ids, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence([
        decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)
    ])
    add_controls(tokenizer, proto)
    write_hf(folder, texts, tokenizer, prefix="hf_")


def make_spm_unigram(folder, texts):
    """Unigram with a table of normalisation rules; spaces are trimmed and runs of them made one."""
    rules = folder / "rules.tsv"
    rules.write_text("".join(
        f"{' '.join(f'{ord(c):X}' for c in source)}\t{' '.join(f'{ord(c):X}' for c in target)}\n"
        for source, target in sorted(RULES.items())
    ))
    proto = train_sentencepiece(folder, model_type="unigram", normalization_rule_tsv=str(rules))
    proto.trainer_spec.ClearField("model_prefix")
    proto.normalizer_spec.ClearField("normalization_rule_tsv")
    (folder / "tokenizer.model").write_bytes(proto.SerializeToString(deterministic=True))
    rules.unlink()
    write_sentencepiece(folder, texts)
    vocabulary = [(piece.piece, piece.score) for piece in proto.pieces]
    tokenizer = Tokenizer(models.Unigram(vocabulary, proto.trainer_spec.unk_id, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([
        normalizers.Precompiled(proto.normalizer_spec.precompiled_charsmap),
        normalizers.Strip(left=True, right=True),
        normalizers.Replace(Regex(" {2,}"), " "),
    ])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace("▁", "always")])
    add_controls(tokenizer, proto)
    write_hf(folder, texts, tokenizer, prefix="hf_")


def byte_tokens(tokenizer):
    """The tokens of a byte-level BPE as bytes, in the order of its ids, special tokens left out."""
    letters = bytes_of_letters()
    specials = {token.content for token in tokenizer.get_added_tokens_decoder().values()}
    ordered = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    return [bytes(letters[letter] for letter in token) for token, _ in ordered if token not in specials]


def bytes_of_letters():
    """GPT-2's letters for bytes: printable bytes stand for themselves, the others for 256 and up."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + place): byte for place, byte in enumerate(others)}


def make_tiktoken(folder, texts):
    """A tiktoken file with Llama 3's pattern, read by tiktoken."""
    tokens = byte_tokens(byte_level(split(LLAMA3_SPLIT), [], True))
    lines = (f"{base64.b64encode(token).decode()} {rank}\n" for rank, token in enumerate(tokens))
    (folder / "ranks.tiktoken").write_text("".join(lines))
    ranks = {token: rank for rank, token in enumerate(tokens)}
    specials = {"<|endoftext|>": len(tokens), "<|im_start|>": len(tokens) + 1}
    encoding = tiktoken.Encoding("test", pat_str=LLAMA3_SPLIT, mergeable_ranks=ranks, special_tokens=specials)
    (folder / "pattern.json").write_text(json.dumps({"pattern": LLAMA3_SPLIT, "specials": specials}, indent=1) + "\n")
    write_golden(folder, texts, encoding.encode_ordinary, lambda text: encoding.encode(text, allowed_special="all"))


def make_rwkv(folder, texts):
    """A vocabulary in RWKV World's form (number, Python literal, length in bytes), read by the package rwkv."""
    tokens = set(byte_tokens(byte_level(pre_tokenizers.ByteLevel(add_prefix_space=False), [], True)))
    # As in the original, a token is written as text where it is valid UTF-8, else as bytes. 0 is left out.
    ordered = sorted(tokens, key=lambda token: (len(token), token))
    path = folder / "vocab.txt"
    path.write_text("".join(f"{number} {literal(token)} {len(token)}\n" for number, token in enumerate(ordered, 1)))
    # The module alone: the package itself would load a model's kernels.
    file = Path(importlib.util.find_spec("rwkv").submodule_search_locations[0]) / "rwkv_tokenizer.py"
    spec = importlib.util.spec_from_file_location("rwkv_tokenizer", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    write_golden(folder, texts, module.TRIE_TOKENIZER(str(path)).encode)


def literal(token):
    try:
        return repr(token.decode())
    except UnicodeDecodeError:
        return repr(token)


SHAPES = {
    "gpt2": make_gpt2,  # tokenizers
    "llama3": make_llama3,  # tokenizers
    "qwen": make_qwen,  # tokenizers
    "spm_bpe": make_spm_bpe,  # sentencepiece, and tokenizers
    "spm_unigram": make_spm_unigram,  # sentencepiece, and tokenizers
    "tiktoken": make_tiktoken,  # tiktoken
    "rwkv_world": make_rwkv,  # rwkv
}


def main():
    parser = argparse.ArgumentParser(description="Writes small tokenizers and the ids they give for hard strings.")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--only", nargs="+", choices=SHAPES)
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    strings.write(arguments.output / "fragments.json")
    table = json.loads((arguments.output / "fragments.json").read_text())
    texts = [strings.string(table, number) for number in range(strings.COUNT)]
    # So that a port can tell a wrong string from wrong ids.
    lines = {"first": texts[:20], "hash": hash_of([hash_of([ord(c) for c in text]) for text in texts])}
    (arguments.output / "strings.json").write_text(json.dumps(lines, indent=1) + "\n")
    for name in arguments.only or SHAPES:
        folder = arguments.output / name
        folder.mkdir(exist_ok=True)
        SHAPES[name](folder, texts)
        for file in folder.iterdir():
            file.chmod(0o644)
        print(name, {file.name: file.stat().st_size for file in sorted(folder.iterdir())}, flush=True)


if __name__ == "__main__":
    main()
