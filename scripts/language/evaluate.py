"""A naive evaluator of the block form: it reads docs/language.md literally, statement after statement.

    evaluator = Evaluator(text, Package(parameters, metadata, sizes))
    outcome = evaluator.step({"x": array})

An `Outcome` has the value of every variable that can be fetched after the step, or else the error that made it
fail; the states are then as they were before. Nothing here is optimised, shared with or taken from the
implementation. `check.py` has what can be said of a program before it runs.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field

import numpy as np

import dtypes
from bounds import apply
from check import Checker, Fault, walk
from ops import OPS, Failed, Value
from syntax import (
    Assign,
    Await,
    Barrier,
    Branch,
    Count,
    Declaration,
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
    parse,
)


@dataclass
class Package:
    """What a model package has: parameters are arrays, metadata are numbers, truth values, texts and lists of them."""

    parameters: dict = field(default_factory=dict)
    metadata: dict = field(default_factory=dict)
    sizes: dict = field(default_factory=dict)


@dataclass
class Outcome:
    values: dict | None
    error: str | None = None
    # The line of the statement that failed; none where the inputs are wrong.
    line: int | None = None


def is_int(value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def integer(expression, lookup) -> int:
    """An integer expression, computed in i64."""
    if expression[0] == "int":
        return expression[1]
    if expression[0] == "name":
        return lookup(expression[1])
    operands = [integer(operand, lookup) for operand in expression[1:]]
    op = expression[0]
    if op in ("/", "%") and operands[1] == 0:
        raise Failed("an index is divided by zero")
    result = {
        "neg": lambda a: -a,
        "+": lambda a, b: a + b,
        "-": lambda a, b: a - b,
        "*": lambda a, b: a * b,
        "/": lambda a, b: a // b,
        "%": lambda a, b: a % b,
        "min": min,
        "max": max,
    }[op](*operands)
    if not -(1 << 63) <= result < 1 << 63:
        raise Failed("an integer expression overflows")
    return result


class State:
    """A persistent variable: its elements, and which of its axes grow and how far they may."""

    def __init__(self, declaration: Declaration, dims: list[int], fixed: dict[str, int], initial: np.ndarray):
        self.declaration = declaration
        self.initial = initial  # a scalar, or all elements
        self.is_table = declaration.table
        counts = declaration.auto_dim
        cells = [name for name in declaration.indices if name not in counts]
        if (cells and not self.is_table) or declaration.indices[: len(cells)] != cells:
            raise Fault(f"`{declaration.name}`: the indices of a table come first, those of @auto_dim after them")
        # For each index: its axis among the elements, and the count that is in the dim already, or None for a cell.
        self.axes = [(place, None) for place in range(len(cells))]
        for name in declaration.indices[len(cells) :]:
            place = counts.index(name)
            self.axes.append((len(cells) + place, dims[place]))
        self.shape = [fixed.get(name, 0) for name in cells] + dims
        # The largest extent of each axis; -1 where there is none.
        self.limits = [fixed.get(name, -1) for name in cells] + dims
        for name, (axis, base) in zip(declaration.indices, self.axes):
            if base is not None:
                self.limits[axis] = base + fixed[name] if name in fixed else -1
        self.reset()

    def reset(self) -> None:
        """As it was at the start."""
        self.data = self.initial.copy() if self.initial.ndim else dtypes.full(self.shape, self.initial)

    def grow(self, axis: int, extent: int) -> None:
        if extent <= self.data.shape[axis]:
            return
        if 0 <= self.limits[axis] < extent:
            raise Failed(f"`{self.declaration.name}` can't have {extent} along axis {axis}")
        shape = list(self.data.shape)
        shape[axis] = extent
        larger = dtypes.full(shape, self.initial)
        larger[tuple(map(slice, self.data.shape))] = self.data
        self.data = larger

    def select(self, indices: list, writes: bool) -> tuple:
        """The elements of a place as a NumPy index. Expressions are integers already."""
        picked: list = [slice(None)] * self.data.ndim
        held = self.data.shape
        for given, (axis, base) in zip(indices, self.axes):
            if base is not None and not isinstance(given, Slice):
                if given < 0:
                    raise Failed(f"a count of {given}")
                self.grow(axis, base + given)
            elif isinstance(given, Slice):
                start = 0 if given.start is None else given.start + (held[axis] if given.start < 0 else 0)
                end = held[axis] if given.end is None else given.end + (held[axis] if given.end < 0 else 0)
                if not 0 <= start <= end:
                    raise Failed(f"`{self.declaration.name}` has no {start}..{end} along axis {axis}")
                self.reach(axis, end, writes and base is None)
                picked[axis] = slice(start, end)
            else:
                place = given + (held[axis] if given < 0 else 0)
                if place < 0:
                    raise Failed(f"`{self.declaration.name}` has no {place} along axis {axis}")
                self.reach(axis, place + 1, writes)
                picked[axis] = place
        return tuple(picked)

    def reach(self, axis: int, extent: int, writes: bool) -> None:
        if writes:
            self.grow(axis, extent)
        elif extent > self.data.shape[axis]:
            raise Failed(f"`{self.declaration.name}` holds {self.data.shape[axis]} along axis {axis}, not {extent}")


class Returned(Exception):
    """A `return` on its way to the end of its block."""


class Task:
    """`entry`, or a block beside it: where it stands, its variables, what it has yielded."""

    def __init__(self, name: str, body: list, variables: dict | None):
        self.name, self.body = name, body
        self.variables = variables  # None before it begins
        self.at = 0
        self.given: dict[str, Value] = {}
        # All variables as they were where it yielded each name.
        self.snapshots: dict[str, dict] = {}

    def done(self) -> bool:
        return self.at >= len(self.body)


class Evaluator:
    """One program with one package, and its states between steps."""

    def __init__(self, text: str, package: Package):
        self.program: Program = parse(text)
        self.package = package
        self.events: dict[str, int] = {}
        self.sizes = dict(package.sizes)
        self.constants: dict[str, Value] = {}
        self.entries: dict[str, dict[tuple, Value]] = {}
        self.weights: dict[str, Value] = {}
        self.states: dict[str, State] = {}
        declarations = self.program.declarations
        self.types = {name: declaration.type for name, declaration in declarations.items()}
        for body in self.program.blocks.values():
            self.types |= {statement.name: statement.type for statement in walk(body) if isinstance(statement, Assign)}
        self.find_sizes()
        self.find_memory()
        starts = [name for name, declaration in declarations.items() if declaration.section == "dynamic"]
        starts += [*self.constants, *self.weights]
        starts += [
            name
            for name, declaration in declarations.items()
            if declaration.section == "volatile" and declaration.init is not None
        ]
        self.checker = Checker(self.program, set(starts))
        self.fetched = self.checker.surely()

    # Before the first step.

    def find_sizes(self) -> None:
        """Every size that has a value before the inputs are there; the others are free."""
        declarations = self.program.declarations.values()
        for declaration in declarations:
            scalar = not declaration.indices and not declaration.type.dims
            if declaration.section == "constant" and scalar and dtypes.is_integer(declaration.type.dtype):
                self.sizes.setdefault(declaration.name, int(self.setting(declaration).data))
        for name, value in self.package.metadata.items():
            if is_int(value):
                self.sizes.setdefault(name, value)
        found: dict[str, int] = {}
        for declaration in declarations:
            for parameter in self.parameters_of(declaration):
                for dim, extent in zip(declaration.type.dims, parameter.shape):
                    if dim[0] == "name":
                        found.setdefault(dim[1], extent)
        for name, extent in found.items():
            self.sizes.setdefault(name, extent)

    def parameters_of(self, declaration: Declaration) -> list[np.ndarray]:
        """The parameters of the package that a declaration is about."""
        if declaration.section == "dynamic":
            return []
        if declaration.pattern is not None:
            return [value.data for value in self.table_of(declaration).values()]
        name = declaration.ref or (declaration.name if declaration.section != "persistent" else None)
        return [self.package.parameters[name]] if name in self.package.parameters else []

    def table_of(self, declaration: Declaration) -> dict[tuple, Value]:
        """A parameter table: the parameters whose names follow the pattern."""
        parts = re.split(r"\{(\w+)\}", declaration.pattern)
        if sorted(parts[1::2]) != sorted(declaration.indices):
            raise Fault(f"`{declaration.name}`: the braces name exactly the indices")
        pattern = "".join(
            f"(?P<{part}>0|[1-9][0-9]*)" if place % 2 else re.escape(part) for place, part in enumerate(parts)
        )
        found = {}
        for name, array in self.package.parameters.items():
            match = re.fullmatch(pattern, name)
            if match:
                found[tuple(int(match[index]) for index in declaration.indices)] = Value(array)
        extents = [max(place) + 1 for place in zip(*found)]
        if not found or set(found) != set(itertools.product(*map(range, extents))):
            raise Fault(f"`{declaration.name}`: the package doesn't have a full range of `{declaration.pattern}`")
        return found

    def setting(self, declaration: Declaration) -> Value:
        """A constant: the package's parameter, metadata or size of that name, as the declared dtype."""
        name, package, dtype = declaration.ref or declaration.name, self.package, declaration.type.dtype
        if name in package.parameters:
            return Value(package.parameters[name])
        found = package.metadata.get(name, package.sizes.get(name))
        if found is None:
            raise Fault(f"the package has no `{name}`")
        try:
            return Value(literal(found, dtype))
        except ValueError as error:
            raise Fault(f"`{name}`: {error}") from error

    def find_memory(self) -> None:
        for name, declaration in self.program.declarations.items():
            section = declaration.section
            if declaration.pattern is not None:
                self.entries[name] = self.table_of(declaration)
                for value in self.entries[name].values():
                    self.check_type(name, value.data, self.sizes)
            elif section == "constant":
                self.constants[name] = self.setting(declaration)
                self.check_type(name, self.constants[name].data, self.sizes)
            elif section in ("volatile", "persistent"):
                parameters = self.parameters_of(declaration)
                if declaration.ref is not None and not parameters:
                    raise Fault(f"`{name}`: the package has no `{declaration.ref}`")
                if parameters and section == "volatile":
                    self.weights[name] = Value(parameters[0])
                if parameters:
                    self.check_type(name, parameters[0], self.sizes)
                if section == "persistent":
                    self.states[name] = self.first_state(declaration, parameters)

    def first_state(self, declaration: Declaration, parameters: list) -> State:
        initial = dtypes.zero(declaration.type.dtype)
        if declaration.init is not None:
            initial = dtypes.scalar(declaration.init, declaration.type.dtype)
        elif parameters:
            initial = parameters[0]
        fixed = {name: self.dim(dim, self.sizes) for name, dim in declaration.fixed.items()}
        return State(declaration, [self.dim(dim, self.sizes) for dim in declaration.type.dims], fixed, initial)

    def dim(self, expression, sizes: dict) -> int:
        def size(name: str) -> int:
            if name not in sizes:
                raise Failed(f"the size `{name}` has no value")
            return sizes[name]

        found = integer(expression, size)
        if found < 0:
            raise Failed(f"a dim of {found}")
        return found

    def check_type(self, name: str, data: np.ndarray, sizes: dict) -> None:
        """A value has the dtype and the dims that are declared."""
        declared = self.types[name]
        dims = tuple(self.dim(dim, sizes) for dim in declared.dims)
        if dtypes.dtype_of(data) != declared.dtype:
            raise Fault(f"`{name}` is declared {declared.dtype}, and gets {dtypes.dtype_of(data)}")
        if data.shape != dims:
            raise Failed(f"`{name}` is declared {list(dims)}, and gets {list(data.shape)}")

    # A step.

    def step(self, inputs: dict[str, np.ndarray]) -> Outcome:
        # What a state holds is replaced, never changed in place.
        saved = {name: state.data for name, state in self.states.items()}
        self.line = None
        try:
            return Outcome(self.run(inputs))
        except Failed as error:
            for name, data in saved.items():
                self.states[name].data = data
            return Outcome(None, str(error), self.line)

    def run(self, inputs: dict) -> dict[str, Value]:
        self.bound = dict(self.sizes)
        variables = dict(self.constants) | dict(self.weights)
        for name, declaration in self.program.declarations.items():
            if declaration.section == "dynamic":
                if name not in inputs:
                    raise Failed(f"the input `{name}` is missing")
                for dim, extent in zip(declaration.type.dims, inputs[name].shape):
                    if dim[0] == "name" and self.bound.setdefault(dim[1], extent) != extent:
                        raise Failed(f"the size `{dim[1]}` is {self.bound[dim[1]]} and {extent}")
        for name, declaration in self.program.declarations.items():
            if declaration.section == "dynamic":
                self.check_type(name, inputs[name], self.bound)
                variables[name] = Value(inputs[name])
            elif declaration.section == "volatile" and declaration.init is not None and name not in variables:
                dims = [self.dim(dim, self.bound) for dim in declaration.type.dims]
                variables[name] = Value(dtypes.full(dims, dtypes.scalar(declaration.init, declaration.type.dtype)))
        entry = Task("entry", self.program.blocks["entry"], variables)
        self.tasks = {"entry": entry} | {
            name: Task(name, self.program.blocks[name], None) for name in self.checker.beside
        }
        while not all(task.done() for task in self.tasks.values()):
            if not any([self.advance(task) for task in self.tasks.values()]):
                raise Fault("an await that nothing can end")
        found = {name: value for name, value in entry.variables.items() if name in self.fetched}
        return found | {name: Value(state.data) for name, state in self.states.items()}

    def advance(self, task: Task) -> bool:
        """Runs a task as far as it can go. Whether it went on at all."""
        went = False
        while not task.done():
            statement = task.body[task.at]
            if isinstance(statement, Await) and not self.ready(task, statement.name):
                return went
            went = True
            try:
                self.execute(statement, task)
            except Returned:
                task.at = len(task.body)
            task.at += 1
        return went

    # Blocks that run beside.

    def ready(self, task: Task, name: str) -> bool:
        """Whether `await name` can go on."""
        if task.name != "entry" or "entry" not in self.checker.yielded.get(name, ()):
            if name not in self.tasks[self.checker.giver(name)].given:
                return False
        if task.name == "entry":
            return all(name in other.given or other.done() for other in self.awaiting(name))
        return True

    def awaiting(self, name: str) -> list[Task]:
        """The blocks beside that await `name`."""
        return [self.tasks[block] for block in self.checker.awaited[name] if block != "entry"]

    def wait(self, statement: Await, task: Task) -> None:
        name = statement.name
        giver = self.tasks[self.checker.giver(name)]
        if task.name == "entry" and giver is task:
            writers = [other for other in self.awaiting(name) if name in self.checker.all_written(other.body)]
            if len(writers) > 1 or any(name not in writer.given for writer in writers):
                raise Fault(f"line {statement.line}: which block gives `{name}`?")
            giver = writers[0] if writers else task
            if giver is task:
                return
        if task.variables is None:
            # The snapshot: all variables of the block that yielded, as they are then, without those that the block
            # declares before its first `await`.
            declared = {one.name for one in task.body[: task.at] if isinstance(one, Assign)}
            task.variables = {key: value for key, value in giver.snapshots[name].items() if key not in declared}
        task.variables[name] = giver.given[name]

    def hand_over(self, name: str, task: Task) -> None:
        if name in self.checker.awaited:
            task.given[name] = task.variables[name]
            task.snapshots[name] = dict(task.variables)

    # Statements.

    def block(self, name: str, task: Task) -> None:
        try:
            self.statements(self.program.blocks[name], task)
        except Returned:
            pass

    def statements(self, body: list, task: Task) -> None:
        for statement in body:
            self.execute(statement, task)

    def execute(self, statement, task: Task) -> None:
        self.line = statement.line
        variables = task.variables
        match statement:
            case Assign():
                if variables is not None:
                    variables.pop(statement.name, None)
            case Op():
                self.op(statement, task)
            case Transfer():
                self.store(statement.target, self.read(statement.source, task), task)
            case Branch(condition=None):
                self.block(statement.then, task)
            case Branch():
                chosen = statement.then if self.truth(statement.condition, task) else statement.other
                if chosen is not None:
                    self.block(chosen, task)
            case If():
                self.statements(
                    (statement.then if self.truth(statement.condition, task) else statement.other) or [], task
                )
            case Loop():
                start, end = self.integer(statement.start, task), self.integer(statement.end, task)
                self.event("loop without a turn" if start >= end else "loop with turns")
                for turn in range(start, end):
                    variables[statement.index] = Value(np.array(turn, dtype=np.int64))
                    self.statements(statement.body, task)
                variables.pop(statement.index, None)
            case Return():
                raise Returned
            case Barrier() | Dep():
                pass  # Statements run in the order in which they stand.
            case Read():
                state, picked = self.place(statement.place, task, writes=False)
                self.store(statement.result, Value(state.data[picked].copy()), task)
            case Write():
                self.write(statement, task)
            case Reset():
                if statement.place.indices is None:
                    self.states[statement.place.name].reset()
                else:
                    state, picked = self.place(statement.place, task, writes=False)
                    state.data = state.data.copy()
                    state.data[picked] = state.initial
            case Count():
                state = self.states[statement.name]
                dtype = dtypes.dtype_of(state.data)
                amount = dtypes.scalar(self.integer(statement.amount, task), dtype)
                op = "add" if statement.sign > 0 else "sub"
                state.data = apply(op, [Value(state.data), Value(amount)], {}, 1)[0].data
            case Yield():
                self.hand_over(statement.name, task)
            case Await():
                self.wait(statement, task)
            case _:
                raise Fault(f"line {statement.line}: {statement}")

    def event(self, name: str) -> None:
        """Counts what happened, for the generator's report."""
        self.events[name] = self.events.get(name, 0) + 1

    def truth(self, name: str, task: Task) -> bool:
        value = self.read(name, task).data
        if value.shape != () or dtypes.dtype_of(value) != "bool":
            raise Fault(f"`{name}` is no scalar bool")
        return bool(value)

    def integer(self, expression, task: Task) -> int:
        def lookup(name: str) -> int:
            if name in task.variables or name in self.states:
                data = self.read(name, task).data
                if data.shape != () or not dtypes.is_integer(dtypes.dtype_of(data)):
                    raise Fault(f"`{name}` is no integer scalar")
                return int(data)
            if name not in self.bound:
                raise Failed(f"the size `{name}` has no value")
            return self.bound[name]

        return integer(expression, lookup)

    def read(self, name: str, task: Task) -> Value:
        if name in self.states:
            if self.states[name].is_table:
                raise Fault(f"`{name}` is a table")
            return Value(self.states[name].data)
        if name not in task.variables:
            raise Fault(f"`{name}` has no value")
        return task.variables[name]

    def store(self, name: str, value: Value, task: Task) -> None:
        self.check_type(name, value.data, self.bound)
        task.variables[name] = value

    def place(self, place: Place, task: Task, writes: bool) -> tuple[State, tuple]:
        def part(expression):
            return None if expression is None else self.integer(expression, task)

        state = self.states[place.name]
        given = place.indices or []
        if len(given) > len(state.axes):
            raise Fault(f"`{place.name}` has {len(state.axes)} indices")
        indices = [Slice(part(i.start), part(i.end)) if isinstance(i, Slice) else self.integer(i, task) for i in given]
        before = state.data.shape
        picked = state.select(indices, writes)
        if state.data.shape != before:
            self.event("a state grows")
        return state, picked

    def write(self, statement: Write, task: Task) -> None:
        state = self.states[statement.place.name]
        dtype = dtypes.dtype_of(state.data)
        value = self.operand(statement.operand, dtype, task)
        if value.error is not None or dtypes.dtype_of(value.data) != dtype:
            raise Fault(f"line {statement.line}: a value of another dtype, or one that isn't exact")
        state, picked = self.place(statement.place, task, writes=True)
        if state.data[picked].shape != value.data.shape:
            raise Failed(f"the place has the dims {state.data[picked].shape}, the value {value.data.shape}")
        state.data = state.data.copy()
        state.data[picked] = value.data

    # Ops.

    def operand(self, operand, dtype: str | None, task: Task) -> Value | None:
        """An operand; `dtype` is what a literal becomes where the op wants one."""
        match operand:
            case Omitted():
                return None
            case Variable():
                return self.read(operand.name, task)
            case Literal():
                return Value(literal(operand.value, dtype or default_dtype(operand.value)))
            case Entry():
                place = tuple(self.integer(index, task) for index in operand.indices)
                if place not in self.entries[operand.name]:
                    raise Failed(f"`{operand.name}` has no {list(place)}")
                return self.entries[operand.name][place]

    def op(self, statement: Op, task: Task) -> None:
        row = OPS[statement.op]
        many = bool(row.operands) and row.operands[0].many
        slots = [row.operands[0]] * len(statement.operands) if many else list(row.operands)
        given = list(statement.operands) + [Omitted()] * (len(slots) - len(statement.operands))
        attributes = {}
        names = [slot.name for slot in slots]
        for name, value in statement.named:
            if name in names and not many:
                given[names.index(name)] = value
            elif name in row.attributes and name != "results":
                attributes[name] = self.attribute(value)
            else:
                raise Fault(f"line {statement.line}: {statement.op} has no `{name}`")
        # First what isn't a literal: it says what dtype the literals take.
        groups: dict[str, str] = {}
        values: list = [None] * len(slots)
        for place, (slot, operand) in enumerate(zip(slots, given, strict=True)):
            if isinstance(operand, Omitted) and not slot.optional:
                raise Fault(f"line {statement.line}: {statement.op} wants `{slot.name}`")
            if not isinstance(operand, Literal):
                values[place] = self.operand(operand, None, task)
                if values[place] is not None and slot.group:
                    dtype = dtypes.dtype_of(values[place].data)
                    if groups.setdefault(slot.group, dtype) != dtype:
                        raise Fault(f"line {statement.line}: {groups[slot.group]} and {dtype}")
        for place, (slot, operand) in enumerate(zip(slots, given)):
            if isinstance(operand, Literal):
                dtype = groups.get(slot.group) or slot.dtype or default_dtype(operand.value)
                if slot.group:
                    groups.setdefault(slot.group, dtype)
                values[place] = self.operand(operand, dtype, task)
        while values and values[-1] is None:
            values.pop()
        for name, value in zip(
            statement.results, apply(statement.op, values, attributes, len(statement.results)), strict=True
        ):
            if name is not None:
                self.store(name, value, task)

    def attribute(self, value):
        """The value of an attribute: what is known before the program runs."""
        if isinstance(value, Literal):
            return value.value
        name = value.name
        if name in ("inf", "nan"):
            return float(name)
        if name in dtypes.NUMPY:
            return name
        if name in self.constants:
            return self.constants[name].data.item()
        if name in self.package.metadata:
            return self.package.metadata[name]
        if name in self.sizes:
            return self.sizes[name]
        raise Fault(f"`{name}` isn't known before the program runs")


def default_dtype(value) -> str:
    first = value[0] if isinstance(value, list) else value
    if isinstance(value, list) and any(isinstance(one, float) for one in value):
        return "f32"
    return "bool" if isinstance(first, bool) else "f32" if isinstance(first, float) else "i64"


def literal(value, dtype: str) -> np.ndarray:
    """A literal as a scalar, a list of them as a vector."""
    if isinstance(value, list):
        return np.array([dtypes.scalar(one, dtype) for one in value], dtype=dtypes.NUMPY[dtype])
    return dtypes.scalar(value, dtype)
