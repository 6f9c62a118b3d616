"""The text of a program: its tokens, its parts, and a parser by recursive descent.

Follows the grammar of docs/language.md line by line. What comes out is plain data; `evaluate.py` walks it.
Expressions are tuples: ("int", 3), ("name", "B"), ("neg", e), (op, left, right) with op one of
`+ - * / % min max`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from dtypes import NUMPY


class SyntaxFault(Exception):
    """The text isn't a program; the message says the line."""


@dataclass
class Type:
    dtype: str
    dims: list


@dataclass
class Declaration:
    section: str
    name: str
    indices: list[str]
    type: Type
    init: Any = None
    ref: str | None = None
    pattern: str | None = None
    table: bool = False
    auto_dim: list[str] = field(default_factory=list)
    fixed: dict = field(default_factory=dict)
    line: int = 0


@dataclass
class Variable:
    """An operand: a variable."""

    name: str


@dataclass
class Entry:
    """An operand: an entry of a parameter table."""

    name: str
    indices: list


@dataclass
class Literal:
    """An operand: one number or truth value, or a list of them."""

    value: Any


@dataclass
class Omitted:
    """`_`: an optional operand that is left out, or a result that isn't wanted."""


@dataclass
class Slice:
    """`a..b` in a place; an end that isn't given is None."""

    start: Any
    end: Any


@dataclass
class Place:
    name: str
    # None: the whole variable. Else one expression or Slice for each index that is given.
    indices: list | None


@dataclass
class Statement:
    line: int


@dataclass
class Assign(Statement):
    name: str
    type: Type


@dataclass
class Op(Statement):
    op: str
    operands: list
    named: list  # (name, attribute value or operand)
    results: list  # names, None where the result isn't wanted
    hints: dict


@dataclass
class Transfer(Statement):
    source: str
    target: str


@dataclass
class Branch(Statement):
    condition: str | None
    then: str
    other: str | None


@dataclass
class If(Statement):
    condition: str
    then: list
    other: list | None


@dataclass
class Loop(Statement):
    name: str
    index: str
    start: Any
    end: Any
    body: list


@dataclass
class Return(Statement):
    pass


@dataclass
class Barrier(Statement):
    pass


@dataclass
class Dep(Statement):
    after: str
    before: str


@dataclass
class Read(Statement):
    place: Place
    result: str


@dataclass
class Write(Statement):
    operand: Any
    place: Place


@dataclass
class Reset(Statement):
    place: Place


@dataclass
class Count(Statement):
    """`cache.increment` and `cache.decrement`."""

    sign: int
    amount: Any
    name: str


@dataclass
class Yield(Statement):
    name: str


@dataclass
class Await(Statement):
    name: str


@dataclass
class Program:
    declarations: dict[str, Declaration]
    blocks: dict[str, list]


SECTIONS = ("dynamic", "volatile", "constant", "persistent")
TOKEN = re.compile(
    r"""(?P<space>(?:\s|//[^\n]*|/\*.*?\*/)+)
    |(?P<float>\d[\d_]*\.\d[\d_]*(?:[eE][+-]?\d+)?|\d[\d_]*[eE][+-]?\d+)
    |(?P<int>0x[\da-fA-F_]+|0b[01_]+|0o[0-7_]+|\d[\d_]*)
    |(?P<name>[A-Za-z_]\w*)
    |(?P<string>"(?:[^"\\]|\\.)*")
    |(?P<mark>>>|\.\.|[{}()\[\]:;,=@+\-*/%.])""",
    re.VERBOSE | re.DOTALL,
)


def tokens(text: str) -> list[tuple[str, Any, int]]:
    """(kind, value, line) of each token, and ("end", "", line) after the last."""
    found, at, line = [], 0, 1
    while at < len(text):
        match = TOKEN.match(text, at)
        if not match:
            raise SyntaxFault(f"line {line}: {text[at]!r} begins no token")
        kind, part = match.lastgroup, match.group()
        if kind == "int":
            found.append(
                (
                    kind,
                    int(part.replace("_", ""), 0 if part[:1] == "0" and len(part) > 1 and part[1] in "xbo" else 10),
                    line,
                )
            )
        elif kind == "float":
            found.append((kind, float(part.replace("_", "")), line))
        elif kind == "string":
            found.append((kind, part[1:-1].replace('\\"', '"').replace("\\\\", "\\"), line))
        elif kind != "space":
            found.append((kind, part, line))
        line += part.count("\n")
        at = match.end()
    return found + [("end", "", line)]


class Parser:
    def __init__(self, text: str):
        self.tokens = tokens(text)
        self.at = 0

    # Tokens.

    def peek(self, ahead: int = 0):
        return self.tokens[min(self.at + ahead, len(self.tokens) - 1)][1]

    def kind(self, ahead: int = 0) -> str:
        return self.tokens[min(self.at + ahead, len(self.tokens) - 1)][0]

    def line(self) -> int:
        return self.tokens[self.at][2]

    def fault(self, wanted: str) -> SyntaxFault:
        return SyntaxFault(f"line {self.line()}: {wanted} is wanted, not {self.peek()!r}")

    def is_mark(self, mark: str) -> bool:
        return self.kind() == "mark" and self.peek() == mark

    def accept(self, mark: str) -> bool:
        """Takes the next token if it is this mark or word."""
        if self.kind() in ("mark", "name") and self.peek() == mark:
            self.at += 1
            return True
        return False

    def expect(self, mark: str) -> None:
        if not self.accept(mark):
            raise self.fault(repr(mark))

    def take(self, kind: str):
        if self.kind() != kind:
            raise self.fault(f"a {kind}")
        self.at += 1
        return self.tokens[self.at - 1][1]

    def name(self) -> str:
        return self.take("name")

    def separated(self, end: str, item) -> list:
        """Items with commas between them, up to the mark `end`, which is taken."""
        found = []
        while not self.accept(end):
            if found:
                self.expect(",")
            found.append(item())
        return found

    # Sections.

    def program(self) -> Program:
        program = Program({}, {})
        while self.kind() != "end":
            if self.accept("block"):
                name = self.name()
                if name in program.blocks:
                    raise SyntaxFault(f"line {self.line()}: block `{name}` stands twice")
                program.blocks[name] = self.body()
            elif self.peek() in SECTIONS:
                section = self.name()
                self.expect("{")
                while not self.accept("}"):
                    declaration = self.declaration(section)
                    if declaration.name in program.declarations:
                        raise SyntaxFault(f"line {declaration.line}: `{declaration.name}` is declared twice")
                    program.declarations[declaration.name] = declaration
            else:
                raise self.fault("a section or a block")
        if "entry" not in program.blocks:
            raise SyntaxFault("there is no block `entry`")
        return program

    def declaration(self, section: str) -> Declaration:
        line, name = self.line(), self.name()
        indices = self.separated(")", self.name) if self.accept("(") else []
        self.expect(":")
        found = Declaration(section, name, indices, self.type(), line=line)
        while self.accept("@"):
            attribute = self.name()
            if attribute == "table":
                found.table = True
                continue
            self.expect("(")
            if attribute == "init":
                found.init = self.literal()
            elif attribute == "ref":
                found.ref = self.take("string")
            elif attribute == "pattern":
                found.pattern = self.take("string")
            elif attribute == "auto_dim":
                found.auto_dim = self.separated(")", self.name)
                continue
            elif attribute == "fixed":
                found.fixed = dict(self.separated(")", self.fixed))
                continue
            else:
                raise self.fault("an attribute")
            self.expect(")")
        self.expect(";")
        return found

    def fixed(self):
        name = self.name()
        self.expect("=")
        return name, self.expression()

    def type(self) -> Type:
        dtype = self.name()
        if dtype not in NUMPY:
            raise SyntaxFault(f"line {self.line()}: `{dtype}` is no dtype")
        return Type(dtype, self.separated("]", self.expression) if self.accept("[") else [])

    # Values.

    def literal(self):
        """One number, truth value or text; `-` may stand before a number."""
        negative = self.accept("-")
        if self.kind() in ("int", "float", "string"):
            value = self.take(self.kind())
        elif self.peek() in ("inf", "nan", "true", "false"):
            value = {"inf": float("inf"), "nan": float("nan"), "true": True, "false": False}[self.name()]
        else:
            raise self.fault("a literal")
        if negative and (isinstance(value, (bool, str))):
            raise self.fault("a number after `-`")
        return -value if negative else value

    def operand(self):
        if self.accept("["):
            return Literal(self.separated("]", self.literal))
        if self.kind() == "name" and self.peek() == "_":
            self.at += 1
            return Omitted()
        if self.kind() == "name" and self.peek() not in ("true", "false"):
            name = self.name()
            return Entry(name, self.separated("]", self.expression)) if self.accept("[") else Variable(name)
        return Literal(self.literal())

    def expression(self):
        """A sum of products, as a dim or an index is written."""
        left = self.product()
        while self.is_mark("+") or self.is_mark("-"):
            op = self.take("mark")
            left = (op, left, self.product())
        return left

    def product(self):
        left = self.unary()
        while self.is_mark("*") or self.is_mark("/") or self.is_mark("%"):
            op = self.take("mark")
            left = (op, left, self.unary())
        return left

    def unary(self):
        if self.accept("-"):
            return ("neg", self.unary())
        if self.kind() == "int":
            return ("int", self.take("int"))
        if self.accept("("):
            inner = self.expression()
            self.expect(")")
            return inner
        name = self.name()
        if name in ("min", "max") and self.accept("("):
            first = self.expression()
            self.expect(",")
            second = self.expression()
            self.expect(")")
            return (name, first, second)
        return ("name", name)

    # Statements.

    def body(self) -> list:
        self.expect("{")
        found = []
        while not self.accept("}"):
            found.append(self.statement())
        return found

    def statement(self) -> Statement:
        line, word = self.line(), self.name()
        if word == "if":
            condition, then = self.name(), self.body()
            return If(line, condition, then, self.body() if self.accept("else") else None)
        if word == "loop":
            name = self.name()
            self.expect("(")
            index = self.name()
            self.expect("in")
            start = self.expression()
            self.expect("..")
            end = self.expression()
            self.expect(")")
            return Loop(line, name, index, start, end, self.body())
        found = self.simple(line, word)
        self.expect(";")
        return found

    def simple(self, line: int, word: str) -> Statement:
        """A statement that ends with `;`, without it."""
        if word == "assign":
            name = self.name()
            self.expect(":")
            return Assign(line, name, self.type())
        if word == "op":
            return self.op(line)
        if word == "transfer":
            source = self.name()
            self.expect(">>")
            return Transfer(line, source, self.name())
        if word == "branch":
            names = [self.name()]
            while self.kind() == "name":
                names.append(self.name())
            if len(names) == 1:
                return Branch(line, None, names[0], None)
            return Branch(line, names[0], names[1], names[2] if len(names) > 2 else None)
        if word == "return":
            return Return(line)
        if word == "barrier":
            return Barrier(line)
        if word == "dep":
            return self.dep(line)
        if word == "yield":
            return Yield(line, self.name())
        if word == "await":
            return Await(line, self.name())
        if word == "cache":
            self.expect(".")
            return self.cache(line, self.name())
        raise self.fault(f"a statement instead of `{word}`")

    def op(self, line: int) -> Op:
        found = Op(line, self.name(), [], [], [], {})
        self.expect("(")
        for part in self.separated(")", self.argument):
            (found.named if isinstance(part, tuple) else found.operands).append(part)
        self.expect(">>")
        while True:
            name = self.name()
            found.results.append(None if name == "_" else name)
            if not self.accept(","):
                break
        if self.accept("@"):
            self.expect("{")
            found.hints = dict(self.separated("}", self.hint))
        return found

    def argument(self):
        if self.kind() == "name" and self.kind(1) == "mark" and self.peek(1) == "=":
            name = self.name()
            self.expect("=")
            return name, self.operand()
        return self.operand()

    def hint(self):
        name = self.name()
        self.expect(":")
        return name, self.literal()

    def dep(self, line: int) -> Dep:
        ends = []
        for word in ("after", "before"):
            self.expect(word)
            self.expect("(")
            name = self.name()
            if name == "cache" and self.accept("."):
                name = f"cache.{self.name()}"
            ends.append(name)
            self.expect(")")
        return Dep(line, *ends)

    def cache(self, line: int, word: str) -> Statement:
        if word == "read":
            place = self.place()
            self.expect(">>")
            return Read(line, place, self.name())
        if word == "write":
            operand = self.operand()
            self.expect(">>")
            return Write(line, operand, self.place())
        if word == "reset":
            return Reset(line, self.place())
        if word in ("increment", "decrement"):
            amount = self.expression()
            if self.kind() == "name":
                name = self.name()
            elif amount[0] == "name":
                amount, name = ("int", 1), amount[1]
            else:
                raise self.fault("a name")
            return Count(line, 1 if word == "increment" else -1, amount, name)
        raise self.fault(f"read, write, reset, increment or decrement instead of `{word}`")

    def place(self) -> Place:
        name = self.name()
        if not self.accept("["):
            return Place(name, None)
        return Place(name, self.separated("]", self.index) or None)

    def index(self):
        if self.accept(".."):
            return Slice(None, None if self.ends_slice() else self.expression())
        start = self.expression()
        if not self.accept(".."):
            return start
        return Slice(start, None if self.ends_slice() else self.expression())

    def ends_slice(self) -> bool:
        return self.is_mark(",") or self.is_mark("]")


def parse(text: str) -> Program:
    return Parser(text).program()
