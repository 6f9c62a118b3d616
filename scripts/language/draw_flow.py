"""Draws the order of things: lists of statements, branches, loops, blocks that are called, blocks that run beside."""

from __future__ import annotations

from dataclasses import dataclass

import draw_faults
import draw_moves
import draw_ops
import dtypes
from draw import Draw, Line, Scope, Var
from draw_cache import any_cache, counting, new_log, new_state, tensor
from draw_ops import emit, emit_to

MAX_TURNS = 18


@dataclass
class Callable:
    """A block that is there already: what must hold where it is called, and what it leaves."""

    name: str
    before: Scope
    after: Scope
    world: str
    locals: set
    yields: bool


def statements(d: Draw, s: Scope, count: int) -> None:
    for _ in range(count):
        statement(d, s)


def statement(d: Draw, s: Scope) -> None:
    kinds = {"op": 24, "cache": 9, "transfer": 2, "barrier": 0.8, "yield": 0.4}
    if s.depth < 3:
        kinds |= {"if": 2.4, "branch": 3, "loop": 2.6}
    if s.may_return:
        kinds["return"] = 2 if s.loops else 0.8 if s.depth else 0.3 if s.block == "entry" else 2
    kind = d.weighted(kinds)
    if kind == "op":
        any_op(d, s)
    elif kind == "cache":
        any_cache(d, s)
    elif kind == "transfer":
        transfer(d, s)
    elif kind == "barrier":
        s.lines.append(Line("barrier;"))
    elif kind == "yield":
        idle_yield(d, s)
    elif kind == "if":
        if_else(d, s)
    elif kind == "branch":
        branch(d, s)
    elif kind == "loop":
        loop(d, s)
    else:
        conditional_return(d, s)


OPS = draw_ops.WEIGHTS | draw_moves.WEIGHTS


def any_op(d: Draw, s: Scope) -> None:
    """One statement that computes."""
    while not d.weighted(OPS)(d, s):
        # Nothing fits yet: something to work with.
        d.fresh(d.any_dtype(), d.draw_dims())


def transfer(d: Draw, s: Scope) -> None:
    x = d.any_operand(s, lambda var: var.section != "persistent" or var.world == s.world, approximate=True)
    if x is None:
        return
    target = d.target(s, x.dtype, x.dims, x.approximate)
    if target != x.name:
        s.lines.append(Line(f"transfer {x.name} >> {target};", {target}))
        d.wrote(s, target)


def idle_yield(d: Draw, s: Scope) -> None:
    """A `yield` that nobody awaits: of what nothing writes any more."""
    x = d.any_operand(s, lambda var: var.always and not var.writable and var.section != "persistent", approximate=True)
    if x is not None:
        s.lines.append(Line(f"yield {x.name};"))
        return
    x = d.any_operand(s, lambda var: var.name in s.declared and d.may_write(s, var), approximate=True)
    if x is not None and s.top and not s.in_loop:
        x.writable = False
        s.lines.append(Line(f"yield {x.name};"))


# Conditions.


def condition(d: Draw, s: Scope) -> str:
    """A scalar bool."""
    found = d.readable(s, lambda var: var.dtype == "bool" and not var.dims)
    form = d.random.randint(0, 5)
    if found and form < 2:
        return d.choice(found).name
    if form == 2 and d.chance(0.6):
        return d.fresh_scalar_bool().name
    target = d.declare_local(s, "bool", ())
    # A variable of its own: nothing else makes it another one.
    target.writable = False
    name, low, high = d.choice(d.index_bases(s))
    integers = d.readable(s, lambda var: dtypes.is_integer(var.dtype) and not var.dims)
    if s.loops and d.chance(0.6):
        name, low, high = d.choice(s.loops)
        emit_to(
            d,
            s,
            d.choice(["less", "equal", "greater"]),
            [name, str(d.random.randint(low, max(low, high)))],
            [target.name],
        )
    elif integers and d.chance(0.6):
        x = d.choice(integers)
        emit_to(
            d, s, d.choice(["less", "equal", "greater_or_equal"]), [x.name, str(d.random.randint(0, 1))], [target.name]
        )
    else:
        x = d.any_operand(s, lambda var: var.dtype != "bool", approximate=True) or d.operand(s, "f32", d.draw_dims())
        emit_to(d, s, "is_finite", [x.name], [target.name])
    return target.name


# Lists in lists.


def if_else(d: Draw, s: Scope) -> None:
    c = condition(d, s)
    then, other = s.child(), s.child()
    # A variable that both sides leave a value has one afterwards.
    shared = None
    if d.chance(0.4):
        shared = d.declare_local(s, d.any_dtype(), d.draw_dims())
        then.declared.add(shared.name), other.declared.add(shared.name)
    statements(d, then, d.random.randint(0, 3))
    # A side that surely returns needn't: what follows is reached from the other one.
    returns = shared is not None and s.may_return and d.chance(0.4)
    if returns:
        then.lines.append(Line("return;"))
    elif shared is not None:
        give(d, then, shared)
    else:
        last_return(d, then)
    bodies = [(f"if {c}", then.lines)]
    if shared is not None or d.chance(0.6):
        statements(d, other, d.random.randint(0, 3))
        if shared is not None:
            give(d, other, shared)
        bodies.append(("else", other.lines))
    s.lines.append(Line("", set(), bodies))
    s.merge(then, other)
    if shared is not None:
        s.defined.add(shared.name)
        use(d, s, shared)


def give(d: Draw, s: Scope, var: Var) -> None:
    """Gives a variable a value."""
    source = d.operand(s, var.dtype, var.dims, approximate=var.approximate)
    if d.chance(0.5) and "[" not in source.name:
        s.lines.append(Line(f"transfer {source.name} >> {var.name};", {var.name}))
    else:
        emit_to(d, s, "where", ["true", source.name, source.name], [var.name])
    d.wrote(s, var.name)


def bound(d: Draw, s: Scope, low: int, high: int) -> tuple[str, int, int]:
    """A bound of a loop, and the range of its value."""
    form = d.random.randint(0, 4)
    if form == 0:
        name, value = d.choice(d.sizes.items())
        d.used_sizes.add(name)
        if value <= high:
            return d.choice(
                [
                    (name, value, value),
                    (f"{name} - 1", value - 1, value - 1),
                    (f"min({name}, 2)", min(value, 2), min(value, 2)),
                ]
            )
    if form == 1 and s.loops:
        name, least, most = d.choice(s.loops)
        if most < high:
            return d.choice([(name, least, most), (f"{name} + 1", least + 1, most + 1)])
    if form == 2:
        return d.index(s, low, high), low, high
    counters = d.readable(
        s, lambda var: var.section == "persistent" and not var.dims and var.dtype in dtypes.BITS and var.dtype != "u64"
    )
    if form == 3 and counters and low >= 0:
        return f"min(max({d.choice(counters).name}, {low}), {high})", low, high
    value = d.random.randint(low, high)
    return str(value), value, value


def loop(d: Draw, s: Scope) -> None:
    most = MAX_TURNS // s.turns
    if most < 1:
        return
    if d.chance(0.12):
        start, low, least = d.choice([("3", 3, 3), ("0", 0, 0), ("2", 2, 2)])
        end, _, high = d.choice([("0", 0, 0), (start, low, low), ("1", 1, 1)])
    else:
        start, low, _ = ("0", 0, 0) if d.chance(0.6) else bound(d, s, -1, 2)
        end, _, high = bound(d, s, max(low, 0), low + min(most, 3))
    turns = max(high - low, 0)
    if turns > most:
        return
    label, index = d.name("layers"), d.name("j")
    inner = s.child(turns=s.turns * max(turns, 1), in_loop=True)
    inner.loops.append((index, low, max(high - 1, low)))
    statements(d, inner, d.random.randint(1, 4))
    for state in d.states.values():
        if state.kind == "scalar" and not state.constant and f"({state.var.name}," in end and d.chance(0.7):
            # The bound stays what it was before the loop.
            inner.lines.append(Line(f"cache.increment {state.var.name};", {"cache.increment"}))
    last_return(d, inner)
    s.lines.append(Line("", {label}, [(f"loop {label} ({index} in {start}..{end})", inner.lines)]))


def conditional_return(d: Draw, s: Scope) -> None:
    c = condition(d, s)
    inner = s.child()
    statements(d, inner, d.choice([0, 0, 1]))
    inner.lines.append(Line("return;"))
    s.lines.append(Line("", set(), [(f"if {c}", inner.lines)]))
    s.merge(s, inner)


def last_return(d: Draw, s: Scope) -> None:
    """Perhaps a `return` as the last statement of a list."""
    if s.may_return and d.chance(0.08):
        s.lines.append(Line("return;"))


# Blocks that are called.


def new_block(d: Draw, s: Scope, count: int) -> Callable:
    name = d.name("block")
    d.blocks[name] = []
    before = s.child(loops=[], in_loop=True, may_return=True, block=name)
    inner = before.child()
    inner.depth = s.depth + 1
    inner.defined, inner.declared = set(before.defined), set(before.declared)
    statements(d, inner, count)
    if has_return(inner.lines):
        # What an early return spares.
        counting(d, inner)
    if d.chance(0.15):
        inner.lines.append(Line("return;"))
    d.blocks[name] = inner.lines
    after = inner
    if has_return(inner.lines):
        # What holds at an early return is what held at the beginning, and that is little.
        after = before
    made = Callable(name, before, after, s.world, set(after.declared) - set(before.declared), has_yield(inner.lines))
    d.callable[name] = made
    return made


def has_return(lines: list[Line]) -> bool:
    return any(line.text == "return;" or any(has_return(body) for _, body in line.bodies) for line in lines)


def has_yield(lines: list[Line]) -> bool:
    return any(line.text.startswith("yield") or any(has_yield(body) for _, body in line.bodies) for line in lines)


def reusable(d: Draw, s: Scope) -> list[Callable]:
    """Blocks that may be called here."""
    found = []
    for block in d.callable.values():
        held = all(
            name in s.held and all(a >= b for a, b in zip(s.held[name], extents))
            for name, extents in block.before.held.items()
        )
        if (
            block.world == s.world
            and block.before.defined <= s.defined
            and block.before.grown <= s.grown
            and held
            and block.before.frozen >= s.frozen
            and not block.yields
            and block.before.turns >= s.turns
        ):
            found.append(block)
    return found


def branch(d: Draw, s: Scope) -> None:
    old = reusable(d, s)
    wanted = d.choice([1, 2, 2, 3])
    c = condition(d, s) if wanted > 1 else None
    chosen = []
    for _ in range(1 if wanted < 3 else 2):
        chosen.append(d.choice(old) if old and d.chance(0.4) else new_block(d, s, d.random.randint(1, 3)))
    names = [block.name for block in chosen]
    s.lines.append(Line(f"branch {' '.join([c] * bool(c) + names)};"))
    if wanted == 1:
        # The block's own variables are everybody's.
        after = chosen[0].after
        s.declared |= chosen[0].locals
        s.defined |= after.defined & s.declared
        s.grown |= after.grown & {name for name in d.states}
        for name, extents in after.held.items():
            if name in s.held:
                s.held[name] = [max(pair) for pair in zip(s.held[name], extents)]
    elif wanted == 3:
        s.defined |= chosen[0].after.defined & chosen[1].after.defined & s.declared


# Blocks that run beside.


def beside(d: Draw, s: Scope) -> None:
    """`yield` in entry, one to three blocks that await it, and what entry awaits of them."""
    x = ensure_variable(d, s, apart=[])
    results = [d.declare_local(s, d.any_dtype(), d.draw_dims()) for _ in range(3)]
    for var in results:
        var.writable = False
    second = ensure_variable(d, s, apart=[x]) if d.chance(0.35) else None
    # What the blocks see of this is what it was when they began.
    later = ensure_variable(d, s, apart=[x, second])
    s.lines.append(Line(f"yield {x.name};"))
    s.frozen.add(x.name)
    roles = d.random.sample(["modify", "compute", "sink", "chain", "late", "two"], d.random.randint(1, 3))
    if second is None and "two" in roles:
        roles.remove("two")
    if "chain" in roles or "late" in roles:
        roles = ["compute"] + [role for role in roles if role not in ("compute", "modify")][:2]
    awaited, given = [], None
    for place, role in enumerate(roles):
        name = d.name("beside")
        d.blocks[name] = []
        inner = s.child(world=name, block=name, loops=[], in_loop=False, may_return=False)
        inner.top, inner.depth = True, 0
        # At most one of them may write what entry awaits.
        inner.frozen = {var.name for var in (x, second) if var is not None and not (var is x and role == "modify")}
        inner.defined, inner.declared = set(s.defined), set(s.declared)
        result = results[place]
        if role == "late":
            if given is None:
                continue
            late_block(d, inner, given, result)
        else:
            if d.chance(0.3):
                # What the block declares before it begins has no value then.
                own = d.declare_local(inner, result.dtype, result.dims)
            else:
                own = None
            inner.lines.append(Line(f"await {x.name};"))
            if own is not None:
                give(d, inner, own)
            statements(d, inner, d.random.randint(0, 3))
            if role == "two":
                inner.lines.append(Line(f"await {second.name};"))
                inner.defined.add(second.name)
            if role == "chain":
                inner.lines.append(Line(f"await {given.name};"))
                inner.defined.add(given.name)
            seen = [{"two": second, "chain": given}.get(role, x), later]
            use(d, inner, seen[0])
            statements(d, inner, d.random.randint(0, 2))
            if role == "modify":
                mix(d, inner, x, [later])
                change(d, inner, x)
                inner.lines.append(Line(f"yield {x.name};"))
            elif role == "sink":
                state = new_state(d, inner, "tensor")
                value = d.operand(inner, state.var.dtype, state.dims)
                inner.lines.append(Line(f"cache.write {value.name} >> {state.var.name};", {"cache.write"}))
                if d.chance(0.5):
                    new_log(d, inner)
            else:
                mix(d, inner, result, seen)
                inner.lines.append(Line(f"yield {result.name};"))
            inner.may_return = True
            statements(d, inner, d.random.randint(0, 2))
            if role == "compute" and d.chance(0.5):
                # What it writes after its yield is its own.
                give(d, inner, result)
        d.blocks[name] = inner.lines
        if role in ("compute", "chain", "late", "two"):
            awaited.append(result)
            given = given or (result if role == "compute" else None)
    statements(d, s, d.random.randint(0, 1))
    change(d, s, later)
    statements(d, s, d.random.randint(0, 1))
    if second is not None:
        change(d, s, second)
        s.lines.append(Line(f"yield {second.name};"))
        s.frozen.add(second.name)
        statements(d, s, d.random.randint(0, 1))
    ends = [x] if "modify" in roles or d.chance(0.4) else []
    ends += [second] if second is not None and "two" in roles and d.chance(0.4) else []
    ends += [result for result in awaited if d.chance(0.8)]
    d.random.shuffle(ends)
    for end in ends:
        s.lines.append(Line(f"await {end.name};"))
        s.frozen.discard(end.name)
        s.defined.add(end.name)
        use(d, s, end)


def ensure_variable(d: Draw, s: Scope, apart: list) -> Var:
    """A variable of entry that has a value and may be written."""
    found = [
        var
        for var in d.vars.values()
        if d.may_write(s, var) and not any(var is other for other in apart) and (var.always or var.name in s.defined)
    ]
    if found and d.chance(0.6):
        return d.choice(found)
    var = d.declare_local(s, d.any_dtype(), d.draw_dims())
    give(d, s, var)
    return var


def change(d: Draw, s: Scope, var: Var) -> None:
    """Writes a variable once more."""
    other = d.operand(s, var.dtype, var.dims, approximate=var.approximate)
    if var.approximate and not other.approximate:
        emit_to(d, s, "neg", [var.name], [var.name])
    elif var.dtype == "bool":
        emit_to(d, s, "xor", [var.name, other.name], [var.name])
    else:
        emit_to(d, s, d.choice(["add", "sub", "mul"]), [var.name, other.name], [var.name])


def mix(d: Draw, s: Scope, var: Var, sources: list[Var]) -> None:
    """Gives a variable a value that hangs on these others: something of its type, and one number of each of them."""
    source = d.operand(s, var.dtype, var.dims, approximate=var.approximate)
    op = "xor" if var.dtype == "bool" else "add"
    for other in sources:
        if other.approximate:
            continue
        one, as_wanted = d.declare_local(s, other.dtype, ()), d.declare_local(s, var.dtype, ())
        emit_to(
            d, s, "reduce_max" if other.dtype == "bool" else "reduce_sum", [other.name], [one.name], keepdims="false"
        )
        emit_to(d, s, "cast", [one.name], [as_wanted.name], to=var.dtype)
        emit_to(d, s, op, [source.name, as_wanted.name], [var.name])
        source = var
    if source is not var:
        emit_to(d, s, "where", ["true", source.name, source.name], [var.name])


def use(d: Draw, s: Scope, var: Var) -> None:
    """An op of a variable, so that its value is seen."""
    if var.dtype == "bool":
        emit(d, s, "not", [var.name], [("bool", var.dims, False)])
    else:
        emit(d, s, "neg", [var.name], [(var.dtype, var.dims, var.approximate)])


def late_block(d: Draw, s: Scope, given: Var, result: Var) -> None:
    """A block that begins with what another block beside yields.

    On whose snapshot isn't said, so it uses only what is the same in all: that value, and what nobody writes.
    """
    s.lines.append(Line(f"await {given.name};"))
    own = d.declare_local(s, given.dtype, given.dims)
    if given.dtype == "bool":
        emit_to(d, s, "not", [given.name], [own.name])
    else:
        emit_to(d, s, d.choice(["neg", "abs", "sign"]), [given.name], [own.name])
    emit_to(
        d,
        s,
        "reduce_max" if given.dtype == "bool" else "reduce_sum",
        [own.name],
        [own.name],
        noop_with_empty_axes="true",
    )
    source = d.fresh(result.dtype, result.dims, "plain")
    source = d.entry(Scope([], s.world), source)
    emit_to(d, s, "where", ["false", source.name, source.name], [result.name])
    s.lines.append(Line(f"yield {result.name};"))


# The entry.


def program(d: Draw) -> None:
    if d.chance(0.11) and d.steps:
        d.steps = max(d.steps, d.choice([2, 3, 4]))
        d.fail_step = d.random.randrange(d.steps - 1) if d.chance(0.85) else d.steps - 1
        d.free = {name: [d.choice([1, 2, 3, 4]) for _ in range(d.steps)] for name in d.free}
    s = Scope([], "entry", top=True)
    d.blocks["entry"] = s.lines
    statements(d, s, d.random.randint(3, 6))
    if d.chance(0.22):
        new_log(d, s)
    if d.fail_step is not None:
        # What the step has written already must be undone.
        tensor(d, s, writes=True)
        counting(d, s)
        draw_faults.any_fault(d, s)
    statements(d, s, d.random.randint(3, 7))
    if d.chance(0.3):
        beside(d, s)
    s.may_return = True
    statements(d, s, d.random.randint(3, 9))
    if d.chance(0.15):
        s.lines.append(Line("return;"))
