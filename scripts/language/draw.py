"""Draws random programs that are right by construction: memory, operands, index expressions, and the text.

A `Draw` is one program while it is made: its declarations with the package and the inputs behind them, its blocks.
A `Scope` is a place in it: what has a value there, what tables surely hold. `draw_ops`, `draw_cache`, `draw_flow`
and `draw_faults` add statements to a scope; what they know of dims and ranges lets them add no wrong ones.
"""

from __future__ import annotations

import copy
import functools
import random
import re
from dataclasses import dataclass, field

import numpy as np

import dtypes
import random_values

FREE = {"N", "M", "T"}
FLOAT_WEIGHTS = {"f32": 8, "f16": 3, "bf16": 3, "f64": 2, "f8e4m3fn": 2, "f8e5m2": 2}
INTEGER_WEIGHTS = {
    "i64": 4,
    "i32": 4,
    "i16": 1,
    "i8": 2,
    "u64": 1,
    "u32": 1,
    "u16": 1,
    "u8": 2,
    "i4": 2,
    "u4": 2,
    "i2": 1,
    "u2": 1,
}


@dataclass
class Line:
    """A statement: its text, what names it in `dep`, and the lists of statements in it."""

    text: str
    labels: set = field(default_factory=set)
    bodies: list = field(default_factory=list)  # (how it begins, lines)


@dataclass
class Var:
    """What can stand as an operand: its text and type, and what is known of its values."""

    name: str
    dtype: str
    dims: tuple
    section: str = "assign"
    kind: str = "wild"
    # Whether a transcendental function went in.
    approximate: bool = False
    # The range of an integer scalar, where it is known; such a variable is written once.
    low: int | None = None
    high: int | None = None
    writable: bool = False
    # Whether it has a value from the start of each step.
    always: bool = False
    # Which of `entry` and the blocks beside may use it; None: all.
    world: str | None = None


@dataclass
class Scope:
    lines: list
    world: str
    defined: set = field(default_factory=set)
    declared: set = field(default_factory=set)
    held: dict = field(default_factory=dict)
    grown: set = field(default_factory=set)
    logs: set = field(default_factory=set)
    frozen: set = field(default_factory=set)
    loops: list = field(default_factory=list)
    turns: int = 1
    depth: int = 0
    top: bool = False
    may_return: bool = False
    in_loop: bool = False
    block: str = "entry"

    def child(self, **changes) -> Scope:
        """A list of statements inside: what happens there isn't known here."""
        inner = copy.copy(self)
        inner.lines, inner.depth, inner.top = [], self.depth + 1, False
        inner.defined, inner.declared = set(self.defined), set(self.declared)
        inner.held = {name: list(extents) for name, extents in self.held.items()}
        inner.grown, inner.frozen, inner.loops = set(self.grown), set(self.frozen), list(self.loops)
        for name, value in changes.items():
            setattr(inner, name, value)
        return inner

    def merge(self, *others: Scope) -> None:
        """What is known after one of several lists has run."""
        self.defined = set.intersection(*(other.defined for other in others)) & self.declared
        self.grown = set.intersection(*(other.grown for other in others))
        for name in list(self.held):
            extents = [other.held.get(name, self.held[name]) for other in others]
            self.held[name] = [min(column) for column in zip(*extents)]


class Draw:
    def __init__(self, seed: int):
        self.random = random.Random(seed)
        self.numbers = np.random.default_rng(seed)
        self.vars: dict[str, Var] = {}
        self.states: dict = {}
        self.text_of: dict[str, str] = {}  # declarations
        self.parameters: dict[str, np.ndarray] = {}
        self.metadata: dict = {}
        self.package_sizes: dict[str, int] = {}
        self.sizes: dict[str, int] = {}
        self.used_sizes: set[str] = set()
        self.free: dict[str, list[int]] = {}
        self.carriers: set[str] = set()  # free sizes that an input has as a whole dim
        self.inputs: dict[str, Var] = {}
        self.blocks: dict[str, list] = {}
        self.callable: dict = {}
        self.counter = 0
        self.steps = self.random.choice([1, 2, 2, 3, 3, 4])
        self.fail_step: int | None = None
        self.fault = None
        self.given: dict[str, list] = {}  # inputs whose values are said, one for each step
        self.missing: str | None = None
        self.draw_sizes()

    # Chance.

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def choice(self, items):
        return self.random.choice(list(items))

    def weighted(self, weights: dict):
        return self.random.choices(list(weights), list(weights.values()))[0]

    def name(self, stem: str) -> str:
        self.counter += 1
        return f"{stem}{self.counter}"

    # Sizes and dims.

    def draw_sizes(self) -> None:
        """The sizes of the program, each from another source."""
        for name in self.random.sample(["B", "D", "H", "P", "Q", "n"], self.random.randint(3, 6)):
            value = self.random.choice([1, 2, 2, 3, 3, 4])
            self.sizes[name] = value
            source = self.choice(["package", "metadata", "constant", "parameter"])
            if source == "package":
                self.package_sizes[name] = value
                if self.chance(0.2):
                    # The package's size comes first.
                    self.metadata[name] = value + 1
            elif source == "metadata":
                self.metadata[name] = value
            elif source == "constant":
                dtype = self.choice(["i64", "i32", "u32", "u8"])
                where = self.choice(["parameters", "metadata", "package_sizes"])
                getattr(self, where)[name] = dtypes.scalar(value, dtype) if where == "parameters" else value
                self.declare(Var(name, dtype, (), "constant", low=value, high=value, always=True), "")
            else:
                # A parameter that is declared with just that name as a dim.
                weight = self.name("w")
                dtype, other = self.any_dtype(), self.random.randint(1, 3)
                self.parameters[weight] = random_values.array(self.numbers, dtype, (value, other), "plain")
                section = self.choice(["volatile", "constant"])
                self.declare(Var(weight, dtype, (name, str(other)), section, "plain", always=True), "")
        if self.chance(0.6):
            values = [self.random.choice([0, 1, 2, 2, 3, 3, 4, 5]) for _ in range(self.steps)]
            self.free["N"] = values
        names = list(self.sizes)
        self.pool = ["1", "2", "3"] + names * 2
        for _ in range(3):
            a, b = self.choice(names), self.choice(names)
            self.pool.append(
                self.choice(
                    [
                        f"{a} + 1",
                        f"2 * {b}",
                        f"max({a}, {b})",
                        f"min({a}, {b} + 1)",
                        f"({a} + {b}) / 2",
                        f"{a} % 2 + 1",
                        f"{a} + {b} - 1",
                        f"(7 - {a}) / 2",
                    ]
                )
            )
        if "N" in self.free:
            self.pool += ["N", "N", self.choice(["N + 1", "2 * N"])]

    def extent(self, dim: str, step: int = 0) -> int:
        """What a dim is worth in a step."""
        names, code = read_dim(dim)
        self.used_sizes.update(names)
        free = {name: self.free[name][step] for name in names & FREE}
        return eval(code, {"min": min, "max": max}, self.sizes | free)

    def is_static(self, dim: str) -> bool:
        return not FREE & read_dim(dim)[0]

    def key(self, dim: str):
        """Equal dims have equal keys."""
        return self.extent(dim) if self.is_static(dim) else dim

    def same(self, a: tuple, b: tuple) -> bool:
        return len(a) == len(b) and all(self.key(x) == self.key(y) for x, y in zip(a, b))

    def all_static(self, dims) -> bool:
        return all(map(self.is_static, dims))

    def draw_dims(self, rank: int | None = None, static: bool = False) -> tuple:
        rank = self.random.choice([0, 1, 1, 2, 2, 2, 3]) if rank is None else rank
        pool = [dim for dim in self.pool if not static or self.is_static(dim)]
        return tuple(self.choice(pool) for _ in range(rank))

    def written_dim(self, value: int) -> str:
        """A static dim of this value."""
        fitting = [dim for dim in self.pool if self.is_static(dim) and self.extent(dim) == value]
        return self.choice(fitting) if fitting and self.chance(0.5) else str(value)

    # Dtypes.

    def float_dtype(self) -> str:
        return self.weighted(FLOAT_WEIGHTS)

    def integer_dtype(self) -> str:
        return self.weighted(INTEGER_WEIGHTS)

    def any_dtype(self) -> str:
        return self.choice([self.float_dtype(), self.float_dtype(), self.integer_dtype(), self.integer_dtype(), "bool"])

    # Memory.

    def declare(self, var: Var, attributes: str, indices: str = "") -> Var:
        dims = f"[{', '.join(var.dims)}]" if var.dims or self.chance(0.2) else ""
        self.text_of[var.name] = f"{var.name}{indices}: {var.dtype}{dims}{attributes};"
        self.vars[var.name] = var
        for dim in var.dims:
            self.used_sizes.update(read_dim(dim)[0])
            if var.section == "dynamic":
                self.carriers.update(FREE & {dim})
        if var.section == "dynamic":
            self.inputs[var.name] = var
        return var

    def fresh(self, dtype: str, dims: tuple, kind: str = "wild") -> Var:
        """New memory with a value from the start of each step: inputs, weights, constants."""
        static = self.all_static(dims)
        section = self.choice(
            ["dynamic"] if not static else ["dynamic", "dynamic", "volatile", "volatile", "constant", "table", "init"]
        )
        if section == "dynamic":
            return self.declare(
                Var(self.name("x"), dtype, dims, "dynamic", kind, writable=kind == "wild", always=True), ""
            )
        shape = tuple(self.extent(dim) for dim in dims)
        if section == "table":
            return self.parameter_table(dtype, dims, shape, kind)
        if section == "init" and dtype != "bool" and kind == "wild":
            value = (
                self.random.choice([0, 1, 2, 3])
                if dtypes.is_integer(dtype)
                else self.random.choice([0.5, 1.0, 2.0, -1.5])
            )
            if dtypes.is_integer(dtype) and value > dtypes.bounds(dtype)[1]:
                value = 1
            return self.declare(
                Var(self.name("v"), dtype, dims, "volatile", writable=True, always=True), f" @init({value})"
            )
        if (
            section == "constant"
            and len(dims) < 2
            and dtype in ("i64", "i32", "u8", "f32", "f64", "f16", "bool")
            and self.chance(0.5)
        ):
            return self.setting(dtype, dims, shape, kind)
        section = "volatile" if section == "init" else section
        name = self.name("w")
        var = Var(name, dtype, dims, section, kind, writable=section == "volatile" and kind == "wild", always=True)
        key, attribute = name, ""
        if self.chance(0.3):
            key = f"model.{name}.weight"
            attribute = f' @ref("{key}")'
        self.parameters[key] = random_values.array(self.numbers, dtype, shape, kind)
        return self.declare(var, attribute)

    def fresh_scalar_bool(self) -> Var:
        """A scalar bool of memory: an input, a weight or a constant."""
        while True:
            var = self.fresh("bool", ())
            if not hasattr(var, "extents"):
                return var

    def setting(self, dtype: str, dims: tuple, shape: tuple, kind: str) -> Var:
        """A constant that is metadata, converted to the declared dtype."""

        def one():
            if dtype == "bool":
                return self.chance(0.5)
            if dtypes.is_integer(dtype):
                return self.random.randint(0, 4)
            return (
                float(self.random.choice([0.5, -1.25, 3.0, 2.0]))
                if kind == "small"
                else self.random.choice([0.1, -2.7, 1.5, 3.0])
            )

        if kind == "small" and not dtypes.is_integer(dtype):
            value = (
                float(self.random.randint(-3, 3))
                if not shape
                else [float(self.random.randint(-3, 3)) for _ in range(shape[0])]
            )
        else:
            value = one() if not shape else [one() for _ in range(shape[0])]
        name = self.name("c")
        key = self.choice([name, f"meta.{name}"])
        self.metadata[key] = value
        return self.declare(
            Var(name, dtype, dims, "constant", kind, always=True), "" if key == name else f' @ref("{key}")'
        )

    def parameter_table(self, dtype: str, dims: tuple, shape: tuple, kind: str) -> Var:
        """An entry of a parameter table of one or two indices."""
        name = self.name("W")
        extents = [self.random.randint(1, 3) for _ in range(self.random.choice([1, 1, 2]))]
        letters = ["l", "h"][: len(extents)]
        stem = self.choice([f"{name}.", f"layers.{name}_"])
        pattern = stem + ".".join(f"{{{letter}}}" for letter in letters) + self.choice(["", ".weight"])
        for place in np.ndindex(*extents):
            key = pattern
            for letter, index in zip(letters, place):
                key = key.replace(f"{{{letter}}}", str(index))
            self.parameters[key] = random_values.array(self.numbers, dtype, shape, kind)
        section = self.choice(["volatile", "volatile", "constant"])
        table = Var(name, dtype, dims, section, kind)
        self.declare(table, f' @pattern("{pattern}")', f"({', '.join(letters)})")
        table.extents = extents
        return table

    # Operands.

    def readable(self, s: Scope, test) -> list[Var]:
        found = []
        for var in self.vars.values():
            if var.section == "persistent":
                state = self.states[var.name]
                if state.kind not in ("scalar", "tensor", "matrix") or var.world != s.world:
                    continue
                if state.kind == "matrix":
                    if var.name not in s.grown:
                        continue
                    var = self.grown_matrix(state)
            elif not (var.always or var.name in s.defined) or hasattr(var, "extents"):
                continue
            if test(var):
                found.append(var)
        return found

    def grown_matrix(self, state) -> Var:
        """A growing matrix at its final size."""
        found = copy.copy(state.var)
        sizes = [self.extent(dim) for dim in state.dims]
        for place, count in enumerate(state.auto):
            sizes[place] += state.caps[count]
        found.dims = tuple(map(str, sizes))
        return found

    def operand(self, s: Scope, dtype: str, dims: tuple, kind: str | None = None, approximate: bool = False) -> Var:
        """A variable of this type with a value here. `kind`: that its values must be of; by default any will do."""

        def fits(var):
            return (
                var.dtype == dtype
                and self.same(var.dims, dims)
                and (kind is None or var.kind == kind)
                and (approximate or not var.approximate)
            )

        found = self.readable(s, fits)
        if found and self.chance(0.85):
            return self.choice(found)
        return self.entry(s, self.fresh(dtype, dims, kind or self.choice(["wild", "wild", "plain"])))

    def entry(self, s: Scope, var: Var) -> Var:
        """What stands as operand: of a parameter table, one of its entries."""
        if not hasattr(var, "extents"):
            return var
        indices = ", ".join(self.index(s, 0, extent - 1) for extent in var.extents)
        found = copy.copy(var)
        del found.extents
        found.name = f"{var.name}[{indices}]"
        return found

    def any_operand(self, s: Scope, test=lambda var: True, approximate: bool = False) -> Var | None:
        """A variable that has a value here and passes the test, or None."""
        found = self.readable(s, lambda var: (approximate or not var.approximate) and test(var))
        # What was computed is used more often than what was there from the start, and the newest most.
        computed = [var for var in found if var.section == "assign"]
        if computed and self.chance(0.6):
            found = computed[-4:] if self.chance(0.5) else computed
        return self.choice(found) if found else None

    def target(self, s: Scope, dtype: str, dims: tuple, approximate: bool = False, new: bool = False) -> str:
        """Where a result goes: a variable of its type that may be written here, or a new one."""
        found = (
            []
            if new
            else [
                var
                for var in self.vars.values()
                if self.may_write(s, var)
                and var.dtype == dtype
                and self.same(var.dims, dims)
                and var.approximate == approximate
            ]
        )
        if found and self.chance(0.75 if s.depth else 0.5):
            return self.choice(found).name
        var = self.declare_local(s, dtype, dims, approximate)
        return var.name

    def declare_local(self, s: Scope, dtype: str, dims: tuple, approximate: bool = False) -> Var:
        """`assign`: a new variable of this list of statements."""
        var = Var(
            self.name(self.choice("hqkvyz")), dtype, tuple(dims), "assign", approximate=approximate, writable=True
        )
        if self.all_static(dims) and self.chance(0.05):
            # A volatile variable that nothing gives a value at the start of a step.
            var.section = "volatile"
            s.declared.add(var.name)
            return self.declare(var, "")
        self.vars[var.name] = var
        text = f"[{', '.join(dims)}]" if dims or self.chance(0.2) else ""
        s.lines.append(Line(f"assign {var.name}: {dtype}{text};"))
        s.declared.add(var.name)
        return var

    def may_write(self, s: Scope, var: Var) -> bool:
        if not var.writable or var.name in s.frozen:
            return False
        return var.section in ("dynamic", "volatile") or var.name in s.declared

    def wrote(self, s: Scope, *names: str) -> None:
        s.defined.update(names)

    # Integer expressions.

    def index_bases(self, s: Scope) -> list[tuple[str, int, int]]:
        """Names that integer expressions can be made of, and the range of each."""
        self.used_sizes.update(self.sizes)
        bases = [(name, value, value) for name, value in self.sizes.items()]
        bases += [(name, low, high) for name, low, high in s.loops] * 3
        far = 1 << 40
        for var in self.readable(s, lambda var: dtypes.is_integer(var.dtype) and not var.dims and var.dtype != "u64"):
            if var.low is not None:
                bases += [(var.name, var.low, var.high)] * 2
            elif var.section == "persistent" and var.dtype != "i64":
                bases.append((var.name, -far, far))
        return bases

    def index(self, s: Scope, low: int, high: int) -> str:
        """An integer expression that is surely from `low` to `high`."""
        if self.chance(0.3):
            return str(self.random.randint(low, high)) if low >= 0 else f"{self.random.randint(low, high)}"
        if self.chance(0.12):
            return self.new_index(low, high)
        count = high - low + 1
        if self.chance(0.4):
            text, least, most = self.term(s, 2)
            if low <= least and most <= high:
                return text
            wrapped = f"{in_parentheses(text)} % {count}"
            return wrapped if low == 0 else f"{wrapped} + {low}" if low > 0 else f"{wrapped} - {-low}"
        name, least, most = self.choice(self.index_bases(s))
        if low <= least and most <= high and self.chance(0.8):
            return name
        if low <= least + 1 and most + 1 <= high and self.chance(0.5):
            return f"{name} + 1"
        if low <= least - 1 and most - 1 <= high and self.chance(0.5):
            return f"{name} - 1"
        form = self.random.randint(0, 3)
        if form == 0 or most - least > 1000:
            inner = (
                f"{name} % {count}"
                if self.chance(0.7) or most - least > 1000
                else f"({name} + {self.random.randint(1, 9)}) % {count}"
            )
            return inner if low == 0 else f"{inner} + {low}" if low > 0 else f"{inner} - {-low}"
        if form == 1:
            return f"min(max({name}, {low}), {high})" if low >= 0 else f"max(min({name}, {high}), {low})"
        if form == 2 and low >= 0 and least >= 0:
            return f"{low} + {name} * 3 / 2 % {count}"
        return (
            f"({name} * {self.random.randint(2, 5)} + {self.random.randint(0, 5)}) % {count} + {low}"
            if low >= 0
            else f"{high} - {name} % {count}"
        )

    def term(self, s: Scope, depth: int) -> tuple[str, int, int]:
        """An integer expression of any value, negative too, and the range of its value."""
        if depth == 0 or self.chance(0.2):
            if self.chance(0.25):
                value = self.random.randint(0, 6)
                return str(value), value, value
            return self.choice(self.index_bases(s))
        text, low, high = self.term(s, depth - 1)
        op = self.choice(["+", "-", "*", "/", "/", "%", "min", "max"])
        if op in ("/", "%"):
            # Both round down, whatever the signs are.
            value = self.choice([2, 3, 4, -2, -3])
            shown = str(value) if value > 0 else f"(1 - {1 - value})"
            ends = sorted([low // value, high // value]) if op == "/" else [min(0, value + 1), max(0, value - 1)]
            return f"{in_parentheses(text)} {op} {shown}", *ends
        if op == "*":
            value = self.random.randint(2, 4)
            return f"{in_parentheses(text)} * {value}", low * value, high * value
        other, least, most = self.term(s, depth - 1)
        if op == "+":
            return f"{text} + {other}", low + least, high + most
        if op == "-":
            return f"{text} - {in_parentheses(other)}", low - most, high - least
        choose = {"min": min, "max": max}[op]
        return f"{op}({text}, {other})", choose(low, least), choose(high, most)

    def new_index(self, low: int, high: int) -> str:
        """An integer scalar of memory with values from `low` to `high`."""
        source = self.choice(["input", "input", "init", "metadata", "parameter"])
        dtype = self.choice(["i64", "i32", "i8", "i16"] + (["u8", "u32", "u16"] if low >= 0 else []))
        value = self.random.randint(low, high)
        if source == "input":
            name = self.name("at")
            self.given[name] = [self.random.randint(low, high) for _ in range(self.steps)]
            return self.declare(Var(name, dtype, (), "dynamic", low=low, high=high, always=True), "").name
        if source == "init":
            return self.declare(
                Var(self.name("v"), dtype, (), "volatile", low=value, high=value, always=True), f" @init({value})"
            ).name
        name = self.name("c")
        if source == "metadata":
            self.metadata[name] = value
        else:
            self.parameters[name] = dtypes.scalar(value, dtype)
        return self.declare(Var(name, dtype, (), "constant", low=value, high=value, always=True), "").name

    # Attributes.

    def attribute(self, value) -> str:
        """The value of an attribute: a literal, or the name of what has this value before the program runs."""
        if isinstance(value, list):
            return f"[{', '.join(map(str, value))}]"
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, str):
            return f'"{value}"'
        if isinstance(value, int):
            return self.named_setting("axis", value, "i64", value >= 0) if self.chance(0.15) else str(value)
        if np.isfinite(value) and self.chance(0.15):
            return self.named_setting("rate", value, "f64", False)
        return (
            "nan" if np.isnan(value) else repr(float(value)) if np.isfinite(value) else "inf" if value > 0 else "-inf"
        )

    def named_setting(self, stem: str, value, dtype: str, is_size: bool) -> str:
        name = self.name(stem)
        source = self.choice(["metadata", "constant", "size"] if is_size else ["metadata", "constant"])
        if source == "size":
            self.package_sizes[name] = value
            return name
        self.metadata[name] = value
        if source == "constant":
            self.declare(
                Var(
                    name,
                    dtype,
                    (),
                    "constant",
                    always=True,
                    **({"low": value, "high": value} if dtype == "i64" else {}),
                ),
                "",
            )
        return name

    # The whole.

    def inputs_of(self, step: int) -> dict[str, np.ndarray]:
        found = {}
        for name, var in self.inputs.items():
            if name in self.given:
                value = self.given[name][step]
                found[name] = (
                    np.array(value, dtype=np.int64).astype(dtypes.NUMPY[var.dtype])
                    if not isinstance(value, np.ndarray)
                    else value
                )
            else:
                shape = tuple(self.extent(dim, step) for dim in var.dims)
                found[name] = random_values.array(self.numbers, var.dtype, shape, var.kind)
        if self.missing is not None and step == self.fail_step:
            found.pop(self.missing, None)
        return found

    def carry_sizes(self) -> None:
        """Every free size is a whole dim of an input."""
        written = f"{self.text_of} {self.blocks}"
        for name in self.free:
            if re.search(rf"\b{name}\b", written) and name not in self.carriers:
                self.declare(Var(self.name("x"), self.float_dtype(), (name,), "dynamic", "plain", always=True), "")

    def text(self) -> str:
        self.carry_sizes()
        parts = []
        sections: dict[str, list[str]] = {}
        for name, text in self.text_of.items():
            sections.setdefault(self.vars[name].section, []).append(text)
        for section, lines in sections.items():
            cut = self.random.randint(1, len(lines)) if self.chance(0.1) else len(lines)
            for part in (lines[:cut], lines[cut:]):
                if part:
                    parts.append(f"{section} {{\n" + "".join(f"    {line}\n" for line in part) + "}")
        for name, lines in self.blocks.items():
            self.add_deps(lines)
            parts.append(f"block {name} {{\n" + render(lines, 1, self.random) + "}")
        if self.chance(0.5):
            self.random.shuffle(parts)
        return "\n".join(parts) + "\n"

    def add_deps(self, lines: list[Line]) -> None:
        """A `dep` here and there between statements that it names."""
        for line in lines:
            for _, body in line.bodies:
                self.add_deps(body)
        if len(lines) > 2 and self.chance(0.12):
            place = self.random.randint(1, len(lines) - 1)
            above, below = (
                [line for line in lines[:place] if line.labels],
                [line for line in lines[place:] if line.labels],
            )
            if above and below and not any(line.text.startswith("await") for line in lines[place : place + 1]):
                after, before = (
                    self.choice(sorted(self.choice(above).labels)),
                    self.choice(sorted(self.choice(below).labels)),
                )
                lines.insert(place, Line(f"dep after({after}) before({before});"))


def in_parentheses(text: str) -> str:
    """The expression as an operand of `*`, `/` or `%`, or behind `-`."""
    return text if re.fullmatch(r"\w+", text) else f"({text})"


@functools.cache
def read_dim(dim: str):
    """The names in a dim, and Python's code for it: its `//` rounds down as `/` does here."""
    return frozenset(re.findall(r"[A-Za-z_]\w*", dim)), compile(dim.replace("/", "//"), dim, "eval")


def render(lines: list[Line], depth: int, chance: random.Random) -> str:
    pad, text = "    " * depth, ""
    for line in lines:
        if not line.bodies:
            comment = "  // " + chance.choice(["a comment", "x >> y;", "{"]) if chance.random() < 0.02 else ""
            text += f"{pad}{line.text}{comment}\n"
            continue
        for place, (begin, body) in enumerate(line.bodies):
            text += f"{pad}{'} ' if place else ''}{begin} {{\n" + render(body, depth + 1, chance)
        text += f"{pad}}}\n"
    return text
