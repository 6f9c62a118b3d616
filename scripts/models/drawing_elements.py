"""Recipes of random nodes that go over elements: functions of numbers, logic, reductions."""

from __future__ import annotations

from typing import Any

import numpy

from drawing import Drawn, Random, recipe


@recipe("Abs", "Neg", "Sign", since=9)
def of_numbers(r: Random, op: str) -> Drawn:
    """Of any number."""
    return Drawn(op, [r.special(r.shape(), r.number())])


@recipe("Ceil", "Floor", "Exp", "Log", "Sqrt", "Reciprocal", "Sigmoid", "Tanh", "Softplus", "Softsign", "Relu", "Sin", "Cos",
        "Tan", "Asin", "Acos", "Atan", "Elu", "Selu", "LeakyRelu", "HardSigmoid")
@recipe("Sinh", "Cosh", "Asinh", "Acosh", "Atanh", "Erf", "IsNaN", since=9)
@recipe("ThresholdedRelu", "IsInf", since=10)
@recipe("Round", since=11)
@recipe("Celu", since=12)
@recipe("HardSwish", since=14)
@recipe("Mish", since=18)
@recipe("Gelu", since=20)
@recipe("Swish", since=24)
def of_floats(r: Random, op: str) -> Drawn:
    """Of any float."""
    options: dict[str, Any] = {}
    if op in ("Elu", "LeakyRelu", "ThresholdedRelu", "Celu", "Selu", "HardSigmoid") and r.chance(0.5):
        options = {"alpha": float(r.one((0.1, 0.5, 1.0, 2.0)))}
    if op == "Gelu" and r.chance(0.5):
        options = {"approximate": r.one(("tanh", "none"))}
    dtype = "float32" if op in ("Celu", "IsInf") else r.float()
    return Drawn(op, [r.special(r.shape(), dtype)], options)


@recipe("Add", "Sub", "Mul", "Div")
@recipe("Less", "Greater", since=9)
@recipe("Equal", since=11)
@recipe("LessOrEqual", "GreaterOrEqual", since=12)
@recipe("Pow", since=12)
@recipe("Mod", since=10)
def two(r: Random, op: str) -> Drawn:
    """Of two that are stretched to each other."""
    shape, dtype = r.shape(), r.number() if op != "Equal" else r.any()
    a, b = r.special(shape, dtype), r.special(r.broadcast(shape), dtype)
    options: dict[str, Any] = {}
    if dtype.startswith(("int", "uint")) and op in ("Div", "Mod"):
        b = numpy.where(b == 0, 3, b).astype(dtype)
    if op == "Pow" and dtype.startswith(("int", "uint")):
        b = numpy.abs(b) % 4
        b = b.astype(dtype)
    if op == "Mod":
        options = {"fmod": 1} if dtype.startswith("float") or r.chance(0.3) else {}
    if r.chance(0.4) and op not in ("Pow", "Mod"):
        a, b = b, a
        if dtype.startswith(("int", "uint")) and op == "Div":
            b = numpy.where(b == 0, 3, b).astype(dtype)
    return Drawn(op, [a, b], options)


@recipe("And", "Or", "Xor")
def logic(r: Random, op: str) -> Drawn:
    """Of two bools."""
    shape = r.shape()
    return Drawn(op, [r.array(shape, "bool"), r.array(r.broadcast(shape), "bool")])


@recipe("Not")
def negated(r: Random, op: str) -> Drawn:
    """Of one bool."""
    return Drawn(op, [r.array(r.shape(), "bool")])


@recipe("BitwiseAnd", "BitwiseOr", "BitwiseXor", since=18)
@recipe("BitShift", since=11)
def bits(r: Random, op: str) -> Drawn:
    """Of two integers."""
    dtype = r.one(("uint8", "uint16", "uint32", "uint64"))
    shape = r.shape()
    b = r.array(r.broadcast(shape), dtype) % 8
    return Drawn(op, [r.array(shape, dtype), b.astype(dtype)], {"direction": r.one(("LEFT", "RIGHT"))} if op == "BitShift" else {})


@recipe("Sum", "Max", "Min", "Mean", since=8)
def several(r: Random, op: str) -> Drawn:
    """Of any number of them."""
    dtype = r.float() if op in ("Sum", "Mean") or r.opset < 12 else r.number()
    shape = r.shape()
    inputs = [r.special(shape if index == 0 else r.broadcast(shape), dtype) for index in range(r.int(1, 4))]
    return Drawn(op, list(inputs))


@recipe("Where", since=9)
def chosen(r: Random, op: str) -> Drawn:
    """Of two, by a third."""
    shape, dtype = r.shape(), r.any()
    return Drawn(op, [r.array(r.broadcast(shape), "bool"), r.array(shape, dtype), r.array(r.broadcast(shape), dtype)])


@recipe("Clip", since=11)
def clipped(r: Random, op: str) -> Drawn:
    """Between bounds, either of which may be missing, or lie above the other."""
    dtype = "float32" if r.opset < 12 else r.number()
    low, high = (r.array([], dtype) if r.chance(0.7) else None for _ in range(2))
    inputs = [r.special(r.shape(), dtype), low, high]
    return Drawn(op, inputs)


REDUCTIONS = ("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceLogSum",
              "ReduceLogSumExp", "ReduceSumSquare")


@recipe(*REDUCTIONS)
def reduced(r: Random, op: str) -> Drawn:
    """Over axes that are an attribute, later an input."""
    shape = r.shape(0, 5)
    dtype = r.one(("float32", "float32", "float64", "int32", "int64", "float16"))
    if op.startswith("ReduceLog"):
        dtype = "float32"
    x = r.special(shape, dtype)
    if op == "ReduceLogSum":
        x = numpy.abs(x)
    axes = r.axes(len(shape)) if r.chance(0.7) and shape else None
    options: dict[str, Any] = {"keepdims": r.int(0, 1)}
    as_input = r.opset >= (13 if op == "ReduceSum" else 18)
    if as_input:
        options |= {"noop_with_empty_axes": 1} if r.chance(0.2) else {}
        return Drawn(op, [x, None if axes is None else numpy.array(axes, numpy.int64)], options, (1,))
    return Drawn(op, [x], options | ({} if axes is None else {"axes": axes}))


@recipe("ArgMax", "ArgMin")
def placed(r: Random, op: str) -> Drawn:
    """Where the largest is."""
    shape = r.full(1, 5)
    options: dict[str, Any] = {"axis": r.axis(len(shape)) if r.opset >= 11 else r.int(0, len(shape) - 1)}
    options["keepdims"] = r.int(0, 1)
    if r.opset >= 12 and r.chance(0.4):
        options["select_last_index"] = 1
    return Drawn(op, [r.array(shape, r.one(("float32", "float64", "int32", "int64", "int8", "uint8", "float16")))], options)


@recipe("Softmax", "LogSoftmax", "Hardmax")
def soft(r: Random, op: str) -> Drawn:
    """Over an axis, or before opset 13 over all from one on."""
    shape = r.shape(1, 5)
    options = {"axis": r.axis(len(shape)) if r.opset >= 11 else r.int(0, len(shape) - 1)} if r.chance(0.7) else {}
    return Drawn(op, [r.array(shape, r.float())], options)


@recipe("CumSum", since=11)
def summed(r: Random, op: str) -> Drawn:
    """Sums on the way."""
    shape = r.shape(1, 4)
    options = {"exclusive": r.int(0, 1), "reverse": r.int(0, 1)}
    dtype = r.one(("float32", "float64", "int32", "int64"))
    return Drawn(op, [r.array(shape, dtype), numpy.array(r.axis(len(shape)), numpy.int64)], options)
