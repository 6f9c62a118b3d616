"""Strings that tokenizers find hard, number 0 to 9,999, the same in every language.

In: `fragments.json` (this script writes it: lists of fragments by kind, and ranges of code points). Out:
`string(fragments, number)`. A port needs fifteen lines; all arithmetic is on unsigned 64-bit integers:

    state = (number + 1) * 0xBF58476D1CE4E5B9
    next: state += 0x9E3779B97F4A7C15; z = state
          z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9; z = (z ^ z >> 27) * 0x94D049BB133111EB; z ^ z >> 31
    repeat next % 20 times:
        kind = next % (number of fragment lists + 1)
        if kind is a list: piece = list[next % length]
        else: [low, high] = ranges[next % length]; piece = code point low + next % (high - low + 1)
        if next % 8 == 0: append piece 1 + next % 6 times, else once

Invariants: the ranges hold code points that were assigned long ago (or never will be), so that two versions of
Unicode agree on their classes. Strings are valid UTF-8 throughout.
"""

import json
from pathlib import Path

COUNT = 10_000
MASK = (1 << 64) - 1

FRAGMENTS = {
    "words": ["Once", " upon", " a", " time", "the", " The", " little", "fox", " foxes", "Hello", " world", "naïve", " café",
              "Straße", " déjà", "İstanbul", "ﬁne", "e.g.", "U.S.A.", "well-known", "snake_case", "camelCase", "HTTPServer"],
    "contractions": ["'s", "'S", "'t", "'T", "'re", "'RE", "'ve", "'m", "'ll", "'LL", "'d", "’s", "’re", "don't", "I'M", "it's", "'x", "''", "'"],
    "digits": ["0", "1", "42", "007", "123", "1234", "12345678901234567890", "3.14", "1,000", "-5", "1e9", "٣٤٥", "४२", "½", "²", "Ⅷ", " 7", "0x1F"],
    "spaces": [" ", "  ", "   ", "        ", " " * 17, " " * 64, "\t", "\t\t", "\n", "\n\n", "\r\n", "\r", " \n", "\n ", " \t ", "\u00a0", "\u2003",
               "\u3000", "\u200b", "\u2028", "\u0085", "\v", "\f", "\n\n\n\n"],
    "marks": [".", ",", "!", "?", "...", "…", "—", "-", "--", "()", "[]", "{}", "<", ">", "</s>", "&amp;", "\"", "“", "”", "/", "\\", "//", "@", "#",
              "$", "€", "%", "^", "*", "+", "=", "~", "`", "|", "_", "__", "!!!", "?!", ".\n", "),", "¿", "«", "»", "、", "。", "▁", "▁▁"],
    "emoji": ["🙂", "👍🏽", "👨‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪", "🇩", "❤️", "❤", "☺", "👩🏾‍🚀", "🧑‍🤝‍🧑", "5️⃣", "🫠", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "🙂🙂", " 🙂"],
    "combining": ["e\u0301", "é", "a\u0308\u0304", "n\u0303", "ñ", "o\u0302\u0323", "ộ", "\u0301", "q\u0307\u0323", "Å", "A\u030a", "\u212b", "한", "한",
                  "Z\u0351\u036b\u0343", "ﷺ", "ﬀ", "ⅳ", "ｆｕｌｌ", "①", "㎏"],
    "arabic": ["السلام", " عليكم", "مُحَمَّد", "لا", "كتاب", " في", "العربية", "؟", "،", "ـ", "\u200f", "\u202b", "فارسی", "می\u200cخواهم"],
    "asian": ["東京", "日本語", "漢字", "ひらがな", "カタカナ", "ﾊﾝｶｸ", "中文", "你好", "，", "一二三", "한국어", "안녕", "ภาษาไทย", "กำ", "नमस्ते", "क्षि", "தமிழ்", "𠮷", "々"],
    "scripts": ["Привет", " мир", "Ελληνικά", "ς", "שלום", "שָׁלוֹם", "ქართული", "Հայ", "አማርኛ", "ꙮ", "𝔘𝔫𝔦", "𝟘𝟙", "ǅ", "ʰ", "ª", "ß", "ẞ", "ı", "ſ"],
    "controls": ["\u0000", "\u0001", "\u0007", "\u001b[0m", "\u007f", "\u009f", "\ufeff", "\ufffd", "\ufffc", "\u00ad", "\u2060", "\u200d", "\ufe0f",
                 "\ue000", "\U000e0001", "\U0010ffff"],
    "specials": ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|begin_of_text|>", "<|eot_id|>", "<s>", "</s>", "<unk>", "<|endoftext", "|>", "<0x41>",
                 "<pad>", " <s>", "<s> "],
    "code": ["def f(x):\n    return x", "if (a == b) {", "};\n", "    ", "\t\treturn;", "https://a.b/c?d=e&f", "me@x.org", "SELECT * FROM t;", "x+=1", "λ→λ", "#!/bin"],
}
RANGES = [
    (0x00, 0x7F), (0xA0, 0x17F), (0x300, 0x36F), (0x391, 0x3A1), (0x3B1, 0x3C9), (0x410, 0x44F), (0x5D0, 0x5EA),
    (0x621, 0x64A), (0x64B, 0x652), (0x660, 0x669), (0x904, 0x939), (0xE01, 0xE3A), (0x1E00, 0x1EFF),
    (0x2000, 0x2064), (0x20A0, 0x20BE), (0x2190, 0x21FF), (0x2460, 0x24FF), (0x3041, 0x3096), (0x30A1, 0x30FA),
    (0x4E00, 0x9FA5), (0xAC00, 0xD7A3), (0xE000, 0xE0FF), (0xFE00, 0xFE0F), (0xFF01, 0xFF5E), (0xFFFC, 0xFFFF),
    (0x1D400, 0x1D454), (0x1F300, 0x1F320), (0x1F600, 0x1F64F), (0x20000, 0x2A6D6), (0xE0020, 0xE007F),
]


class Random:
    """The generator of the docstring."""

    def __init__(self, number):
        self.state = ((number + 1) * 0xBF58476D1CE4E5B9) & MASK

    def below(self, limit):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ z >> 27) * 0x94D049BB133111EB) & MASK
        return (z ^ z >> 31) % limit


def tables():
    """What fragments.json holds."""
    return {"fragments": list(FRAGMENTS.values()), "ranges": [list(pair) for pair in RANGES]}


def string(tables, number):
    """String number so-and-so."""
    random, text = Random(number), []
    lists, ranges = tables["fragments"], tables["ranges"]
    for _ in range(random.below(20)):
        kind = random.below(len(lists) + 1)
        if kind < len(lists):
            piece = lists[kind][random.below(len(lists[kind]))]
        else:
            low, high = ranges[random.below(len(ranges))]
            piece = chr(low + random.below(high - low + 1))
        text.append(piece * (1 + random.below(6) if random.below(8) == 0 else 1))
    return "".join(text)


def write(path: Path):
    path.write_text(json.dumps(tables(), indent=0) + "\n")
