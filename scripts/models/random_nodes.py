"""Random models: those of one node, of ONNX's own domain or of `ai.onnx.ml`.

Model number N of seed S is the same wherever it is drawn.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy
import onnx
from onnx import ModelProto, TensorProto, ValueInfoProto, helper, numpy_helper

import drawing_elements  # noqa: F401: it enters its recipes, as those below.
import drawing_features  # noqa: F401
import drawing_layers  # noqa: F401
import drawing_shapes  # noqa: F401
import drawing_trees  # noqa: F401
from drawing import ML_RECIPES, RECIPES, Array, Drawn, Random

OPSETS = range(7, onnx.defs.onnx_opset_version() + 1)
ML = "ai.onnx.ml"
ML_OPSETS = range(1, 6)
TRIES = 200


@dataclass
class Made:
    """A model before anybody runs it."""

    op: str
    """What it is of: the op, or the ops."""
    opset: int
    model: ModelProto
    given: dict[str, Array]
    types: str
    options: str
    parts: tuple[Made, ...] = ()
    """Of a chain, each of its nodes alone, on what it reads there."""


def tensor_kind(array: Array) -> int:
    """The number of an array's dtype in ONNX."""
    return TensorProto.STRING if array.dtype == object else helper.np_dtype_to_tensor_dtype(array.dtype)


def allowed(drawn: Drawn, schema: onnx.defs.OpSchema) -> bool:
    """Whether the schema has these dtypes."""
    constraints = {held.type_param_str: held.allowed_type_strs for held in schema.type_constraints}
    chosen: dict[str, str] = {}
    for place, array in enumerate(drawn.inputs):
        if array is None:
            continue
        declared = schema.inputs[min(place, len(schema.inputs) - 1)]
        dtype = helper.tensor_dtype_to_string(tensor_kind(array))
        kind = f"tensor({dtype.removeprefix('TensorProto.').lower()})"
        if kind not in constraints.get(declared.type_str, [declared.type_str]):
            return False
        single = declared.option != onnx.defs.OpSchema.FormalParameterOption.Variadic or declared.is_homogeneous
        if single and chosen.setdefault(declared.type_str, kind) != kind and declared.type_str in constraints:
            return False
    return all(name in schema.attributes for name in drawn.attributes)


def draw(seed: int, number: int, domain: str = "") -> tuple[Drawn, int]:
    """The node of this number, and the version of its domain."""
    table, versions = (ML_RECIPES, ML_OPSETS) if domain else (RECIPES, OPSETS)
    # Ops take turns, so that few of them are left out.
    ops = sorted(table)
    op = ops[number % len(ops)]
    since, make = table[op]
    for attempt in range(TRIES):
        first = Random([seed, number, attempt], 0)
        opset = int(first.of.choice([held for held in versions if held >= since]))
        random = Random([seed, number, attempt, 1], opset)
        try:
            schema = onnx.defs.get_schema(op, opset, domain)
        except onnx.defs.SchemaError:
            continue
        drawn = make(random)
        if not schema.deprecated and allowed(drawn, schema):
            return drawn, opset
    raise ValueError(f"{op}: no node that its schema allows in {TRIES} tries")


def input_of(name: str, array: Array, symbols: bool) -> ValueInfoProto:
    """The declaration of an input; its sizes are told, or are symbols."""
    shape: Sequence[Any] = [f"d{name[1:]}_{axis}" for axis in range(array.ndim)] if symbols else array.shape
    return helper.make_tensor_value_info(name, tensor_kind(array), shape)


def model_of(drawn: Drawn, opset: int, symbols: bool, domain: str = "") -> tuple[ModelProto, dict[str, Array]]:
    """A model of one node."""
    names = ["" if array is None else f"x{place}" for place, array in enumerate(drawn.inputs)]
    while names and not names[-1]:
        names.pop()
    outputs = [f"y{place}" for place in range(drawn.outputs)]
    node = helper.make_node(drawn.op, names, outputs, name="node", domain=domain, **drawn.attributes)
    inputs, fixed, given = [], [], {}
    for place, array in enumerate(drawn.inputs):
        if array is None:
            continue
        if place in drawn.fixed:
            fixed.append(numpy_helper.from_array(array, f"x{place}"))
            continue
        inputs.append(input_of(f"x{place}", array, symbols))
        given[f"x{place}"] = array
    # Types of outputs are inferred; where they can't be, the model is one that says nothing.
    declared = [helper.make_empty_tensor_value_info(name) for name in outputs]
    if drawn.op == "ZipMap":
        key = TensorProto.STRING if "classlabels_strings" in drawn.attributes else TensorProto.INT64
        maps = helper.make_map_type_proto(key, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
        declared = [helper.make_value_info(outputs[0], helper.make_sequence_type_proto(maps))]
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(domain, opset)] if domain else [helper.make_opsetid("", opset)]
    graph = helper.make_graph([node], "random", inputs, declared, fixed)
    version = helper.find_min_ir_version_for(opsets, ignore_unknown=True)
    model = helper.make_model(graph, opset_imports=opsets, ir_version=version)
    return with_types(model), given


def with_types(model: ModelProto) -> ModelProto:
    """The model with the dtypes of its outputs, without their sizes."""
    try:
        inferred = onnx.shape_inference.infer_shapes(model)
    except Exception:  # noqa: BLE001: the checks of whoever runs it say what is wrong.
        return model
    for to, known in zip(model.graph.output, inferred.graph.output, strict=True):
        if known.type.tensor_type.elem_type:
            to.type.tensor_type.elem_type = known.type.tensor_type.elem_type
    return model


def made(seed: int, number: int, domain: str = "") -> Made:
    """The model of this number."""
    return made_of(*draw(seed, number, domain), symbols=number % 3 == 0, domain=domain)


def made_of(drawn: Drawn, opset: int, symbols: bool, domain: str = "") -> Made:
    """The model of a node."""
    model, given = model_of(drawn, opset, symbols, domain)
    types = ", ".join("-" if array is None else f"{array.dtype}{list(array.shape)}" for array in drawn.inputs)
    return Made(drawn.op, opset, model, given, types, json.dumps(drawn.attributes, default=str))
