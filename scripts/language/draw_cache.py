"""Draws states and the statements about them: counters, tensors, tables, growing matrices, logs.

What a table surely holds at a place of the program is in `Scope.held` (the least extent of each index), which
matrices surely have their final size in `Scope.grown`. So an index is surely right, and dims are known. A *log*
grows by the same number of cells in each step, and the free size `T` is how many it holds then.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import dtypes
import random_values
from draw import Draw, Line, Scope, Var
from draw_ops import literal, literals


@dataclass
class StateVar:
    kind: str  # scalar, tensor, table, matrix, both, log
    var: Var
    dims: tuple = ()
    indices: list[str] = field(default_factory=list)
    fixed: dict[str, int] = field(default_factory=dict)
    auto: list[str] = field(default_factory=list)
    caps: dict[str, int] = field(default_factory=dict)
    # Whether anything may write it.
    constant: bool = False
    rows: int = 1
    counter: str = ""

    def cells(self) -> list[str]:
        return [name for name in self.indices if name not in self.auto]


def line(s: Scope, text: str, *labels: str) -> bool:
    s.lines.append(Line(text, set(labels)))
    return True


def initial(d: Draw, dtype: str) -> str:
    if d.chance(0.5):
        return ""
    if dtype == "bool":
        return f" @init({d.choice(['true', 'false'])})"
    return f" @init({literal(d, dtype)})"


def new_state(d: Draw, s: Scope, kind: str, dtype: str | None = None, dims: tuple | None = None) -> StateVar:
    dtype = dtype or (d.integer_dtype() if kind == "scalar" and d.chance(0.8) else d.any_dtype())
    if kind == "scalar":
        dims = ()
    elif dims is None:
        dims = d.draw_dims(d.choice([1, 1, 2]) if kind == "tensor" else d.choice([0, 1, 1, 2]), static=True)
        if kind in ("matrix", "both"):
            dims = d.draw_dims(d.choice([1, 2, 2]), static=True)
    name = d.name("s" if kind in ("scalar", "tensor") else "K" if kind in ("table", "log") else "M")
    var = Var(name, dtype, dims, "persistent", world=s.world)
    state = StateVar(kind, var, dims)
    attributes = initial(d, dtype)
    if kind == "tensor" and d.chance(0.4):
        key = d.name("state.")
        shape = tuple(d.extent(dim) for dim in dims)
        d.parameters[key] = random_values.array(d.numbers, dtype, shape, "plain")
        attributes = f' @ref("{key}")'
    if kind in ("table", "both"):
        state.indices = d.random.sample(["l", "t", "h"], d.choice([1, 2, 2, 3] if kind == "table" else [1, 1, 2]))
        state.fixed = {index: d.random.randint(1, 3) for index in state.indices if d.chance(0.4)}
    if kind in ("matrix", "both"):
        counts = d.random.sample(["r", "c", "k"], d.random.randint(1, len(dims)))
        state.auto = counts
        order = list(counts)
        if d.chance(0.6):
            d.random.shuffle(order)
        state.indices = state.indices + order
        state.caps = {name: d.random.randint(0, 3) for name in counts}
        state.fixed |= {name: state.caps[name] + d.random.randint(0, 2) for name in counts if d.chance(0.35)}
    declare(d, state, attributes)
    s.held[name] = [state.fixed.get(index, 0) for index in state.cells()]
    return state


def declare(d: Draw, state: StateVar, attributes: str) -> None:
    parts = [attributes] if attributes else []
    if state.cells():
        parts.append(" @table")
    if state.auto:
        parts.append(f" @auto_dim({', '.join(state.auto)})")
    if state.fixed:
        parts.append(f" @fixed({', '.join(f'{name}={d.written_dim(value)}' for name, value in state.fixed.items())})")
    d.random.shuffle(parts)
    indices = f"({', '.join(state.indices)})" if state.indices else ""
    d.declare(state.var, "".join(parts), indices)
    d.states[state.var.name] = state


def pick(d: Draw, s: Scope, *kinds: str) -> StateVar:
    """A state of one of these kinds that may be used and written here."""
    found = [
        state
        for state in d.states.values()
        if state.kind in kinds and state.var.world == s.world and not state.constant
    ]
    if found and d.chance(0.8 if len(found) < 3 else 0.95):
        return d.choice(found)
    return new_state(d, s, d.choice(kinds))


def name_of(d: Draw, state: StateVar) -> str:
    return state.var.name + ("[]" if d.chance(0.3) else "")


# Scalars and tensors.


def counting(d: Draw, s: Scope) -> bool:
    """`cache.increment` and `cache.decrement` in all their forms."""
    found = [
        state
        for state in d.states.values()
        if state.kind == "scalar"
        and state.var.world == s.world
        and dtypes.is_integer(state.var.dtype)
        and not state.constant
    ]
    state = d.choice(found) if found and d.chance(0.8) else new_state(d, s, "scalar", d.integer_dtype())
    low, high = dtypes.bounds(state.var.dtype)
    word = d.choice(["increment", "increment", "decrement"])
    # What is added fits the dtype; the sum wraps.
    amount = d.choice(
        ["", "1 ", "2 " if high > 1 else "1 ", "0x3 " if high > 2 else "", "-1 " if low else "", "expression"]
    )
    if amount == "expression":
        amount = f"{d.index(s, 0, min(high, 5))} "
        if d.chance(0.3):
            amount = f"({amount.strip()}) "
    return line(s, f"cache.{word} {amount}{state.var.name};", f"cache.{word}", state.var.name)


def tensor(d: Draw, s: Scope, writes: bool = False) -> bool:
    """A read or a write of a state that isn't a table."""
    state = pick(d, s, "scalar", "tensor")
    if not writes and d.chance(0.5):
        target = d.target(s, state.var.dtype, state.dims)
        line(s, f"cache.read {name_of(d, state)} >> {target};", "cache.read", target)
        d.wrote(s, target)
        return True
    return write(d, s, name_of(d, state), state, state.dims)


def write(d: Draw, s: Scope, place: str, state: StateVar, dims: tuple) -> bool:
    dtype = state.var.dtype
    if not dims and d.chance(0.3):
        operand = literal(d, dtype)
    elif len(dims) == 1 and d.is_static(dims[0]) and 0 < d.extent(dims[0]) < 5 and d.chance(0.2):
        values = literals(d, dtype, d.extent(dims[0]))
        operand = f"[{', '.join(values)}]"
    else:
        operand = d.operand(s, dtype, dims).name
    return line(s, f"cache.write {operand} >> {place};", "cache.write", state.var.name)


def read(d: Draw, s: Scope, place: str, state: StateVar, dims: tuple) -> bool:
    target = d.target(s, state.var.dtype, dims)
    line(s, f"cache.read {place} >> {target};", "cache.read", target)
    d.wrote(s, target)
    return True


# Tables.


def held_index(d: Draw, s: Scope, extent: int) -> tuple[str, str | None]:
    """An index or a slice of what is surely held (at least one): its text, and the dim that it leaves."""
    form = d.random.randint(0, 7)
    if form < 4:
        return d.index(s, 0, extent - 1), None
    if form == 4:
        return str(-d.random.randint(1, extent)), None
    start = d.random.randint(0, extent)
    end = d.random.randint(start, extent)
    shown = "" if start == 0 and d.chance(0.4) else shown_value(d, s, start)
    return f"{shown}..{shown_value(d, s, end)}", str(end - start)


def shown_value(d: Draw, s: Scope, value: int) -> str:
    """A static expression of this value: the dims of a slice must be known."""
    fitting = [name for name, size in d.sizes.items() if size == value]
    near = [name for name, size in d.sizes.items() if size == value - 1]
    if fitting and d.chance(0.4):
        return d.choice(fitting)
    if near and d.chance(0.2):
        return f"{d.choice(near)} + 1"
    return str(value)


def moving_slice(d: Draw, s: Scope, extent: int) -> tuple[str, str] | None:
    """A slice of a constant length that begins at an expression."""
    if extent < 1:
        return None
    length = d.random.randint(1, extent)
    start = d.index(s, 0, extent - length)
    return f"{start}..{start} + {length}", str(length)


def read_place(d: Draw, s: Scope, state: StateVar) -> tuple[str, tuple] | None:
    """A place that is surely there, and its dims."""
    held = s.held.get(state.var.name)
    if held is None or 0 in held:
        return None
    cells = state.cells()
    texts, dims = [], []
    # Indices that are left out are whole: of a known extent only where they are fixed.
    given = len(cells)
    while given and cells[given - 1] in state.fixed and not state.auto and d.chance(0.5):
        given -= 1
    for index, extent in list(zip(cells, held))[:given]:
        fixed = index in state.fixed
        form = d.random.randint(0, 9)
        if fixed and form < 3:
            texts.append(".."), dims.append(str(extent))
        elif fixed and form == 3 and extent > 1:
            cut = d.random.randint(1, extent - 1)
            texts.append(d.choice([f"..-{cut}", f"{cut}.."])), dims.append(str(extent - cut))
        elif form == 4:
            # The last so many of however many there are.
            count = d.random.randint(1, extent)
            texts.append(f"-{count}.."), dims.append(str(count))
        elif form == 5 and extent > 1:
            texts.append("-2..-1"), dims.append("1")
        elif form == 6:
            text, dim = moving_slice(d, s, extent)
            texts.append(text), dims.append(dim)
        else:
            text, dim = held_index(d, s, extent)
            texts.append(text)
            if dim is not None:
                dims.append(dim)
    dims += [str(held[place]) for place in range(given, len(cells))]
    return ", ".join(texts), tuple(dims)


def table_read(d: Draw, s: Scope) -> bool:
    state = pick(d, s, "table")
    place = read_place(d, s, state)
    if place is None:
        return table_write(d, s, state)
    text, dims = place
    return read(d, s, f"{state.var.name}[{text}]", state, (*dims, *state.dims))


def table_write(d: Draw, s: Scope, state: StateVar | None = None) -> bool:
    state = state or pick(d, s, "table")
    name, cells = state.var.name, state.cells()
    held = s.held.setdefault(name, [state.fixed.get(index, 0) for index in cells])
    place = read_place(d, s, state) if d.chance(0.35) else None
    if place is not None:
        # Over what is there: nothing grows.
        text, dims = place
        if d.chance(0.3):
            return line(s, f"cache.reset {name}[{text}];", "cache.reset", name)
        return write(d, s, f"{name}[{text}]", state, (*dims, *state.dims))
    texts, dims, reached = [], [], []
    for index, extent in zip(cells, held):
        most = state.fixed.get(index, min(extent + 2, 5)) - 1
        if d.chance(0.7):
            texts.append(d.index(s, 0, most)), reached.append(1)
            if texts[-1].isdigit():
                reached[-1] = int(texts[-1]) + 1
        else:
            # A slice that isn't empty: whether an empty one makes the table larger isn't said.
            start = d.random.randint(0, most)
            end = d.random.randint(start + 1, most + 1)
            begin = "" if start == 0 and d.chance(0.3) else shown_value(d, s, start)
            texts.append(f"{begin}..{shown_value(d, s, end)}"), dims.append(str(end - start)), reached.append(end)
    write(d, s, f"{name}[{', '.join(texts)}]", state, (*dims, *state.dims))
    s.held[name] = [max(old, new) for old, new in zip(held, reached)]
    return True


def whole_reset(d: Draw, s: Scope) -> bool:
    """As it was at the start. Not where another turn of a loop relies on what is held."""
    if s.in_loop:
        return False
    found = [
        state
        for state in d.states.values()
        if state.var.world == s.world and state.kind != "log" and not state.constant
    ]
    if not found:
        return False
    state = d.choice(found)
    name = state.var.name
    if name in s.held:
        s.held[name] = [state.fixed.get(index, 0) for index in state.cells()]
    s.grown.discard(name)
    return line(s, f"cache.reset {name_of(d, state)};", "cache.reset", name)


# Growing matrices.


def matrix_dims(d: Draw, state: StateVar) -> tuple:
    """The dims of a matrix that has grown to its caps."""
    dims = list(state.dims)
    for place, count in enumerate(state.auto):
        cap = state.caps[count]
        dims[place] = d.choice([f"{dims[place]} + {cap}", str(d.extent(dims[place]) + cap)])
    return tuple(dims)


def counts(d: Draw, s: Scope, state: StateVar, full: bool) -> tuple[list[str], tuple]:
    """The indices that stand for counts, and the dims of the place."""
    dims = list(matrix_dims(d, state))
    texts = []
    for count in state.indices[len(state.cells()) :]:
        cap, place = state.caps[count], state.auto.index(count)
        extent = d.extent(dims[place])
        if full:
            texts.append(shown_value(d, s, cap))
        elif extent and d.chance(0.3):
            start = d.random.randint(0, extent)
            end = d.random.randint(start, extent)
            form = d.random.randint(0, 3)
            if form == 0:
                texts.append(".."), dims.__setitem__(place, str(extent))
            elif form == 1:
                texts.append(f"{start}.."), dims.__setitem__(place, str(extent - start))
            elif form == 2 and start:
                texts.append(f"..-{start}"), dims.__setitem__(place, str(extent - start))
            else:
                texts.append(f"{start}..{end}"), dims.__setitem__(place, str(end - start))
        else:
            texts.append(d.index(s, 0, cap))
    return texts, tuple(dims)


def matrix(d: Draw, s: Scope) -> bool:
    """A read or write of a growing matrix, or of a table of them."""
    state = pick(d, s, "matrix", "both")
    name = state.var.name
    full = name not in s.grown
    if state.kind == "both":
        held = s.held.setdefault(name, [state.fixed.get(index, 0) for index in state.cells()])
        if 0 in held:
            # The first cells.
            indices = [str(d.random.randint(0, state.fixed.get(index, 2) - 1)) for index in state.cells()]
            texts, dims = counts(d, s, state, True)
            write(d, s, f"{name}[{', '.join(indices + texts)}]", state, dims)
            s.held[name] = [max(old, int(new) + 1) for old, new in zip(held, indices)]
            s.grown.add(name)
            return True
        where, outer = read_place(d, s, state)
    else:
        where, outer = "", ()
    texts, dims = counts(d, s, state, full)
    if not full and d.chance(0.2):
        while texts and d.chance(0.5):
            # Left out: whole.
            texts.pop()
            count = state.indices[len(state.cells()) + len(texts)]
            place = state.auto.index(count)
            dims = (*dims[:place], str(d.extent(matrix_dims(d, state)[place])), *dims[place + 1 :])
    shown = ", ".join([where] * bool(where) + texts)
    place, dims = f"{name}[{shown}]", (*outer, *dims)
    if not full and d.chance(0.15) and all(".." in text for text in texts) and texts:
        return line(s, f"cache.reset {place};", "cache.reset", name)
    read(d, s, place, state, dims) if d.chance(0.5) else write(d, s, place, state, dims)
    # Only now: as an operand of the same statement it would be as it was before.
    s.grown.add(name)
    return True


# Logs.


def new_log(d: Draw, s: Scope) -> None:
    """A table that every step makes longer, once, by the same number of cells."""
    rows = d.free_rows if "T" in d.free else d.random.randint(1, 2)
    d.free_rows = rows
    done, held = 0, []
    for step in range(d.steps):
        held.append(rows * (done + 1))
        done += step != d.fail_step
    d.free["T"] = held
    if d.chance(0.3):
        matrix_log(d, s)
        return
    name, counter = d.name("K"), d.name("pos")
    dtype, dims = d.any_dtype(), d.draw_dims(d.choice([0, 1, 1, 2]), static=True)
    state = StateVar(
        "log", Var(name, dtype, dims, "persistent", world=s.world), dims, ["t"], rows=rows, counter=counter
    )
    if d.chance(0.5):
        state.indices = ["l", "t"]
        state.fixed = {"l": d.random.randint(1, 2)}
    declare(d, state, "")
    count = Var(counter, d.choice(["i32", "i64", "u8", "u32"]), (), "persistent", world=s.world)
    d.declare(count, d.choice(["", " @init(0)"]))
    d.states[counter] = StateVar("scalar", count, constant=True)
    place = f"{counter}" if rows == 1 else f"{counter}..{counter} + {rows}"
    outer = () if rows == 1 else (str(rows),)
    if "l" in state.indices:
        label, index = d.name("fill"), d.name("j")
        inner = s.child(loops=[*s.loops, (index, 0, state.fixed["l"] - 1)], in_loop=True)
        write(d, inner, f"{name}[{index}, {place}]", state, (*outer, *dims))
        s.lines.append(
            Line("", {label}, [(f"loop {label} ({index} in 0..{d.written_dim(state.fixed['l'])})", inner.lines)])
        )
    else:
        write(d, s, f"{name}[{place}]", state, (*outer, *dims))
    amount = "" if rows == 1 else f"{rows} "
    line(s, f"cache.increment {amount}{counter};", "cache.increment", counter)
    s.logs.add(name)


def matrix_log(d: Draw, s: Scope) -> None:
    """A matrix that every step makes longer."""
    dims = d.draw_dims(d.choice([1, 2]), static=True)
    state = StateVar(
        "log",
        Var(d.name("M"), d.any_dtype(), dims, "persistent", world=s.world),
        dims,
        ["r"],
        auto=["r"],
        caps={"r": 0},
    )
    declare(d, state, initial(d, state.var.dtype))
    d.used_sizes.add("T")
    whole = (f"{dims[0]} + T", *dims[1:])
    read(d, s, f"{state.var.name}[T]", state, whole)
    write(d, s, f"{state.var.name}{d.choice(['[T]', '[T / 2]', '[]', '', '[..]'])}", state, whole)


def log_read(d: Draw, s: Scope) -> bool:
    found = [d.states[name] for name in s.logs if d.states[name].var.world == s.world]
    if not found:
        return False
    state = d.choice(found)
    d.used_sizes.add("T")
    rows = state.rows
    form = d.choice(
        [
            ("", ("T",)),
            ("0..T", ("T",)),
            ("..", ("T",)),
            ("..T", ("T",)),
            ("T - 1", ()),
            ("-1", ()),
            ("-1..", ("1",)),
            (f"{state.counter} - 1", ()),
            (f"T - {rows}..T", (str(rows),)),
            (f"{state.counter} - {rows}..", (str(rows),)),
            ("0", ()),
        ]
    )
    text, dims = form
    if "l" in state.indices:
        fixed = state.fixed["l"]
        outer, kept = d.choice([(d.index(s, 0, fixed - 1), ()), ("..", (str(fixed),))])
        if text or d.chance(0.5):
            text = f"{outer}, {text}" if text else outer
            dims = (*kept, *dims)
        else:
            dims = (str(fixed), *dims)
    return read(d, s, f"{state.var.name}[{text}]", state, (*dims, *state.dims))


WEIGHTS = {counting: 4, tensor: 4, table_write: 5, table_read: 6, matrix: 4, whole_reset: 2, log_read: 2}


def any_cache(d: Draw, s: Scope) -> None:
    """One statement about a state."""
    while not d.weighted(WEIGHTS)(d, s):
        pass
