"""What docs/language.md says of a program before it runs: which variables surely have a value, and its rules.

`surely(program, model)` walks every way through the program. It gives the variables that surely have a value at
the end of a step, and raises `Fault` where a rule is broken: a read of what may have no value, a write to what
may not be written, a `yield` or `await` out of its place, a cycle. Types are checked where the program runs.
"""

from __future__ import annotations

from syntax import (
    Assign,
    Await,
    Branch,
    Count,
    Declaration,
    Dep,
    Entry,
    If,
    Loop,
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


class Fault(Exception):
    """The program breaks a rule, or doesn't fit the package."""


def names_in(expression) -> set[str]:
    """The names in an integer expression."""
    if expression is None or expression[0] == "int":
        return set()
    if expression[0] == "name":
        return {expression[1]}
    return set().union(*map(names_in, expression[1:]))


def names_in_place(place: Place) -> set[str]:
    found = set()
    for index in place.indices or []:
        found |= names_in(index.start) | names_in(index.end) if isinstance(index, Slice) else names_in(index)
    return found


def walk(statements):
    """Every statement, those in the bodies of others too."""
    for statement in statements:
        yield statement
        for body in (
            getattr(statement, "then", None),
            getattr(statement, "other", None),
            getattr(statement, "body", None),
        ):
            if isinstance(body, list):
                yield from walk(body)


def callees(statement) -> list[str]:
    return [name for name in (statement.then, statement.other) if name] if isinstance(statement, Branch) else []


def reached(program: Program, block: str, above=()) -> set[str]:
    """The blocks that `block` calls, itself among them."""
    if block in above:
        raise Fault(f"block `{block}` calls itself")
    if block not in program.blocks:
        raise Fault(f"there is no block `{block}`")
    found = {block}
    for statement in walk(program.blocks[block]):
        for callee in callees(statement):
            found |= reached(program, callee, (*above, block))
    return found


def written(statement) -> list[str]:
    """What a statement itself writes, states too."""
    if isinstance(statement, Op):
        return [name for name in statement.results if name]
    if isinstance(statement, (Write, Reset)):
        return [statement.place.name]
    return {
        Transfer: lambda: [statement.target],
        Read: lambda: [statement.result],
        Count: lambda: [statement.name],
    }.get(type(statement), lambda: [])()


def grows(statement) -> bool:
    """Whether it may change a state although it reads: a count of a growing matrix does."""
    return isinstance(statement, Read) and bool(statement.place.indices)


def used(statement) -> set[str]:
    """All names of variables and sizes that a statement itself reads."""
    if isinstance(statement, Op):
        operands = statement.operands + [value for _, value in statement.named]
        found = {operand.name for operand in operands if isinstance(operand, Variable)}
        return found.union(
            *(names_in(index) for operand in operands if isinstance(operand, Entry) for index in operand.indices)
        )
    if isinstance(statement, Write):
        operand = statement.operand
        found = {operand.name} if isinstance(operand, Variable) else set()
        if isinstance(operand, Entry):
            found = set().union(*map(names_in, operand.indices))
        return found | names_in_place(statement.place)
    if isinstance(statement, (Read, Reset)):
        return names_in_place(statement.place)
    if isinstance(statement, Transfer):
        return {statement.source}
    if isinstance(statement, (Branch, If)):
        return {statement.condition} if statement.condition else set()
    if isinstance(statement, Loop):
        return names_in(statement.start) | names_in(statement.end)
    if isinstance(statement, Count):
        return names_in(statement.amount)
    if isinstance(statement, Yield):
        return {statement.name}
    return set()


class Checker:
    def __init__(self, program: Program, starts_with: set[str]):
        self.program = program
        self.variables = dict(program.declarations)
        self.indices = set()
        self.beside = [name for name, body in program.blocks.items() if first_await(body) is not None]
        self.awaited = {}  # name: the blocks that await it
        self.yielded = {}  # name: the blocks that yield it
        self.has_at = {}  # (block, name): what has a value where the block yields it
        self.starts_with = starts_with
        self.gather()

    def gather(self) -> None:
        """Declarations in blocks, loop indices, who awaits what."""
        for block, body in self.program.blocks.items():
            for statement in walk(body):
                if isinstance(statement, Assign):
                    self.declare(
                        statement.name, Declaration("assign", statement.name, [], statement.type, line=statement.line)
                    )
                elif isinstance(statement, Loop):
                    self.indices.add(statement.index)
                elif isinstance(statement, Await):
                    self.awaited.setdefault(statement.name, []).append(block)
                elif isinstance(statement, Yield):
                    self.yielded.setdefault(statement.name, []).append(block)
        for name in [*self.program.blocks, *self.indices]:
            if name in self.variables:
                raise Fault(f"`{name}` is declared twice")
        for block, body in self.program.blocks.items():
            for statement in walk(body):
                self.check_targets(statement)
                if self.beside_rule(statement) and statement not in body:
                    raise Fault(f"line {statement.line}: yield and await stand at the top level")

    def declare(self, name: str, declaration: Declaration) -> None:
        if name in self.variables:
            raise Fault(f"line {declaration.line}: `{name}` is declared twice")
        self.variables[name] = declaration

    def beside_rule(self, statement) -> bool:
        return isinstance(statement, Await) or (isinstance(statement, Yield) and statement.name in self.awaited)

    def check_targets(self, statement) -> None:
        """What a statement writes is there, and may be written by it."""
        for name in written(statement):
            declaration = self.variables.get(name)
            if declaration is None:
                raise Fault(f"line {statement.line}: `{name}` isn't declared")
            state = isinstance(statement, (Write, Reset, Count))
            allowed = {"persistent"} if state else {"dynamic", "volatile", "assign"}
            if declaration.section not in allowed or declaration.pattern is not None:
                raise Fault(f"line {statement.line}: `{name}` can't be written here")
        if isinstance(statement, Read) and self.variables[statement.place.name].section != "persistent":
            raise Fault(f"line {statement.line}: `{statement.place.name}` isn't persistent")

    def surely(self) -> set[str]:
        self.check_beside()
        at_end = self.block("entry", set(self.starts_with))
        left = set(self.beside)
        while left:
            ready = [name for name in left if self.begins_at(name) is not None]
            if not ready:
                raise Fault(f"nothing begins {left}")
            for name in ready:
                self.block(name, set(self.begins_at(name)))
                left.remove(name)
        return at_end

    def giver(self, name: str) -> str | None:
        """The block whose yield of `name` the blocks beside take: entry, or else the one that yields it."""
        blocks = set(self.yielded.get(name, ()))
        if "entry" in blocks:
            return "entry"
        return next(iter(blocks)) if len(blocks) == 1 else None

    def begins_at(self, block: str) -> set[str] | None:
        first = first_await(self.program.blocks[block]).name
        return self.has_at.get((self.giver(first), first))

    def check_beside(self) -> None:
        called = set()
        for block, body in self.program.blocks.items():
            for statement in walk(body):
                called |= set(callees(statement))
        for block in self.beside:
            if block in called or block == "entry":
                raise Fault(f"block `{block}` runs beside entry and can't be called")
        for name, blocks in self.awaited.items():
            for block in blocks:
                if block != "entry" and block not in self.beside:
                    raise Fault(f"block `{block}` awaits and doesn't begin with it")
            if self.giver(name) is None:
                raise Fault(f"nobody yields `{name}`, or several do")
        worlds = {block: reached(self.program, block) for block in ["entry", *self.beside]}
        uses, writes = {}, {}
        for world, blocks in worlds.items():
            for block in blocks:
                for statement in walk(self.program.blocks[block]):
                    changed = set(written(statement)) | ({statement.place.name} if grows(statement) else set())
                    place = {statement.place.name} if isinstance(statement, (Read, Write, Reset)) else set()
                    for name in changed | used(statement) | place:
                        if name in self.variables and self.variables[name].section == "persistent":
                            uses.setdefault(name, set()).add(world)
                            if name in changed:
                                writes.setdefault(name, set()).add(world)
        for name, worlds in writes.items():
            if len(uses[name]) > 1:
                raise Fault(f"`{name}` is written in one of {sorted(uses[name])}")

    def block(self, name: str, has: set[str]) -> set[str]:
        """What surely has a value after the block: at its end and at each `return`."""
        exits: list[set[str]] = []
        end = self.list(name, self.program.blocks[name], has, exits, True)
        return end.intersection(*exits)

    def list(self, block: str, statements: list, has: set[str], exits: list, top: bool = False) -> set[str]:
        has = set(has)
        may_return, frozen = False, set()
        for place, statement in enumerate(statements):
            self.check_reads(statement, has)
            if top and self.beside_rule(statement):
                if may_return:
                    raise Fault(f"line {statement.line}: after a statement that may return")
            if frozen & self.all_written([statement]):
                raise Fault(f"line {statement.line}: writes what is yielded")
            if isinstance(statement, Yield):
                self.has_at[block, statement.name] = set(has)
            elif isinstance(statement, Await):
                has.add(statement.name)
                frozen.discard(statement.name)
            elif isinstance(statement, Dep):
                check_dep(statements, place)
            elif isinstance(statement, Return):
                exits.append(set(has))
            if block == "entry":
                yields = {inner.name for inner in walk([statement]) if isinstance(inner, Yield)}
                if isinstance(statement, Loop) and yields & self.all_written([statement]):
                    raise Fault(f"line {statement.line}: a next turn writes what is yielded")
                frozen |= yields
            has = self.after(block, statement, has, exits)
            may_return = may_return or any(isinstance(inner, Return) for inner in walk([statement]))
        return has

    def all_written(self, statements) -> set[str]:
        found = set()
        for statement in walk(statements):
            found |= set(written(statement))
            for callee in callees(statement):
                found |= self.all_written(self.program.blocks[callee])
        return found

    def after(self, block: str, statement, has: set[str], exits: list) -> set[str]:
        if isinstance(statement, Assign):
            return has - {statement.name}
        if isinstance(statement, Branch):
            then = self.block(statement.then, has)
            if statement.condition is None:
                return then
            return then & (self.block(statement.other, has) if statement.other else has)
        if isinstance(statement, If):
            sides = [statement.then, statement.other or []]
            after = [self.list(block, side, has, exits) for side in sides]
            # A side that surely returns doesn't count for what follows.
            going_on = [has for side, has in zip(sides, after) if not surely_returns(side)]
            return set.intersection(*(going_on or after))
        if isinstance(statement, Loop):
            while True:
                after = has & self.list(block, statement.body, has | {statement.index}, exits)
                if after == has:
                    return has
                has = after
        return has | {
            name
            for name in written(statement)
            if name in self.variables and self.variables[name].section != "persistent"
        }

    def check_reads(self, statement, has: set[str]) -> None:
        for name in used(statement):
            declaration = self.variables.get(name)
            if name in self.indices or (declaration and declaration.section != "persistent"):
                if name not in has:
                    raise Fault(f"line {statement.line}: `{name}` may have no value")


def first_await(body: list) -> Await | None:
    """The `await` that a block begins with, if it does: `assign` may stand before."""
    first = next((statement for statement in body if not isinstance(statement, Assign)), None)
    return first if isinstance(first, Await) else None


def surely_returns(body: list) -> bool:
    """Whether no way leads to the end of a list."""
    return any(
        isinstance(one, Return)
        or (isinstance(one, If) and surely_returns(one.then) and surely_returns(one.other or []))
        for one in body
    )


def labels(statement) -> set[str]:
    """What names a statement in `dep`."""
    found = set(written(statement))
    if isinstance(statement, Op):
        found.add(statement.op)
    if isinstance(statement, Loop):
        found.add(statement.name)
    kinds = {Read: "cache.read", Write: "cache.write", Reset: "cache.reset"}
    if type(statement) in kinds:
        found.add(kinds[type(statement)])
    if isinstance(statement, Count):
        found.add("cache.increment" if statement.sign > 0 else "cache.decrement")
    return found


def check_dep(statements: list, place: int) -> None:
    dep = statements[place]
    if not any(dep.after in labels(other) for other in statements[:place]):
        raise Fault(f"line {dep.line}: nothing above is named `{dep.after}`")
    if not any(dep.before in labels(other) for other in statements[place + 1 :]):
        raise Fault(f"line {dep.line}: nothing below is named `{dep.before}`")
