"""Writes which characters the regular expressions of tokenizers match, as the wheel of `tokenizers` (Oniguruma) does.

    python scripts/tokenizers/classes.py [--output crates/glassbox-text/tests/classes.json]

Out: {pattern: [how many characters match, FNV-1a (32 bits) over their code points as u32 little-endian]}. Every character
from U+0002 on is tried alone. Needs tokenizers. Nothing is downloaded.
"""

import argparse
import json
import struct
from pathlib import Path

from tokenizers import Regex, pre_tokenizers

OUTPUT = Path(__file__).resolve().parents[2] / "crates" / "glassbox-text" / "tests" / "classes.json"
PATTERNS = [
    r"\p{L}", r"\p{N}", r"\s", r"\p{Lu}", r"\p{Lt}", r"\p{Lm}", r"\p{Lo}", r"\p{Ll}", r"\p{M}", r"\p{P}", r"\p{S}", r"\d",
    "(?i:s)", "(?i:t)", "(?i:m)", "(?i:d)", "(?i:l)", "(?i:e)", "(?i:r)", "(?i:v)",
]
CHUNK = 4096


def matching(pattern, characters):
    """The characters that match alone. U+0001 stands between them, and matches nothing."""
    splitter = pre_tokenizers.Split(Regex(pattern), "isolated")
    for start in range(0, len(characters), CHUNK):
        pieces = splitter.pre_tokenize_str("\x01".join(characters[start : start + CHUNK]))
        yield from (ord(piece) for piece, _ in pieces if len(piece) == 1 and piece != "\x01")


def hash_of(codes):
    value = 0x811C9DC5
    for byte in struct.pack(f"<{len(codes)}I", *codes):
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return value


def main():
    parser = argparse.ArgumentParser(description="Writes which characters the regular expressions of tokenizers match.")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    arguments = parser.parse_args()
    characters = [chr(code) for code in range(2, 0x110000) if not 0xD800 <= code <= 0xDFFF]
    content = {}
    for pattern in PATTERNS:
        codes = list(matching(pattern, characters))
        content[pattern] = [len(codes), hash_of(codes)]
    arguments.output.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
