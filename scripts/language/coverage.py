"""Which constructs of docs/language.md a program uses, and how many programs must use each.

`constructs` walks the parsed program; `Tally` counts programs. What a program did when it ran is counted by the
generator. `REQUIRED` is every construct that the document has.
"""

from __future__ import annotations

from collections import Counter

import dtypes
from check import Checker, callees, first_await, reached, surely_returns, used, walk, written
from evaluate import Package
from ops import OPS
from syntax import (
    Await,
    Barrier,
    Branch,
    Count,
    Dep,
    Entry,
    If,
    Literal,
    Loop,
    Omitted,
    Op,
    Place,
    Program,
    Read,
    Reset,
    Return,
    Slice,
    Transfer,
    Variable,
    Write,
    Yield,
)

LEAST = 20

REQUIRED = [
    # Memory.
    *(f"section {name}" for name in ("dynamic", "volatile", "constant", "persistent")),
    "volatile parameter",
    "volatile @ref",
    "volatile @init",
    "volatile without a value",
    "volatile parameter table",
    "constant parameter",
    "constant @ref",
    "constant metadata",
    "constant metadata list",
    "constant size",
    "constant parameter table",
    "constant bool",
    "parameter table of 2 indices",
    "persistent scalar",
    "persistent tensor",
    "persistent @init",
    "persistent @ref",
    "persistent zeros",
    *(f"table of {count} indices" for count in (1, 2, 3)),
    "@fixed table",
    "@fixed count",
    "@fixed of a size",
    "@auto_dim",
    "@auto_dim of 2",
    "@auto_dim in another order",
    "@table @auto_dim",
    "type without brackets",
    "type with empty brackets",
    # Sizes and dims.
    *(f"size from {source}" for source in ("package", "constant", "metadata", "parameter", "inputs")),
    "package size before metadata",
    "free size in an expression",
    *(f"dim {op}" for op in ("int", "name", "+", "-", "*", "/", "%", "min", "max")),
    # Values.
    "operand variable",
    "operand entry",
    "operand integer",
    "operand float",
    "operand bool",
    "operand negative",
    "operand list",
    "operand _",
    "operand by name",
    "operand state",
    "operand growing matrix",
    "operand loop index",
    "operand integer for a float",
    *(f"index {op}" for op in ("int", "name", "+", "-", "*", "/", "%", "min", "max")),
    *(f"index of {kind}" for kind in ("size", "loop", "dynamic", "volatile", "constant", "persistent")),
    *(f"attribute {kind}" for kind in ("bool", "integer", "float", "text", "list", "dtype", "inf", "nan")),
    *(f"attribute named {kind}" for kind in ("constant", "metadata", "size")),
    # Statements.
    "assign",
    "op",
    "several results",
    "result _",
    "hints",
    "transfer",
    "barrier",
    "dep",
    "dep on cache",
    "comment",
    "integer with _",
    "integer in hexadecimal",
    "branch of 1",
    "branch of 2",
    "branch of 3",
    "branch from a block",
    "block called twice",
    "if",
    "if else",
    "value of the side that doesn't return",
    "variable of a called block",
    "loop",
    "loop in a loop",
    "loop from a negative",
    *(f"bound of {kind}" for kind in ("size", "loop", "dynamic", "persistent")),
    "return in entry",
    "return in a called block",
    "return in a loop",
    "return in an if",
    "return beside",
    # Cache.
    "cache.read",
    "cache.write",
    "cache.reset",
    "cache.increment",
    "cache.decrement",
    "increment by 1",
    "increment by a literal",
    "increment by an expression",
    "increment by a negative",
    "write of a literal",
    "write of a list",
    "write of an entry",
    *(
        f"{way} {form}"
        for way in ("read", "write")
        for form in (
            "whole",
            "whole []",
            "index",
            "negative index",
            "expression index",
            "a..b",
            "a..",
            "..b",
            "..",
            "negative start",
            "negative end",
            "fewer indices",
            "count",
            "slice of a growing matrix",
            "table of growing matrices",
        )
    ),
    "reset whole",
    "reset whole []",
    "reset place",
    # Beside.
    "yield",
    "yield that nobody awaits",
    "1 blocks beside",
    "2 blocks beside",
    "3 blocks beside",
    "await in entry",
    "await in entry of what it doesn't yield",
    "await in entry of what a block writes",
    "second await in a block",
    "assign before the first await",
    "await of another block's",
    "begins with another block's",
    "state of a block beside",
    "block called from a block beside",
    "writes after its yield",
    # What happens.
    "loop without a turn",
    "a state grows",
    "an error and a step after it",
    "several steps",
    "elements that aren't exact",
]


def index_names(expression) -> set[str]:
    return (
        {expression[1]}
        if expression[0] == "name"
        else set()
        if expression[0] == "int"
        else set().union(*map(index_names, expression[1:]))
    )


def operators(expression) -> set[str]:
    return (
        {expression[0]} if expression[0] in ("name", "int") else {expression[0]}.union(*map(operators, expression[1:]))
    )


class Walker:
    def __init__(self, program: Program, package: Package, free: set[str], checker: Checker):
        self.program, self.package, self.free, self.checker = program, package, free, checker
        self.found: set[str] = set()
        self.assigned: set[str] = set()

    def add(self, *names: str) -> None:
        self.found.update(names)

    def add_if(self, condition, name: str) -> None:
        if condition:
            self.found.add(name)

    def all(self) -> set[str]:
        for declaration in self.program.declarations.values():
            self.declaration(declaration)
        for block, body in self.program.blocks.items():
            self.list(block, body, ())
        self.blocks()
        return self.found

    # Memory.

    def type(self, declared) -> None:
        self.add(f"dtype {declared.dtype}")
        for dim in declared.dims:
            self.add(*(f"dim {op}" for op in operators(dim)))
            for name in index_names(dim):
                self.size(name)
            self.add_if(dim[0] != "name" and index_names(dim) & self.free, "free size in an expression")

    def size(self, name: str) -> None:
        package = self.package
        declared = self.program.declarations.get(name)
        source = (
            "package"
            if name in package.sizes
            else "constant"
            if declared
            else "metadata"
            if name in package.metadata
            else "inputs"
            if name in self.free
            else "parameter"
        )
        self.add(f"size from {source}")
        self.add_if(source == "package" and name in package.metadata, "package size before metadata")

    def declaration(self, one) -> None:
        section, package, key = one.section, self.package, one.ref or one.name
        self.add(f"section {section}")
        self.type(one.type)
        if one.pattern is not None:
            self.add(f"{section} parameter table")
            self.add_if(len(one.indices) == 2, "parameter table of 2 indices")
        elif section == "volatile":
            has = key in package.parameters
            self.add(
                "volatile @ref"
                if one.ref
                else "volatile parameter"
                if has
                else "volatile @init"
                if one.init is not None
                else "volatile without a value"
            )
        elif section == "constant":
            value = package.metadata.get(key)
            kind = (
                "parameter"
                if key in package.parameters
                else "size"
                if value is None
                else "metadata list"
                if isinstance(value, list)
                else "metadata"
            )
            self.add(f"constant {kind}")
            self.add_if(one.ref, "constant @ref")
            self.add_if(one.type.dtype == "bool", "constant bool")
        elif section == "persistent":
            self.add(
                "persistent @init" if one.init is not None else "persistent @ref" if one.ref else "persistent zeros"
            )
            cells = [name for name in one.indices if name not in one.auto_dim]
            self.add_if(not one.indices, "persistent tensor" if one.type.dims else "persistent scalar")
            self.add_if(one.table and not one.auto_dim, f"table of {len(cells)} indices")
            self.add_if(set(one.fixed) & set(cells), "@fixed table")
            self.add_if(set(one.fixed) & set(one.auto_dim), "@fixed count")
            self.add_if(any(dim[0] == "name" for dim in one.fixed.values()), "@fixed of a size")
            self.add_if(one.auto_dim, "@auto_dim")
            self.add_if(len(one.auto_dim) == 2, "@auto_dim of 2")
            self.add_if(one.auto_dim and one.auto_dim != one.indices[len(cells) :], "@auto_dim in another order")
            self.add_if(one.auto_dim and one.table, "@table @auto_dim")

    # Statements.

    def list(self, block: str, statements: list, above: tuple) -> None:
        """`above`: the kinds of the lists around this one."""
        for place, statement in enumerate(statements):
            self.statement(block, statement, above)
            if isinstance(statement, If):
                self.add("if" if statement.other is None else "if else")
                self.returning_side(statement, statements[place + 1 :])
                self.list(block, statement.then, (*above, "if"))
                self.list(block, statement.other or [], (*above, "if"))
            if isinstance(statement, Loop):
                self.add("loop")
                self.add_if("loop" in above, "loop in a loop")
                self.list(block, statement.body, (*above, "loop"))

    def statement(self, block: str, statement, above: tuple) -> None:
        beside = block in self.checker.beside
        match statement:
            case Op():
                self.op(statement)
            case Transfer():
                self.add("transfer")
            case Branch():
                count = 1 + (statement.condition is not None) + (statement.other is not None)
                self.add(f"branch of {count}")
                self.add_if(block != "entry" and not beside, "branch from a block")
                self.add_if(beside, "block called from a block beside")
            case Loop():
                for bound in (statement.start, statement.end):
                    self.add(*(f"bound of {self.kind(name)}" for name in index_names(bound)))
                self.add_if(statement.start[0] == "neg", "loop from a negative")
            case Return():
                where = "beside" if beside else "in entry" if block == "entry" else "in a called block"
                self.add(f"return {where}")
                self.add(*(f"return in {'an' if kind == 'if' else 'a'} {kind}" for kind in above))
            case Barrier():
                self.add("barrier")
            case Dep():
                self.add("dep")
                self.add_if("cache" in statement.after + statement.before, "dep on cache")
            case Read():
                self.add("cache.read")
                self.place(statement.place, "read")
            case Write():
                self.add("cache.write")
                self.place(statement.place, "write")
                if isinstance(statement.operand, Literal):
                    self.add("write of a list" if isinstance(statement.operand.value, list) else "write of a literal")
                self.add_if(isinstance(statement.operand, Entry), "write of an entry")
            case Reset():
                self.add("cache.reset", "reset place" if statement.place.indices else "reset whole")
            case Count():
                self.add("cache.increment" if statement.sign > 0 else "cache.decrement")
                amount = statement.amount
                self.add(
                    "increment by 1"
                    if amount == ("int", 1)
                    else "increment by a literal"
                    if amount[0] == "int"
                    else "increment by a negative"
                    if amount[0] == "neg"
                    else "increment by an expression"
                )
                self.expression(amount)
            case Yield():
                self.add("yield" if statement.name in self.checker.awaited else "yield that nobody awaits")
            case Await():
                self.waits(block, statement)
        if type(statement).__name__ == "Assign":
            self.add("assign")
            self.type(statement.type)

    def returning_side(self, statement: If, rest: list) -> None:
        """One side returns; the other gives a variable a value that is read afterwards."""
        sides = [statement.then, statement.other or []]
        staying = [side for side in sides if not surely_returns(side)]
        if len(staying) == 1:
            given, others = (
                {name for one in side for name in written(one)} for side in sorted(sides, key=surely_returns)
            )
            reads = set().union(*(used(one) for one in walk(rest)))
            self.add_if(given & reads - others, "value of the side that doesn't return")

    def kind(self, name: str) -> str:
        declared = self.program.declarations.get(name)
        if name in self.checker.indices:
            return "loop"
        return declared.section if declared else "size" if name not in self.checker.variables else "assign"

    def expression(self, expression) -> None:
        self.add(*(f"index {op}" for op in operators(expression)))
        self.add(*(f"index of {self.kind(name)}" for name in index_names(expression)))

    def op(self, statement: Op) -> None:
        row = OPS[statement.op]
        self.add("op", f"op {statement.op}")
        self.add_if(len(statement.results) > 1, "several results")
        self.add_if(None in statement.results, "result _")
        self.add_if(statement.hints, "hints")
        operands = list(statement.operands)
        slots = [operand.name for operand in row.operands]
        for name, value in statement.named:
            if name in slots and not row.operands[0].many:
                self.add("operand by name")
                operands.append(value)
            else:
                self.attribute(value)
        floats = any(
            self.checker.variables[one.name].type.dtype in dtypes.FORMATS
            for one in operands
            if isinstance(one, Variable) and one.name in self.checker.variables
        )
        for operand in operands:
            match operand:
                case Variable():
                    kind = self.kind(operand.name)
                    declared = self.program.declarations.get(operand.name)
                    self.add("operand loop index" if kind == "loop" else "operand variable")
                    self.add_if(
                        kind == "persistent",
                        "operand growing matrix" if declared and declared.indices else "operand state",
                    )
                case Entry():
                    self.add("operand entry")
                    for index in operand.indices:
                        self.expression(index)
                case Literal():
                    value = operand.value
                    if isinstance(value, list):
                        self.add("operand list")
                        continue
                    self.add(
                        "operand bool"
                        if isinstance(value, bool)
                        else "operand float"
                        if isinstance(value, float)
                        else "operand integer"
                    )
                    self.add_if(not isinstance(value, bool) and value < 0, "operand negative")
                    self.add_if(
                        floats and type(value) is int and statement.op in ("add", "sub", "mul", "div"),
                        "operand integer for a float",
                    )
                case Omitted():
                    self.add("operand _")

    def attribute(self, value) -> None:
        if isinstance(value, Variable):
            name = value.name
            if name in ("inf", "nan"):
                self.add(f"attribute {name}")
            elif name in dtypes.NUMPY:
                self.add("attribute dtype")
            else:
                declared = self.program.declarations.get(name)
                self.add(
                    "attribute named "
                    + ("constant" if declared else "metadata" if name in self.package.metadata else "size")
                )
        elif isinstance(value, Literal):
            value = value.value
            kind = {bool: "bool", int: "integer", str: "text", list: "list"}.get(type(value), "float")
            self.add("attribute inf" if kind == "float" and abs(value) == float("inf") else f"attribute {kind}")

    # Places.

    def place(self, place: Place, way: str) -> None:
        declared = self.program.declarations[place.name]
        if place.indices is None:
            self.add(f"{way} whole")
            return
        self.add_if(len(place.indices) < len(declared.indices), f"{way} fewer indices")
        self.add_if(declared.table and declared.auto_dim, f"{way} table of growing matrices")
        for name, index in zip(declared.indices, place.indices):
            count = name in declared.auto_dim
            if isinstance(index, Slice):
                self.add(f"{way} {'a' if index.start else ''}..{'b' if index.end else ''}")
                for end, word in ((index.start, "start"), (index.end, "end")):
                    if end is not None:
                        self.expression(end)
                        self.add_if(end[0] == "neg", f"{way} negative {word}")
                self.add_if(count, f"{way} slice of a growing matrix")
            else:
                self.expression(index)
                self.add(f"{way} count" if count else f"{way} negative index" if index[0] == "neg" else f"{way} index")
                self.add_if(index[0] not in ("int", "name", "neg"), f"{way} expression index")

    # Blocks.

    def waits(self, block: str, statement: Await) -> None:
        checker, name, body = self.checker, statement.name, self.program.blocks[block]
        giver = checker.giver(name)
        if block == "entry":
            self.add("await in entry")
            self.add_if(giver != "entry", "await in entry of what it doesn't yield")
            writes = any(
                name in checker.all_written(self.program.blocks[other])
                for other in checker.awaited[name]
                if other != "entry"
            )
            self.add_if(giver == "entry" and writes, "await in entry of what a block writes")
            return
        first = statement is first_await(body)
        self.add_if(not first, "second await in a block")
        self.add_if(first and statement is not body[0], "assign before the first await")
        self.add_if(giver != "entry", "begins with another block's" if first else "await of another block's")

    def blocks(self) -> None:
        checker = self.checker
        if checker.beside:
            self.add(f"{len(checker.beside)} blocks beside")
        calls = Counter(
            callee for body in self.program.blocks.values() for statement in walk(body) for callee in callees(statement)
        )
        self.add_if(any(count > 1 for count in calls.values()), "block called twice")
        own = {
            block: {one.name for one in walk(body) if type(one).__name__ == "Assign"}
            for block, body in self.program.blocks.items()
        }
        for block, body in self.program.blocks.items():
            used = {
                operand.name
                for one in walk(body)
                if isinstance(one, Op)
                for operand in one.operands
                if isinstance(operand, Variable)
            }
            self.add_if(
                any(used & names for other, names in own.items() if other != block and other in calls),
                "variable of a called block",
            )
            if block in checker.beside:
                states = {
                    name
                    for inner in reached(self.program, block)
                    for one in walk(self.program.blocks[inner])
                    for name in checker.all_written([one])
                    if name in self.program.declarations
                }
                self.add_if(
                    any(self.program.declarations[name].section == "persistent" for name in states),
                    "state of a block beside",
                )
                for place, one in enumerate(body):
                    if isinstance(one, Yield) and one.name in checker.all_written(body[place:]):
                        self.add("writes after its yield")


def constructs(program: Program, package: Package, free: set[str], checker: Checker, text: str) -> set[str]:
    """Every construct that a program uses; a few can be told from its text only."""
    found = Walker(program, package, free, checker).all()
    code = [line.split("//")[0].strip() for line in text.splitlines()]
    types = [line.split(":", 1)[1] for line in code if ": " in line and not line.startswith(("op", "cache"))]
    seen = {
        "comment": "//" in text,
        "integer with _": "1_000" in text,
        "integer in hexadecimal": "0x" in text,
        "reset whole []": any(line.startswith("cache.reset") and "[];" in line for line in code),
        "write whole []": any(line.startswith("cache.write") and "[];" in line for line in code),
        "read whole []": any(line.startswith("cache.read") and "[] >>" in line for line in code),
        "type with empty brackets": any("[]" in line for line in types),
        "type without brackets": any("[" not in line for line in types),
    }
    return found | {name for name, is_there in seen.items() if is_there}


class Tally:
    """In how many programs each construct, op and dtype was used."""

    def __init__(self):
        self.programs = 0
        self.counts: Counter = Counter()

    def add(self, found: set[str]) -> None:
        self.programs += 1
        self.counts.update(found)

    def merge(self, other: Tally) -> None:
        """Adds what another tally has counted."""
        self.programs += other.programs
        self.counts.update(other.counts)

    def missing(self) -> list[str]:
        wanted = REQUIRED + [f"op {name}" for name in OPS] + [f"dtype {name}" for name in dtypes.NUMPY]
        return [f"{name}: {self.counts[name]} programs" for name in wanted if self.counts[name] < LEAST]

    def report(self) -> str:
        names = REQUIRED + sorted(name for name in self.counts if name not in REQUIRED)
        return "\n".join(f"{self.counts[name]:6}  {name}" for name in names)
