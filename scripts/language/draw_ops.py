"""Draws statements that compute: for each op what operands it takes, and what type its results have.

Each function draws one op into a scope, or gives False where nothing there fits. `WEIGHTS` says how often.
"""

from __future__ import annotations

import dtypes
from draw import Draw, Line, Scope, Var

HINTS = ["{ fuse: true }", "{ tile: 8 }", "{ fuse: false, unroll: 4 }", '{ place: "gpu" }', "{ cost: 0.5 }"]


def is_numeric(var: Var) -> bool:
    return var.dtype != "bool"


def emit(
    d: Draw, s: Scope, op: str, operands: list, results: list, drop: bool = False, new: bool = False, **attributes
) -> bool:
    """One op. `operands` are texts; `results` are (dtype, dims, approximate); `drop`: some may be `_`."""
    dropped = {place for place in range(len(results)) if drop and d.chance(0.3)}
    if len(dropped) == len(results):
        dropped.clear()
    names, taken = [], set(s.frozen)
    for place, (dtype, dims, approximate) in enumerate(results):
        if place in dropped:
            names.append("_")
            continue
        before, s.frozen = s.frozen, taken
        names.append(d.target(s, dtype, tuple(dims), approximate, new))
        s.frozen = before
        taken = taken | {names[-1]}
    parts = [*operands, *(f"{name}={value}" for name, value in attributes.items() if value is not None)]
    hints = f" @ {d.choice(HINTS)}" if d.chance(0.06) else ""
    kept = [name for name in names if name != "_"]
    s.lines.append(Line(f"op {op}({', '.join(parts)}) >> {', '.join(names)}{hints};", {op, *kept}))
    d.wrote(s, *kept)
    return True


def literal(d: Draw, dtype: str, nonzero: bool = False) -> str:
    """A number that the dtype can represent."""
    if dtype == "bool":
        return d.choice(["true", "false"])
    if dtypes.is_integer(dtype):
        low, high = dtypes.bounds(dtype)
        texts = ["-3", "-2", "-1", "0", "1", "2", "3", "5", "100", "0x10", "1_000"]
        return d.choice([text for text in texts if low <= int(text, 0) <= high and (int(text, 0) or not nonzero)])
    return d.choice(
        ["0.5", "1.5", "-2.0", "0.1", "3", "-1", "1e2", "0.25"]
        if dtype not in ("f8e4m3fn",)
        else ["0.5", "1.5", "-2.0", "3"]
    )


def literals(d: Draw, dtype: str, count: int, nonzero: bool = False) -> list[str]:
    """The elements of a list: floats are all written as floats."""
    found = [literal(d, dtype, nonzero) for _ in range(count)]
    if dtypes.is_float(dtype):
        return [text if {".", "e"} & set(text) else f"{text}.0" for text in found]
    return found


def number(text: str) -> float:
    return int(text, 0) if not {".", "e"} & set(text) or "x" in text else float(text)


def vector(d: Draw, values) -> str:
    return f"[{', '.join(map(str, values))}]"


def maybe_named(d: Draw, name: str, text: str) -> str:
    return f"{name}={text}" if d.chance(0.3) else text


def partner(
    d: Draw, s: Scope, x: Var, kind: str | None = None, approximate: bool = False, nonzero: bool = False
) -> tuple[str, tuple, bool]:
    """A second operand that broadcasts with x: its text, the dims of both together, whether it is approximate."""
    form = d.random.randint(0, 9)
    if form < 2:
        return literal(d, x.dtype, nonzero), x.dims, False
    if form == 2 and x.dims and d.is_static(x.dims[-1]) and x.dtype != "bool":
        values = literals(d, x.dtype, d.extent(x.dims[-1]), nonzero)
        if values:
            return vector(d, values), x.dims, False
    dims = x.dims
    if form == 3:
        dims = ()
    elif form == 4 and x.dims:
        dims = x.dims[d.random.randint(0, len(x.dims) - 1) :]
    elif form == 5 and x.dims:
        dims = tuple("1" if d.chance(0.5) else dim for dim in x.dims)
    elif form == 6 and len(x.dims) < 3:
        dims = (d.choice(["1", "2", *d.sizes]), *x.dims)
    y = d.operand(s, x.dtype, dims, kind, approximate)
    together = y.dims if form == 6 and len(x.dims) < 3 else x.dims
    return y.name, tuple(together), y.approximate


# Elementwise.


def arithmetic(d, s):
    op = d.choice(["add", "sub", "mul", "add", "mul"])
    x = (
        d.any_operand(s, is_numeric, approximate=True)
        if d.chance(0.85)
        else d.operand(s, d.float_dtype(), d.draw_dims())
    )
    if x is None:
        return False
    y, dims, approximate = partner(d, s, x, approximate=dtypes.is_float(x.dtype))
    pair = [x.name, y]
    if d.chance(0.3):
        pair.reverse()
    if d.chance(0.05):
        pair = [f"b={pair[1]}", f"a={pair[0]}"]
    return emit(d, s, op, pair, [(x.dtype, dims, x.approximate or approximate)])


def index_arithmetic(d, s):
    """A loop's index as an operand."""
    if not s.loops:
        return False
    index = d.choice(s.loops)[0]
    x = d.operand(s, "i64", d.draw_dims())
    return emit(d, s, d.choice(["add", "sub", "mul", "max", "bitwise_xor"]), [x.name, index], [("i64", x.dims, False)])


def division(d, s):
    x = d.any_operand(s, is_numeric)
    if x is None:
        return False
    op = d.choice(["div", "mod"])
    attributes = {"fmod": d.attribute(d.chance(0.5))} if op == "mod" and d.chance(0.4) else {}
    if dtypes.is_float(x.dtype):
        y, dims, _ = partner(d, s, x)
    elif d.chance(0.5):
        y, dims = literal(d, x.dtype, nonzero=True), x.dims
    else:
        # With its lowest bit set no integer is zero.
        other = d.operand(s, x.dtype, x.dims)
        odd = d.declare_local(s, x.dtype, x.dims)
        emit_to(d, s, "bitwise_or", [other.name, "1"], [odd.name])
        y, dims = odd.name, x.dims
    return emit(d, s, op, [x.name, y], [(x.dtype, dims, False)], **attributes)


def emit_to(d, s, op, operands, results, **attributes):
    """One op into variables that are there."""
    parts = [*operands, *(f"{name}={value}" for name, value in attributes.items())]
    s.lines.append(Line(f"op {op}({', '.join(parts)}) >> {', '.join(results)};", {op, *results}))
    d.wrote(s, *results)
    return True


def extremes(d, s):
    x = d.any_operand(s, is_numeric)
    if x is None:
        return False
    if d.chance(0.4):
        low, high = sorted([literal(d, x.dtype), literal(d, x.dtype)], key=number)
        bounds = d.choice(
            [
                [x.name, low, high],
                [x.name, low],
                [x.name, "_", high],
                [x.name, f"high={high}"],
                [x.name, f"low={low}", f"high={high}"],
            ]
        )
        return emit(d, s, "clip", bounds, [(x.dtype, x.dims, False)])
    y, dims, _ = partner(d, s, x)
    operands = [x.name, y] + ([literal(d, x.dtype)] if d.chance(0.3) else [])
    return emit(d, s, d.choice(["max", "min"]), operands, [(x.dtype, dims, False)])


def relu(d, s):
    x = d.any_operand(s, is_numeric)
    if x is None:
        return False
    attributes = {}
    if d.chance(0.6):
        slopes = [2.0, 3.0] if dtypes.is_integer(x.dtype) else [0.5, 0.25, 2.0, -1.0]
        if dtypes.is_integer(x.dtype) and dtypes.BITS[x.dtype] < 8:
            slopes = [1.0]
        attributes["negative_slope"] = d.attribute(d.choice(slopes))
        if d.chance(0.4):
            attributes["clamp_max"] = d.attribute(d.choice([1.0, float("inf")]))
        if d.chance(0.4) and dtypes.is_float(x.dtype):
            attributes["clamp_min"] = d.attribute(d.choice([-1.0, -float("inf"), 0.5]))
    return emit(d, s, "relu", [x.name], [(x.dtype, x.dims, False)], **attributes)


def comparison(d, s):
    op = d.choice(["equal", "less", "less_or_equal", "greater", "greater_or_equal"])
    x = d.any_operand(s, is_numeric if op != "equal" else lambda var: True)
    if x is None:
        return False
    y, dims, _ = partner(d, s, x)
    return emit(d, s, op, [x.name, y], [("bool", dims, False)])


def logic(d, s):
    x = d.any_operand(s, lambda var: var.dtype == "bool")
    if x is None:
        return False
    if d.chance(0.3):
        return emit(d, s, "not", [x.name], [("bool", x.dims, False)])
    y, dims, _ = partner(d, s, x)
    return emit(d, s, d.choice(["and", "or", "xor"]), [x.name, y], [("bool", dims, False)])


def bits(d, s):
    x = d.any_operand(s, lambda var: dtypes.is_integer(var.dtype))
    if x is None:
        return False
    if d.chance(0.25):
        return emit(d, s, "bitwise_not", [x.name], [(x.dtype, x.dims, False)])
    y, dims, _ = partner(d, s, x)
    if d.chance(0.35):
        return emit(
            d, s, "bit_shift", [x.name, y], [(x.dtype, dims, False)], direction=d.attribute(d.choice(["LEFT", "RIGHT"]))
        )
    return emit(d, s, d.choice(["bitwise_and", "bitwise_or", "bitwise_xor"]), [x.name, y], [(x.dtype, dims, False)])


def unary(d, s):
    op = d.choice(["neg", "abs", "sign", "floor", "ceil", "round", "sqrt", "reciprocal"])
    spread = op in ("neg", "abs")
    x = d.any_operand(
        s, is_numeric if spread or op == "sign" else lambda var: dtypes.is_float(var.dtype), approximate=spread
    )
    return x is not None and emit(d, s, op, [x.name], [(x.dtype, x.dims, x.approximate)])


def transcendental(d, s):
    again = d.choice(["tanh", "sigmoid", "erf", "sin", "cos"])
    x = d.any_operand(
        s, lambda var: dtypes.is_float(var.dtype) and (not var.approximate or d.chance(0.5)), approximate=True
    )
    if x is None:
        return False
    op = again if x.approximate else d.choice([again, "exp", "log"])
    return emit(d, s, op, [x.name], [(x.dtype, x.dims, True)])


def power(d, s):
    x = d.any_operand(s, is_numeric)
    if x is None:
        return False
    exponent = d.choice(["0", "1", "2", "3", "5"])
    if dtypes.is_float(x.dtype):
        exponent = d.choice([exponent, "0.5", "-1"])
    elif d.chance(0.3):
        exponent = d.operand(s, d.choice(["u8", "u4", "u2"]), x.dims).name
    return emit(d, s, "pow", [x.name, exponent], [(x.dtype, x.dims, dtypes.is_float(x.dtype))])


def cast(d, s):
    x = d.any_operand(s, approximate=True) if d.chance(0.8) else d.operand(s, d.any_dtype(), d.draw_dims())
    if x is None:
        return False
    to = d.float_dtype() if x.approximate else d.any_dtype()
    saturate = d.attribute(d.chance(0.5)) if to.startswith("f8") and d.chance(0.6) else None
    return emit(d, s, "cast", [x.name], [(to, x.dims, x.approximate)], to=to, saturate=saturate)


def where(d, s):
    x = d.any_operand(s, approximate=True)
    if x is None:
        return False
    y, dims, approximate = partner(d, s, x, approximate=dtypes.is_float(x.dtype))
    condition = d.operand(s, "bool", d.choice([dims, dims, ()])).name if d.chance(0.9) else "true"
    pair = [x.name, y] if d.chance(0.5) else [y, x.name]
    return emit(d, s, "where", [condition, *pair], [(x.dtype, dims, x.approximate or approximate)])


def checks(d, s):
    op = d.choice(["is_nan", "is_inf", "is_finite", "is_finite"])
    x = d.any_operand(
        s, (lambda var: dtypes.is_float(var.dtype)) if op != "is_finite" else is_numeric, approximate=op == "is_finite"
    )
    if x is None:
        return False
    attributes = {}
    if op == "is_inf" and d.chance(0.5):
        attributes[d.choice(["detect_negative", "detect_positive"])] = "false"
    return emit(d, s, op, [x.name], [("bool", () if op == "is_finite" else x.dims, False)], **attributes)


def fill(d, s):
    x = d.any_operand(s, approximate=True)
    if x is None:
        return False
    if dtypes.is_float(x.dtype):
        value = d.choice([0.0, 1.5, -2.0, float("inf"), -float("inf"), float("nan"), float("nan")])
        if x.dtype == "f8e4m3fn":
            value = d.choice([0.0, 1.5, -2.0])
    else:
        value = 1.0 if x.dtype in ("bool", "i2") else d.choice([0.0, 1.0, 3.0])
    return emit(d, s, "fill", [x.name], [(x.dtype, x.dims, False)], value=d.attribute(value))


def several(d, s):
    """`sum` and `mean` of any number of operands."""
    op = d.choice(["sum", "mean"])
    x = d.any_operand(s, is_numeric if op == "sum" else lambda var: dtypes.is_float(var.dtype))
    if x is None:
        return False
    others = [d.operand(s, x.dtype, d.choice([x.dims, x.dims, ()])).name for _ in range(d.random.randint(0, 3))]
    return emit(d, s, op, [x.name, *others], [(x.dtype, x.dims, False)])


# Reductions.


def reduced(d, dims, axes, keepdims):
    return tuple("1" if axis in axes else dim for axis, dim in enumerate(dims) if keepdims or axis not in axes)


def signed_axis(d, axis, rank):
    return axis - rank if d.chance(0.3) else axis


def reduction(d, s):
    op = d.choice(["reduce_sum", "reduce_sum", "reduce_mean", "reduce_max", "reduce_min", "reduce_prod"])
    x = d.any_operand(s, lambda var: var.dtype != "bool" or op in ("reduce_max", "reduce_min"))
    if x is None:
        return False
    rank, keepdims = len(x.dims), d.chance(0.5)
    shown = d.attribute(keepdims) if not keepdims or d.chance(0.3) else None
    if not rank or d.chance(0.2):
        if d.chance(0.3):
            return emit(d, s, op, [x.name], [(x.dtype, x.dims, False)], noop_with_empty_axes="true")
        return emit(d, s, op, [x.name], [(x.dtype, reduced(d, x.dims, range(rank), keepdims), False)], keepdims=shown)
    axes = d.random.sample(range(rank), d.random.randint(1, rank))
    listed = maybe_named(d, "axes", vector(d, [signed_axis(d, axis, rank) for axis in axes]))
    return emit(d, s, op, [x.name, listed], [(x.dtype, reduced(d, x.dims, axes, keepdims), False)], keepdims=shown)


def long_axis(d, var):
    """The axes of a known extent that isn't 0."""
    return [axis for axis, dim in enumerate(var.dims) if d.is_static(dim) and d.extent(dim) > 0]


def arg_reduction(d, s):
    x = d.any_operand(s, lambda var: var.dtype != "bool" and long_axis(d, var))
    if x is None:
        return False
    axis, keepdims = d.choice(long_axis(d, x)), d.chance(0.5)
    last = "true" if d.chance(0.3) else None
    place = d.attribute(signed_axis(d, axis, len(x.dims))) if axis or d.chance(0.5) else None
    return emit(
        d,
        s,
        d.choice(["arg_max", "arg_min"]),
        [x.name],
        [("i64", reduced(d, x.dims, [axis], keepdims), False)],
        axis=place,
        keepdims=d.attribute(keepdims),
        select_last_index=last,
    )


def cum_sum(d, s):
    x = d.any_operand(s, lambda var: var.dtype != "bool" and var.dims)
    if x is None:
        return False
    axis = signed_axis(d, d.random.randrange(len(x.dims)), len(x.dims))
    attributes = {name: "true" for name in ("exclusive", "reverse") if d.chance(0.3)}
    return emit(d, s, "cum_sum", [x.name, str(axis)], [(x.dtype, x.dims, False)], **attributes)


def top_k(d, s):
    x = d.any_operand(s, lambda var: var.dtype != "bool" and long_axis(d, var))
    if x is None:
        return False
    axis = d.choice(long_axis(d, x))
    k = d.random.randint(1, d.extent(x.dims[axis]))
    dims = tuple(d.written_dim(k) if other == axis else dim for other, dim in enumerate(x.dims))
    attributes = {"largest": "false"} if d.chance(0.4) else {}
    operand = str(k) if d.chance(0.6) else maybe_named(d, "k", f"[{k}]")
    return emit(
        d,
        s,
        "top_k",
        [x.name, operand],
        [(x.dtype, dims, False), ("i64", dims, False)],
        drop=True,
        axis=d.attribute(signed_axis(d, axis, len(x.dims))),
        **attributes,
    )


def small(d, s, dtype, dims) -> str:
    """An operand of small whole numbers, whose sums of products are exact."""
    if dtypes.is_integer(dtype) or d.chance(0.6):
        return d.operand(s, dtype, dims, None if dtypes.is_integer(dtype) else "small").name
    x = d.operand(s, dtype, dims)
    cut = d.declare_local(s, dtype, dims)
    emit_to(d, s, "clip", [x.name, "-4.0", "4.0"], [cut.name])
    emit_to(d, s, "round", [cut.name], [cut.name])
    # Nothing else is written to it.
    d.vars[cut.name].writable = False
    return cut.name


def matmul(d, s):
    dtype = d.choice([d.float_dtype(), d.float_dtype(), d.integer_dtype()])
    m, k, n = (d.choice(d.pool) for _ in range(3))
    left, right, result = (m, k), (k, n), (m, n)
    form = d.random.randint(0, 7)
    if form == 0:
        left, result = (k,), (n,)
    elif form == 1:
        right, result = (k,), (m,)
    elif form == 2:
        left, right, result = (k,), (k,), ()
    elif form == 3:
        batch = d.choice(["2", "1", *d.sizes])
        left, result = (batch, m, k), (batch, m, n)
    elif form == 4:
        batch = d.choice(["2", *d.sizes])
        left, right, result = (batch, m, k), ("1", k, n), (batch, m, n)
    return emit(d, s, "matmul", [small(d, s, dtype, left), small(d, s, dtype, right)], [(dtype, result, False)])


def normalisation(d, s):
    dtype, dims = d.weighted({"f32": 4, "f16": 2, "bf16": 1, "f64": 1}), d.draw_dims(d.choice([1, 2, 2, 3]))
    if d.chance(0.5):
        x = d.any_operand(s, lambda var: dtypes.is_float(var.dtype) and var.dims)
        if x is None:
            return False
        axis = d.attribute(signed_axis(d, d.random.randrange(len(x.dims)), len(x.dims))) if d.chance(0.6) else None
        return emit(d, s, "softmax", [x.name], [(x.dtype, x.dims, True)], axis=axis)
    last = d.choice([dim for dim in d.pool if d.is_static(dim)] + ["4", "5"])
    dims = (*dims[:-1], last)
    x = d.operand(s, dtype, dims, "tame")
    scale = d.operand(s, dtype, (last,), "tame").name
    bias = [d.operand(s, dtype, (last,), "tame").name] if d.chance(0.6) else []
    statistics = (*dims[:-1], "1")
    results = [(dtype, dims, True), ("f32", statistics, True), ("f32", statistics, True)][: d.choice([1, 1, 2, 3])]
    epsilon = d.attribute(d.choice([0.5, 0.125, 0.001])) if d.chance(0.5) else None
    return emit(d, s, "layer_normalization", [x.name, scale, *bias], results, drop=len(results) > 1, epsilon=epsilon)


WEIGHTS = {
    arithmetic: 10,
    index_arithmetic: 3,
    division: 4,
    extremes: 4,
    relu: 3,
    comparison: 4,
    logic: 3,
    bits: 4,
    unary: 5,
    transcendental: 4,
    power: 2,
    cast: 6,
    where: 3,
    checks: 2,
    fill: 2,
    several: 2,
    reduction: 5,
    arg_reduction: 2,
    cum_sum: 2,
    top_k: 2,
    matmul: 4,
    normalisation: 2,
}
