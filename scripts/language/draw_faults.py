"""Draws what fails in one step: a statement that is right or wrong as an input says, or inputs that don't fit."""

from __future__ import annotations

import numpy as np

import dtypes
from draw import Draw, Line, Scope, Var
from draw_cache import StateVar, declare, line
from draw_ops import emit_to


def switch(d: Draw, right, wrong, dtype: str = "i64") -> str:
    """An integer input that is wrong in the step that fails."""
    name = d.name("on")
    rights = right if isinstance(right, list) else [right]
    d.given[name] = [
        d.choice(wrong if isinstance(wrong, list) else [wrong]) if step == d.fail_step else d.choice(rights)
        for step in range(d.steps)
    ]
    # No range is known of it, so that nothing else uses it as an index.
    d.declare(Var(name, dtype, (), "dynamic", "index", always=True), "")
    return name


def own_table(d: Draw, s: Scope, fixed: bool) -> tuple[str, StateVar]:
    """A table of scalars that holds 3 cells here, and that nothing else uses."""
    name = d.name("F")
    state = StateVar(
        "fault", Var(name, "i32", (), "persistent", world=s.world), (), ["t"], {"t": 3} if fixed else {}, constant=True
    )
    declare(d, state, "")
    if not fixed:
        line(s, f"cache.write 7 >> {name}[2];", "cache.write", name)
    return name, state


def read_scalar(d: Draw, s: Scope, place: str, dtype: str = "i32", dims: tuple = ()) -> None:
    target = d.declare_local(s, dtype, dims)
    target.writable = False
    line(s, f"cache.read {place} >> {target.name};", "cache.read", target.name)


def past_the_end(d, s):
    name, _ = own_table(d, s, d.chance(0.5))
    f = switch(d, [0, 1, 2], [3, 4, 1000])
    read_scalar(d, s, f"{name}[{f}]")


def slice_past_the_end(d, s):
    name, _ = own_table(d, s, d.chance(0.5))
    f = switch(d, [0, 1], [2, 7])
    read_scalar(d, s, f"{name}[{f}..{f} + 2]", dims=("2",))


def start_after_end(d, s):
    name, _ = own_table(d, s, d.chance(0.5))
    f = switch(d, 1, [3, 2])
    read_scalar(d, s, f"{name}[{f}..2]" if d.chance(0.5) else f"{name}[{f}..-1]", dims=("1",))


def before_the_front(d, s):
    name, _ = own_table(d, s, d.chance(0.5))
    f = switch(d, [1, 2, 3], [4, 9])
    read_scalar(d, s, f"{name}[-{f}]")


def past_fixed(d, s):
    name, _ = own_table(d, s, True)
    f = switch(d, [0, 1, 2], [3, 5])
    line(s, f"cache.write 5 >> {name}[{f}];", "cache.write", name)


def count_past_fixed(d, s):
    name = d.name("F")
    state = StateVar(
        "fault",
        Var(name, "f32", ("1", "2"), "persistent", world=s.world),
        ("1", "2"),
        ["r"],
        {"r": 2},
        ["r"],
        {"r": 2},
        constant=True,
    )
    declare(d, state, "")
    f = switch(d, 2, 3)
    read_scalar(d, s, f"{name}[{f}]", "f32", ("3", "2"))


def past_a_matrix(d, s):
    """A slice of a growing matrix is a slice of its dim, and doesn't make it larger."""
    name = d.name("F")
    var = Var(name, "f32", ("2",), "persistent", world=s.world)
    declare(d, StateVar("fault", var, ("2",), ["r"], {}, ["r"], {"r": 1}, constant=True), "")
    read_scalar(d, s, f"{name}[1]", "f32", ("3",))
    on = switch(d, [0, 1], [2, 3])
    if d.chance(0.5):
        read_scalar(d, s, f"{name}[{on}..{on} + 2]", "f32", ("2",))
    else:
        line(s, f"cache.write [0.5, 1.5] >> {name}[{on}..{on} + 2];", "cache.write", name)


def index_by_zero(d, s):
    name, _ = own_table(d, s, d.chance(0.5))
    f = switch(d, [1, 3, 4], 0)
    read_scalar(d, s, d.choice([f"{name}[2 / {f}]", f"{name}[2 % {f}]"]))


def loop_by_zero(d, s):
    f, name, index = switch(d, [3, 4], 0), d.name("turns"), d.name("j")
    inner = s.child(loops=[*s.loops, (index, 0, 1)])
    inner.lines.append(Line("barrier;"))
    s.lines.append(Line("", {name}, [(f"loop {name} ({index} in 0..6 / {f})", inner.lines)]))


def wrong_dims_of_a_read(d, s):
    name, _ = own_table(d, s, d.chance(0.5))
    f = switch(d, 2, [1, 3, 0])
    read_scalar(d, s, f"{name}[0..{f}]", dims=("2",))


def wrong_dims_of_a_write(d, s):
    name, _ = own_table(d, s, False)
    f = switch(d, 2, [1, 3])
    value = d.operand(s, "i32", ("2",))
    line(s, f"cache.write {value.name} >> {name}[0..{f}];", "cache.write", name)


def wrong_dims_of_an_op(d, s):
    """Two free sizes that must be the same."""
    same = [d.random.randint(2, 4) for _ in range(d.steps)]
    d.free["N"] = same
    d.free["M"] = [size + (1 if step == d.fail_step else 0) for step, size in enumerate(same)]
    x = d.declare(Var(d.name("x"), "f32", ("N",), "dynamic", always=True), "")
    y = d.declare(Var(d.name("x"), "f32", ("M",), "dynamic", always=True), "")
    d.used_sizes.update(["N", "M"])
    target = d.declare_local(s, "f32", ("N",))
    target.writable = False
    emit_to(d, s, d.choice(["add", "mul"]), [x.name, y.name], [target.name])


def op_by_zero(d, s):
    dtype = d.choice(["i32", "i64", "u8", "i4"])
    f = switch(d, [1, 2, 3], 0, dtype)
    x = d.operand(s, dtype, ("2",))
    target = d.declare_local(s, dtype, ("2",))
    target.writable = False
    emit_to(d, s, d.choice(["div", "mod"]), [x.name, f], [target.name])


def gather_outside(d, s):
    f = switch(d, [0, 1, 2, -3], [3, -4, 100])
    x = d.operand(s, d.any_dtype(), ("3",))
    target = d.declare_local(s, x.dtype, ())
    target.writable = False
    emit_to(d, s, "gather", [x.name, f], [target.name])


def parameter_outside(d, s):
    name = d.name("W")
    for index in range(2):
        d.parameters[f"{name}.{index}"] = np.full((2,), index, dtype=np.float32)
    table = d.declare(Var(name, "f32", ("2",), "volatile"), f' @pattern("{name}.{{l}}")', "(l)")
    table.extents = [2]
    f = switch(d, [0, 1], [2, 50])
    target = d.declare_local(s, "f32", ("2",))
    target.writable = False
    emit_to(d, s, "neg", [f"{name}[{f}]"], [target.name])


def missing_input(d, s):
    var = d.declare(Var(d.name("x"), d.any_dtype(), ("2",), "dynamic", "plain", always=True), "")
    d.missing = var.name


def sizes_that_disagree(d, s):
    sizes = [d.random.randint(1, 4) for _ in range(d.steps)]
    d.free["N"] = sizes
    d.used_sizes.add("N")
    dtype = d.choice(["f32", "i8"])
    d.declare(Var(d.name("x"), dtype, ("N",), "dynamic", "plain", always=True), "")
    other = d.declare(Var(d.name("x"), dtype, ("N",), "dynamic", "plain", always=True), "")
    d.given[other.name] = [
        np.zeros(size + (step == d.fail_step), dtypes.NUMPY[dtype]) for step, size in enumerate(sizes)
    ]


FAULTS = [
    past_the_end,
    past_the_end,
    slice_past_the_end,
    start_after_end,
    before_the_front,
    past_fixed,
    past_fixed,
    past_fixed,
    count_past_fixed,
    past_a_matrix,
    past_a_matrix,
    index_by_zero,
    index_by_zero,
    loop_by_zero,
    wrong_dims_of_a_read,
    wrong_dims_of_a_write,
    wrong_dims_of_an_op,
    op_by_zero,
    gather_outside,
    parameter_outside,
    missing_input,
    sizes_that_disagree,
]


def any_fault(d: Draw, s: Scope) -> None:
    """Something that fails in the step that is to fail and in no other: here, in a loop or in a called block."""
    fault = d.choice(FAULTS)
    d.fault = fault.__name__
    form = d.random.randint(0, 3)
    if form == 0:
        label, index = d.name("layers"), d.name("j")
        inner = s.child(in_loop=True, turns=s.turns * 2)
        fault(d, inner)
        inner.lines.append(Line("barrier;"))
        s.lines.append(Line("", {label}, [(f"loop {label} ({index} in 0..2)", inner.lines)]))
    elif form == 1:
        name = d.name("block")
        d.blocks[name] = []
        inner = s.child(block=name, loops=[], in_loop=True)
        fault(d, inner)
        d.blocks[name] = inner.lines
        s.lines.append(Line(f"branch {name};"))
    else:
        fault(d, s)
