"""Draws ops that move elements, or make them from sizes alone. As in `draw_ops.py`, each function draws one op."""

from __future__ import annotations

import dtypes
from draw import Var
from draw_ops import emit, literal, long_axis, maybe_named, signed_axis, vector


def identity(d, s):
    x = d.any_operand(s, approximate=True)
    return x is not None and emit(d, s, "identity", [x.name], [(x.dtype, x.dims, x.approximate)])


def transpose(d, s):
    x = d.any_operand(s, lambda var: len(var.dims) > 1, approximate=True)
    if x is None:
        return False
    order = list(range(len(x.dims)))
    if d.chance(0.4):
        return emit(d, s, "transpose", [x.name], [(x.dtype, x.dims[::-1], x.approximate)])
    d.random.shuffle(order)
    return emit(
        d,
        s,
        "transpose",
        [x.name],
        [(x.dtype, tuple(x.dims[axis] for axis in order), x.approximate)],
        perm=d.attribute(order),
    )


def reshape(d, s):
    x = d.any_operand(s, lambda var: d.all_static(var.dims), approximate=True)
    if x is None:
        return False
    sizes = [d.extent(dim) for dim in x.dims]
    count = 1
    for size in sizes:
        count *= size
    if d.chance(0.25) and x.dims:
        axis = d.random.randrange(len(x.dims) + 1)
        rows = 1
        for size in sizes[:axis]:
            rows *= size
        columns = 1
        for size in sizes[axis:]:
            columns *= size
        return emit(
            d,
            s,
            "flatten",
            [x.name],
            [(x.dtype, (d.written_dim(rows), d.written_dim(columns)), x.approximate)],
            axis=d.attribute(axis) if axis != 1 or d.chance(0.5) else None,
        )
    divisors = [value for value in range(1, count + 1) if count % value == 0] or [1]
    first = d.choice(divisors)
    wanted = d.choice([[count], [first, count // first], [1, first, count // first]]) if count else [0, 2]
    if count == 1 and d.chance(0.3):
        wanted = []
    shown = list(wanted)
    if shown and count and d.chance(0.4):
        shown[d.random.randrange(len(shown))] = -1
    elif shown and x.dims and shown[0] == sizes[0] and d.chance(0.4):
        shown[0] = 0
    if count == 0 or not shown:
        shown = wanted
    attributes = {"allowzero": "true"} if count == 0 else {}
    listed = vector(d, shown) if shown else "[]"
    if not shown:
        return emit(d, s, "reshape", [x.name, maybe_named(d, "shape", listed)], [(x.dtype, (), x.approximate)])
    return emit(
        d,
        s,
        "reshape",
        [x.name, maybe_named(d, "shape", listed)],
        [(x.dtype, tuple(map(d.written_dim, wanted)), x.approximate)],
        **attributes,
    )


def concat(d, s):
    x = d.any_operand(s, lambda var: var.dims, approximate=True)
    if x is None:
        return False
    axis = d.random.randrange(len(x.dims))
    others, total = [], x.dims[axis]
    approximate = x.approximate
    for _ in range(d.random.randint(0, 2)):
        if d.is_static(total):
            more = d.choice([dim for dim in d.pool if d.is_static(dim)])
        elif total == "N":
            more = d.choice(["N", "1"])
        else:
            break
        other = d.operand(s, x.dtype, (*x.dims[:axis], more, *x.dims[axis + 1 :]), approximate=dtypes.is_float(x.dtype))
        others.append(other.name)
        approximate = approximate or other.approximate
        total = (
            d.written_dim(d.extent(total) + d.extent(more))
            if d.is_static(total)
            else "2 * N"
            if more == "N"
            else "N + 1"
        )
    dims = (*x.dims[:axis], total, *x.dims[axis + 1 :])
    return emit(
        d,
        s,
        "concat",
        [x.name, *others],
        [(x.dtype, dims, approximate)],
        axis=d.attribute(signed_axis(d, axis, len(x.dims))),
    )


def slice_(d, s):
    x = d.any_operand(s, lambda var: long_axis(d, var), approximate=True)
    if x is None:
        return False
    axis = d.choice(long_axis(d, x))
    extent = d.extent(x.dims[axis])
    start, end, step = (
        d.random.randint(-extent - 1, extent),
        d.random.randint(-extent - 1, extent + 2),
        d.choice([1, 1, 1, 2, -1, -2]),
    )
    clamped = None if step < 0 and end < -extent else end
    begun = max(start, -extent) if step < 0 else start
    count = len(range(extent)[begun:clamped:step])
    dims = (*x.dims[:axis], d.written_dim(count), *x.dims[axis + 1 :])
    operands = [x.name, maybe_named(d, "starts", f"[{start}]")]
    named = "=" in operands[1]
    operands.append(f"ends=[{end}]" if named else f"[{end}]")
    if axis or step != 1 or d.chance(0.4):
        place = signed_axis(d, axis, len(x.dims))
        operands.append(f"axes=[{place}]" if named or d.chance(0.4) else f"[{place}]")
        if step != 1:
            operands.append(f"steps=[{step}]" if "=" in operands[-1] else f"[{step}]")
    return emit(d, s, "slice", operands, [(x.dtype, dims, x.approximate)])


def split(d, s):
    x = d.any_operand(s, lambda var: long_axis(d, var), approximate=True)
    if x is None:
        return False
    axis = d.choice(long_axis(d, x))
    extent = d.extent(x.dims[axis])
    count = d.random.randint(1, min(3, extent))
    form = d.random.randint(0, 2)
    operands, attributes = [x.name], {}
    if form == 0:
        cuts = sorted(d.random.randint(0, extent) for _ in range(count - 1))
        sizes = [end - begin for begin, end in zip([0, *cuts], [*cuts, extent])]
        operands.append(maybe_named(d, "split", vector(d, sizes)))
    elif form == 1:
        each = -(-extent // count)
        sizes = [max(min(each, extent - each * place), 0) for place in range(count)]
        attributes["num_outputs"] = str(count)
    else:
        count = d.choice([value for value in (1, 2, 3) if extent % value == 0])
        sizes = [extent // count] * count
    results = [(x.dtype, (*x.dims[:axis], d.written_dim(size), *x.dims[axis + 1 :]), x.approximate) for size in sizes]
    return emit(
        d,
        s,
        "split",
        operands,
        results,
        drop=len(results) > 1,
        axis=d.attribute(signed_axis(d, axis, len(x.dims))),
        **attributes,
    )


def gather(d, s):
    x = d.any_operand(s, lambda var: long_axis(d, var), approximate=True)
    if x is None:
        return False
    axis = d.choice(long_axis(d, x))
    extent = d.extent(x.dims[axis])
    if d.chance(0.3) and d.all_static(x.dims):
        # Indices of the dims of x, or of fewer along the axis.
        sizes = [d.extent(dim) for dim in x.dims]
        sizes[axis] = d.random.randint(1, 3)
        name = index_input(d, sizes, extent)
        if x.approximate:
            return False
        return emit(
            d,
            s,
            "gather_elements",
            [x.name, name],
            [(x.dtype, tuple(map(str, sizes)), False)],
            axis=d.attribute(signed_axis(d, axis, len(x.dims))),
        )
    if d.chance(0.5):
        values = [d.random.randint(-extent, extent - 1) for _ in range(d.random.randint(1, 3))]
        indices, shape = vector(d, values), (str(len(values)),)
        if d.chance(0.3):
            indices, shape = str(values[0]), ()
    else:
        sizes = d.choice([[2], [3], [1, 2], []])
        indices, shape = index_input(d, sizes, extent), tuple(map(str, sizes))
    dims = (*x.dims[:axis], *shape, *x.dims[axis + 1 :])
    if len(dims) > 4:
        return False
    return emit(
        d,
        s,
        "gather",
        [x.name, maybe_named(d, "indices", indices)],
        [(x.dtype, dims, x.approximate)],
        axis=d.attribute(signed_axis(d, axis, len(x.dims))) if axis or d.chance(0.3) else None,
    )


def index_input(d, sizes, extent) -> str:
    """An input of indices into an axis."""
    name, dtype = d.name("ix"), d.choice(["i64", "i32"])
    d.given[name] = [d.numbers.integers(-extent, extent, sizes).astype(dtypes.NUMPY[dtype]) for _ in range(d.steps)]
    return d.declare(Var(name, dtype, tuple(map(str, sizes)), "dynamic", "index", always=True), "").name


def expand(d, s):
    x = d.any_operand(s, lambda var: d.all_static(var.dims) and len(var.dims) < 3, approximate=True)
    if x is None:
        return False
    more = d.random.randint(1, 3)
    sizes = [d.extent(dim) for dim in x.dims]
    if d.chance(0.5) and x.dims:
        repeats = [d.random.randint(1, 2) for _ in sizes]
        dims = tuple(d.written_dim(size * repeat) for size, repeat in zip(sizes, repeats))
        return emit(
            d, s, "tile", [x.name, maybe_named(d, "repeats", vector(d, repeats))], [(x.dtype, dims, x.approximate)]
        )
    wide = [more, *(d.random.randint(1, 3) if size == 1 else d.choice([size, 1]) for size in sizes)]
    dims = [more, *(max(a, b) if 0 not in (a, b) else 0 for a, b in zip(sizes, wide[1:]))]
    return emit(d, s, "expand", [x.name, vector(d, wide)], [(x.dtype, tuple(map(d.written_dim, dims)), x.approximate)])


def squeeze(d, s):
    x = d.any_operand(s, lambda var: any(d.key(dim) == 1 for dim in var.dims), approximate=True)
    if x is None or d.chance(0.5):
        x = d.any_operand(s, lambda var: len(var.dims) < 3, approximate=True)
        if x is None:
            return False
        place = d.random.randint(0, len(x.dims))
        dims = (*x.dims[:place], "1", *x.dims[place:])
        listed = maybe_named(d, "axes", f"[{signed_axis(d, place, len(dims))}]")
        return emit(d, s, "unsqueeze", [x.name, listed], [(x.dtype, dims, x.approximate)])
    ones = [axis for axis, dim in enumerate(x.dims) if d.key(dim) == 1]
    if d.chance(0.3) and d.all_static(x.dims):
        return emit(
            d,
            s,
            "squeeze",
            [x.name],
            [(x.dtype, tuple(dim for axis, dim in enumerate(x.dims) if axis not in ones), x.approximate)],
        )
    axis = d.choice(ones)
    return emit(
        d,
        s,
        "squeeze",
        [x.name, maybe_named(d, "axes", f"[{signed_axis(d, axis, len(x.dims))}]")],
        [(x.dtype, (*x.dims[:axis], *x.dims[axis + 1 :]), x.approximate)],
    )


def pad(d, s):
    x = d.any_operand(s, lambda var: var.dims and d.all_static(var.dims) and all(d.extent(dim) for dim in var.dims))
    if x is None:
        return False
    rank = len(x.dims)
    axes = sorted(d.random.sample(range(rank), d.random.randint(1, rank))) if d.chance(0.4) else list(range(rank))
    before = [d.random.randint(0, 2) for _ in axes]
    after = [d.random.randint(-1, 2) if d.extent(x.dims[axis]) > 1 else d.random.randint(0, 2) for axis in axes]
    sizes = [d.extent(dim) for dim in x.dims]
    for axis, low, high in zip(axes, before, after):
        sizes[axis] += low + high
    mode = d.choice(["constant", "constant", "edge", "reflect", "wrap"])
    operands = [x.name, vector(d, before + after)]
    partial = len(axes) < rank
    if mode == "constant" and d.chance(0.5):
        operands.append(literal(d, x.dtype))
    elif partial and d.chance(0.5):
        operands.append("_")
    if partial:
        operands.append(
            f"[{', '.join(map(str, axes))}]" if len(operands) == 3 else f"axes=[{', '.join(map(str, axes))}]"
        )
    return emit(
        d,
        s,
        "pad",
        operands,
        [(x.dtype, tuple(map(d.written_dim, sizes)), False)],
        mode=d.attribute(mode) if mode != "constant" or d.chance(0.3) else None,
    )


def trilu(d, s):
    x = d.any_operand(s, lambda var: len(var.dims) > 1)
    if x is None:
        return False
    operands = [x.name] + ([maybe_named(d, "k", str(d.random.randint(-1, 2)))] if d.chance(0.5) else [])
    return emit(d, s, "trilu", operands, [(x.dtype, x.dims, False)], upper="false" if d.chance(0.5) else None)


def one_hot(d, s):
    x = d.any_operand(s, lambda var: dtypes.is_integer(var.dtype) and len(var.dims) < 3)
    if x is None:
        return False
    depth, axis = d.random.randint(1, 4), d.random.randint(0, len(x.dims))
    dtype, values = d.choice([("f32", "[0.0, 5.5]"), ("i64", "[-1, 7]"), ("bool", "[false, true]")])
    dims = (*x.dims[:axis], d.written_dim(depth), *x.dims[axis:])
    place = axis - len(dims) if d.chance(0.5) else axis
    return emit(
        d,
        s,
        "one_hot",
        [x.name, maybe_named(d, "depth", str(depth)), f"values={values}"],
        [(dtype, dims, False)],
        axis=d.attribute(place) if place != -1 or d.chance(0.5) else None,
    )


def sources(d, s):
    """`shape`, `size`, `range`, `eye_like`: results that don't hang on elements."""
    form = d.random.randint(0, 4)
    x = d.any_operand(s, approximate=True)
    if form == 0 and x is not None:
        return emit(d, s, "size", [x.name], [("i64", (), False)])
    if form == 1 and x is not None:
        start = d.random.randint(0, len(x.dims))
        return emit(
            d,
            s,
            "shape",
            [x.name],
            [("i64", (d.written_dim(len(x.dims) - start),), False)],
            start=d.attribute(start) if start else None,
        )
    matrix = d.any_operand(s, lambda var: len(var.dims) == 2)
    if form == 2 and matrix is not None:
        dtype = d.choice([None, d.any_dtype()])
        k = d.attribute(d.random.randint(-1, 2)) if d.chance(0.6) else None
        return emit(d, s, "eye_like", [matrix.name], [(dtype or matrix.dtype, matrix.dims, False)], k=k, dtype=dtype)
    if d.chance(0.3):
        count = d.random.randint(0, 4)
        return emit(
            d, s, "range", ["0.5", f"{0.5 + count * 0.25!r}", "0.25"], [("f32", (d.written_dim(count),), False)]
        )
    start, step, count = d.random.randint(-3, 3), d.choice([1, 2, -1, 3]), d.random.randint(0, 4)
    return emit(
        d, s, "range", [str(start), str(start + step * count), str(step)], [("i64", (d.written_dim(count),), False)]
    )


WEIGHTS = {
    identity: 1,
    transpose: 2,
    reshape: 3,
    concat: 3,
    slice_: 3,
    split: 3,
    gather: 3,
    expand: 3,
    squeeze: 3,
    pad: 3,
    trilu: 1.5,
    one_hot: 1.5,
    sources: 2.5,
}
