#!/usr/bin/env python3
"""Tests of the evaluator:  python scripts/language/test_evaluate.py

Programs whose results were worked out by hand from docs/language.md, the rules that a program may break, and the
examples that the op table gives of its ops.
"""

from __future__ import annotations

import pathlib
import re

import numpy as np

import dtypes
from bounds import apply
from check import Fault
from evaluate import Evaluator, Outcome, Package
from ops import OPS, Unspecified, Value

OPS_FOLDER = pathlib.Path(__file__).parents[2] / "crates/glassbox-ir/src/ops"


def i64(*values):
    return np.array(values, dtype=np.int64)


def f32(*values):
    return np.array(values, dtype=np.float32)


def run(text: str, *steps: dict, **package) -> list[Outcome]:
    evaluator = Evaluator(text, Package(**package))
    return [evaluator.step(inputs) for inputs in steps or ({},)]


def values(text: str, *steps: dict, **package) -> list[dict]:
    """The lists that come out of each step; None where it fails."""
    found = run(text, *steps, **package)
    return [one.values and {name: value.data.tolist() for name, value in one.values.items()} for one in found]


def fault(text: str, **package) -> str:
    """What is wrong with a program."""
    try:
        run(text, **package)
    except Fault as error:
        return str(error)
    raise AssertionError("nothing is wrong with it")


def test_the_program_of_the_design():
    text = """
    dynamic { x: f32[B, D]; }
    volatile { W(l): f32[D, D] @pattern("W.{l}"); }
    constant { alpha: f32 @ref("alpha"); num_layers: u32; }
    persistent { step: i32 @init(0); K(l, t): f16[H, Dh] @table; }
    block entry {
        assign h: f32[B, D];
        assign cond: bool[];
        op matmul(x, W[0]) >> h;
        op relu(h, negative_slope=0.5, clamp_max=6.0) >> h;
        loop layers (l in 0..num_layers) { op matmul(h, W[l]) >> h; }
        op is_finite(h) >> cond;
        branch cond ok bad;
        cache.increment step;
        return;
    }
    block ok { op add(h, alpha) >> h; yield h; }
    block bad { op fill(h, value=0.0) >> h; return; }
    """
    package = {
        "parameters": {"W.0": f32([1, 0], [0, 2]), "W.1": f32([0, 1], [1, 0])},
        "metadata": {"alpha": 0.25, "num_layers": 2},
        "sizes": {"H": 1, "Dh": 3},
    }
    first, second = values(text, {"x": f32([2, -4])}, {"x": f32([np.inf, 1])}, **package)
    # x W0 = [2, -8], relu [2, -4], W0 [2, -8], W1 [-8, 2], plus alpha.
    assert first["h"] == [[-7.75, 2.25]] and first["cond"] and first["step"] == 1 and first["K"] == []
    # inf * 0 is NaN.
    assert second["h"] == [[0.0, 0.0]] and not second["cond"] and second["step"] == 2


def test_branches_returns_and_loops():
    text = """
    dynamic { n: i64; c: bool; }
    persistent { s: i64; turns: i8; }
    block entry {
        loop outer (i in -1..n) {
            loop inner (j in i..2) { cache.increment i * 10 + j s; }
            branch c stop;
            cache.increment turns;
        }
        branch find;
        if c { return; }
        cache.decrement 100 s;
    }
    block stop { loop l (k in 0..5) { return; } cache.increment turns; }
    block find {
        loop again (m in 3..1) { cache.increment 1_000_000 s; }
        loop once (m2 in 0..9) {
            if c { cache.increment 0x10 s; } else { cache.increment (m2 + 1) * 7 s; return; }
        }
    }
    """
    # i = -1: j = -1, 0, 1: -11 - 10 - 9; i = 0: j = 0, 1: 0 + 1; then 7 once, and take away 100.
    plain = values(text, {"n": i64(1)[0:1].reshape(()), "c": np.array(False)})[0]
    assert plain["s"] == -30 + 1 + 7 - 100 and plain["turns"] == 2
    # `return` ends `stop` alone; 9 times 16; the `return` of entry spares the 100.
    early = values(text, {"n": i64(1).reshape(()), "c": np.array(True)})[0]
    assert early["s"] == -29 + 9 * 16 and early["turns"] == 2


def test_integer_expressions_round_down():
    text = """
    dynamic { a: i32; }
    persistent { p: i64; q: i64; r: i64; }
    block entry {
        cache.increment a / 2 p;
        cache.increment a % 3 q;
        cache.increment min(a, 4) - max(a, -2) * 2 r;
    }
    """
    found = values(text, {"a": np.array(-7, np.int32)})[0]
    assert (found["p"], found["q"], found["r"]) == (-4, 2, -7 + 4)


def test_a_table_grows_to_a_rectangle():
    text = """
    dynamic { t: i64; }
    persistent { K(l, t2): i32[2] @table @fixed(l=2) @init(9); }
    block entry {
        assign last: i32[2];
        assign one: i32[1, 2];
        cache.write [1, 2] >> K[1, t];
        cache.read K[-1, -1] >> last;
        cache.read K[1, t..] >> one;
    }
    """
    one, two, three = values(text, {"t": i64(0).reshape(())}, {"t": i64(2).reshape(())}, {"t": i64(0).reshape(())})
    assert one["K"] == [[[9, 9]], [[1, 2]]] and one["last"] == [1, 2] and one["one"] == [[1, 2]]
    assert two["K"] == [[[9, 9]] * 3, [[1, 2], [9, 9], [1, 2]]]
    # K[1, 0..] has three cells now, not one: the third step fails and changes nothing.
    assert three is None


def test_reads_and_writes_past_the_ends():
    head = (
        "dynamic { i: i64; v: i8; } persistent { K(t): i8 @table; F(t): i8 @table @fixed(t=2); n: u8; } block entry {"
    )
    read = (
        head + "assign y: i8; cache.increment n; cache.write v >> K[1]; cache.read K[i] >> y; cache.write y >> F[i]; }"
    )

    def step(i):
        return {"i": i64(i).reshape(()), "v": np.array(5, np.int8)}

    found = run(read, step(1), step(2), step(-2), step(-3), step(1))
    assert [one.values is not None for one in found] == [True, False, True, False, True]
    # A step that failed left the states as they were.
    assert found[4].values["n"].data == 3
    write = head + "cache.increment n; cache.write v >> F[i]; }"
    assert [one is None for one in values(write, step(1), step(2), step(-1), step(-3))] == [False, True, False, True]
    assert run(write, step(2))[0].line == 1


def test_slices_of_places():
    text = """
    persistent { K(t): i64 @table; e: i64; }
    block entry {
        assign a: i64[2]; assign b: i64[1]; assign c: i64[4]; assign none: i64[0];
        cache.write [1, 2, 3, 4] >> K[0..4];
        cache.read K[..-2] >> a;
        cache.read K[-1..] >> b;
        cache.write [7, 8] >> K[1..3];
        cache.reset K[-1];
        cache.read K[..] >> c;
        cache.read K[2..2] >> none;
    }
    """
    found = values(text)[0]
    assert found["a"] == [1, 2] and found["b"] == [4] and found["c"] == [1, 7, 8, 0] and found["none"] == []


def test_growing_matrices():
    text = """
    persistent {
        M(r, c): i32[1, 2] @auto_dim(c, r) @init(5);
        C(l, i): i8[0] @table @auto_dim(i) @fixed(i=3);
    }
    block entry {
        assign m: i32[2, 4]; assign p: i32[2, 1]; assign x: i8[2];
        cache.read M[2, 1] >> m;
        cache.reset M[..1, ..];
        cache.read M[-1.., 0] >> p;
        cache.write [3, 4] >> C[1, 2];
        cache.read C[1, 1] >> x;
    }
    """
    # `r`, the first index, counts the second dim: M is [1 + 1, 2 + 2].
    found = values(text)[0]
    assert found["M"] == [[5] * 4] * 2 and found["m"] == [[5] * 4] * 2 and found["p"] == [[5]] * 2
    # A count makes it at least that large: the second read is of the whole vector.
    assert found["C"] == [[0, 0], [3, 4]] and found["x"] == [3, 4]


def test_counters_wrap_and_resets_restore():
    text = """
    dynamic { back: bool; }
    persistent { s: i2 @init(1); u: u4; w: f32[2] @ref("w0"); K(t): bool @table @init(true); }
    block entry {
        cache.increment s;
        cache.decrement u;
        cache.write [0.5, 0.25] >> w;
        cache.write false >> K[1];
        if back { cache.reset s; cache.reset w; cache.reset K[]; cache.reset u; }
    }
    """
    parameters = {"w0": f32(1, 2)}
    one, two = values(text, {"back": np.array(False)}, {"back": np.array(True)}, parameters=parameters)
    assert (one["s"], one["u"], one["w"], one["K"]) == (-2, 15, [0.5, 0.25], [True, False])
    assert (two["s"], two["u"], two["w"], two["K"]) == (1, 0, [1.0, 2.0], [])


def test_sizes_come_from_the_first_source():
    text = """
    dynamic { x: f32[N]; }
    volatile { w: i8[P]; }
    constant { B: u8; D: i64; }
    persistent { a: i8[B]; b: i8[D]; c: i8[M]; d: i8[P]; }
    block entry { assign y: f32[2 * N]; op concat(x, x, axis=-1) >> y; }
    """
    package = {
        "parameters": {"D": i64(3).reshape(()), "w": np.zeros(4, np.int8)},
        "metadata": {"B": 2, "D": 7, "M": 1, "P": 4},
        "sizes": {"B": 2},
    }
    found = values(text, {"x": f32(1, 2)}, {"x": f32()}, **package)
    assert [len(found[0][name]) for name in "abcd"] == [2, 3, 1, 4]
    assert found[0]["y"] == [1, 2, 1, 2] and found[1]["y"] == []


def test_literals_take_the_dtype_that_is_wanted():
    text = """
    dynamic { h: f16; u: u8[2]; }
    block entry {
        assign a: f16; assign b: u8[2]; assign c: i64[2]; assign d: u8[1, 2]; assign e: f32;
        op add(h, 1) >> a;
        op sub(b=[1, 2], a=u) >> b;
        op top_k(u, 2) >> _, c;
        op unsqueeze(u, axes=[0]) >> d;
        op add(0.5, 1.0) >> e;
    }
    """
    found = values(text, {"h": np.array(0.5, np.float16), "u": np.array([1, 1], np.uint8)})[0]
    assert (
        found["a"] == 1.5
        and found["b"] == [0, 255]
        and found["c"] == [0, 1]
        and found["d"] == [[1, 1]]
        and found["e"] == 1.5
    )
    wrong = "dynamic { u: u8; } block entry { assign b: u8; op add(u, -1) >> b; }"
    evaluator = Evaluator(wrong, Package())
    try:
        evaluator.step({"u": np.array(1, np.uint8)})
    except ValueError:
        return
    raise AssertionError("-1 is no u8")


def test_memory_at_the_start_of_a_step():
    text = """
    dynamic { x: i32; }
    volatile { v: i32 @init(4); w: i32 @ref("a.b"); n: i32; }
    block entry {
        op add(v, x) >> v; op add(w, v) >> w;
        transfer w >> n;
        op mul(x, 0) >> x;
    }
    """
    one, two = values(
        text, {"x": np.array(1, np.int32)}, {"x": np.array(2, np.int32)}, parameters={"a.b": np.array(10, np.int32)}
    )
    assert (one["v"], one["w"], one["n"], one["x"]) == (5, 15, 15, 0)
    assert (two["v"], two["w"], two["n"]) == (6, 16, 16)


def test_blocks_beside_work_on_snapshots():
    text = """
    dynamic { x: i32; }
    persistent { seen: i32; }
    block entry {
        assign y: i32; assign r: i32; assign q: i32;
        op add(x, 1) >> y;
        yield x;
        op add(y, 100) >> y;
        yield y;
        await x;
        await q;
    }
    block first { await x; op mul(x, 10) >> x; op add(x, y) >> r; yield x; op add(x, 1) >> x; yield r; }
    block second { await x; op neg(y) >> y; await y; await r; op sub(r, y) >> q; cache.write y >> seen; yield q; }
    """
    found = values(text, {"x": np.array(2, np.int32)})[0]
    # `first` sees y = 3 and gives x = 20, r = 23; `second` gets the later y = 103.
    assert (found["x"], found["y"], found["q"], found["seen"]) == (20, 103, 23 - 103, 103) and "r" not in found


def test_what_may_have_no_value_is_an_error():
    head = "dynamic { c: bool; x: i8; } block entry { assign y: i8; assign z: i8; "
    assert "no value" in fault(head + "op neg(y) >> z; }")
    assert "no value" in fault(head + "if c { transfer x >> y; } op neg(y) >> z; }")
    assert "no value" in fault(head + "loop l (i in 0..3) { transfer x >> y; } op neg(y) >> z; }")
    assert "no value" in fault(head + "branch c b; op neg(y) >> z; } block b { transfer x >> y; }")
    both = values(
        head + "if c { transfer x >> y; } else { op neg(x) >> y; } op neg(y) >> z; }",
        {"c": np.array(False), "x": np.array(3, np.int8)},
    )
    assert both[0]["z"] == 3
    called = "branch b; } block b { if c { return; } transfer x >> z; }"
    left = values(head + called, {"c": np.array(True), "x": np.array(3, np.int8)})
    assert "z" not in left[0] and "y" not in left[0] and left[0]["x"] == 3


def test_a_side_that_returns_does_not_count_for_what_follows():
    text = """
    dynamic { c: bool; x: i8; }
    persistent { s: i8; }
    block entry { branch b; cache.write x >> s; }
    block b { assign y: i8; if c { return; } else { transfer x >> y; } op add(y, 1) >> x; }
    """
    found = values(text, *({"c": np.array(c), "x": np.array(3, np.int8)} for c in (True, False)))
    assert [one["s"] for one in found] == [3, 4] and "y" not in found[1]
    # A loop may have no turn: its `return` counts for nothing.
    looped = text.replace("if c { return; }", "if c { loop l (i in 0..1) { return; } }")
    assert "`y` may have no value" in fault(looped)


def test_declarations_before_the_first_await():
    text = """
    dynamic { x: i8; }
    block entry { assign r: i8; transfer x >> r; yield x; await q; }
    block b { assign q: i8; assign own: i8; await x; op add(x, r) >> own; op neg(own) >> q; yield q; }
    """
    found = values(text, {"x": np.array(3, np.int8)})[0]
    assert found["q"] == -6 and "own" not in found
    assert "no value" in fault(text.replace("op add(x, r) >> own", "op add(x, own) >> own"))


def test_rules_that_a_program_may_break():
    assert "calls itself" in fault("block entry { branch a; } block a { branch entry; }")
    assert "can't be written" in fault("constant { c: i8; } block entry { op neg(c) >> c; }", metadata={"c": 1})
    assert "declared twice" in fault("dynamic { a: i8; } block entry { assign a: i8; }")
    assert "has no `w`" in fault('volatile { w: i8 @ref("w"); } block entry { }')
    assert "full range" in fault(
        'volatile { W(l): i8 @pattern("W{l}"); } block entry { }', parameters={"W1": np.zeros((), np.int8)}
    )
    assert "what is yielded" in fault(
        "dynamic { x: i8; } block entry { yield x; op neg(x) >> x; } block b { await x; }"
    )
    assert "nobody yields" in fault("dynamic { x: i8; } block entry { } block b { await x; }")
    assert "nothing above" in fault(
        "dynamic { x: i8; } block entry { dep after(neg) before(abs); op abs(x) >> x; op neg(x) >> x; }"
    )
    used = """
    dynamic { x: i8; } persistent { s: i8; }
    block entry { yield x; cache.increment s; } block b { await x; cache.increment s; }
    """
    assert "`s`" in fault(used)


def test_steps_that_fail():
    text = """
    dynamic { x: f32[N]; y: f32[N]; d: i32; }
    persistent { n: i8; }
    block entry { cache.increment n; op div(4, d) >> d; }
    """

    def step(x, y, d):
        return {"x": np.zeros(x, np.float32), "y": np.zeros(y, np.float32), "d": np.array(d, np.int32)}

    found = run(text, step(1, 2, 1), {"x": f32()}, step(1, 1, 0), step(3, 3, 2))
    assert [one.line for one in found] == [None, None, 4, None] and [one.values is None for one in found] == [
        True
    ] * 3 + [False]
    assert found[3].values["n"].data == 1


def test_floats_round_once():
    # 464 is halfway between 448 and what would be 480: to even, so it stays; above it there is no number.
    rounded = dtypes.narrow(np.array([1.9, 464.0, 465.0, 2.0**-10]), "f8e4m3fn").astype(np.float64)
    assert rounded[:2].tolist() == [1.875, 448.0] and np.isnan(rounded[2]) and rounded[3] == 0
    # Directly from the integer: 2^53 + 1 is not f64, and rounds up in no narrower float.
    odd = np.array([(1 << 60) + (1 << 36) + 1, -1], dtype=np.int64)
    assert dtypes.convert(odd, "f32").tolist() == [float((1 << 60) + (1 << 37)), -1.0]
    assert dtypes.convert(np.array([2.0**63 + 2.0**20, -1.5, np.nan]), "u64").tolist() == [2**63 + 2**20, 2**64 - 1, 0]
    assert dtypes.to_bytes(np.array([1, -1, 7], dtype=dtypes.NUMPY["i4"])).tolist() == [0xF1, 0x07]


def test_errors_grow_where_values_are_not_exact():
    x = Value(np.array([0.5, np.inf], dtype=np.float32))
    y = apply("exp", [x], {}, 1)[0]
    assert y.error[1] == 0 and 2.0**-24 < y.error[0] < 2.0**-22
    z = apply("mul", [y, y], {}, 1)[0]
    assert z.error[0] > 2 * y.error[0]
    assert apply("add", [x, x], {}, 1)[0].error is None


def test_sums_have_errors_where_their_order_matters():
    def floats(*values):
        return Value(np.array(values, dtype=np.float32))

    for name, attributes in (("reduce_sum", {"keepdims": False}), ("reduce_mean", {"keepdims": False})):
        assert apply(name, [floats(0.5, -3.0, 1024.0)], attributes, 1)[0].error is None
        assert apply(name, [floats(0.5, np.inf)], attributes, 1)[0].error is None
        assert apply(name, [floats()], attributes, 1)[0].error is None
        assert 1e-8 < apply(name, [floats(0.1, 1.0, 1.0)], attributes, 1)[0].error < 1e-5
        # 2^25 and 1 and -2^25 are 1 or 0 in f32.
        assert apply(name, [floats(2.0**25, 1.0, -(2.0**25))], attributes, 1)[0].error > 1
    huge = floats(3e38, 3e38, -3e38)
    try:
        apply("reduce_sum", [huge], {}, 1)
        raise AssertionError("it overflows in some orders")
    except Unspecified:
        pass
    assert apply("matmul", [floats(0.5, 2.0), floats(3.0, 4.0)], {}, 1)[0].error is None
    a, b = np.array([[0.1, 0.2], [1.0, 2.0]], dtype=np.float32), np.array([[3.0], [4.0]], dtype=np.float32)
    error = apply("matmul", [Value(a), Value(b)], {}, 1)[0].error
    assert error.shape == (2, 1) and 0 < error[0, 0] < 1e-5 and error[1, 0] == 0
    counts = Value(np.array([1, 2], dtype=np.int32))
    assert apply("reduce_sum", [counts], {}, 1)[0].error is None


# The examples of the op table.

TENSOR = re.compile(r"(\w+)\[([^\]]*)\]\s*(?:\[([^\]]*)\]|([\w.+-]+))")


def read_tensors(text: str) -> list[np.ndarray | None]:
    found = []
    for match in re.finditer(rf"{TENSOR.pattern}|(?<=[(, ])_(?=[,)])", text):
        if match.group() == "_":
            found.append(None)
            continue
        dtype, dims, listed, single = match.groups()
        texts = [part.strip() for part in (listed if listed is not None else single).split(",") if part.strip()]
        read = {"true": True, "false": False}
        parts = [read[t] if t in read else float(t) if dtypes.is_float(dtype) else int(t) for t in texts]
        elements = np.array([dtypes.scalar(part, dtype) for part in parts], dtype=dtypes.NUMPY[dtype])
        found.append(elements.reshape([int(dim) for dim in dims.split(",") if dim.strip()]))
    return found


def read_attribute(text: str):
    if text.startswith('"'):
        return text.strip('"')
    if text.startswith("["):
        return [int(part) for part in text.strip("[]").split(",")]
    if text in ("true", "false"):
        return text == "true"
    return text if text in dtypes.NUMPY else float(text) if "." in text or "n" in text else int(text)


def test_the_examples_of_the_op_table():
    tested, skipped = 0, []
    for name in OPS:
        files = [path for path in (OPS_FOLDER / f"{name}_.rs", OPS_FOLDER / f"{name}.rs") if path.exists()]
        example = re.search(r'example: "((?:[^"\\]|\\.)*)"', files[0].read_text()) if files else None
        if not example:
            skipped.append(name)
            continue
        call, expected = example[1].replace('\\"', '"').split(" -> ")
        inside = call[call.index("(") : call.rindex(")") + 1]
        braces = re.search(r"\{(.*)\}", call)
        parts = re.findall(r"(\w+) = (\[[^\]]*\]|[^,]+)", braces[1]) if braces else []
        operands = [array if array is None else Value(array) for array in read_tensors(inside)]
        wanted = read_tensors(expected)
        got = apply(name, operands, {key: read_attribute(value.strip()) for key, value in parts}, len(wanted))
        for result, want in zip(got, wanted, strict=True):
            assert result.data.dtype == want.dtype and result.data.shape == want.shape, name
            same = np.array_equal(
                dtypes.widen(result.data), dtypes.widen(want), equal_nan=dtypes.is_float(dtypes.dtype_of(want))
            )
            assert same, f"{name}: {result.data} instead of {want}"
        tested += 1
    print(
        f"{tested} examples of the op table" + (f"; skipped: {', '.join(skipped)} not in this tree" if skipped else "")
    )
    assert tested > 70


if __name__ == "__main__":
    for name, test in list(globals().items()):
        if name.startswith("test_"):
            test()
            print("ok", name)
