"""Tests of the ops of `ai.onnx.ml` that take or give maps, with what onnxruntime gives for them.

Python can't give onnxruntime maps whose values are texts or integers; what comes of those is written after the text of the
op's schema, and where that is silent, after what onnxruntime does with other values.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy
from conformance_cases import Case, DataSet
from contrib_kit import EXACT, Array, Draw, Suite, run
from onnx import MapProto, ModelProto, SequenceProto, TensorProto, helper, numpy_helper

ML = "ai.onnx.ml"
KINDS = {"int64": TensorProto.INT64, "str": TensorProto.STRING, "float32": TensorProto.FLOAT, "float64": TensorProto.DOUBLE}


def map_type(key: str, value: str) -> Any:
    """The type of a map."""
    return helper.make_map_type_proto(KINDS[key], helper.make_tensor_type_proto(KINDS[value], []))


def map_of(feed: dict[Any, Any], key: str, value: str) -> MapProto:
    """A map as a message; onnx's own helper takes texts of the keys for names of dtypes."""
    cells = [numpy_helper.from_array(numpy.array(held, object if value == "str" else value)) for held in feed.values()]
    values = SequenceProto(elem_type=SequenceProto.TENSOR, tensor_values=cells)
    keys: dict[str, Any] = {"string_keys": [name.encode() for name in feed]} if key == "str" else {"keys": list(feed)}
    return MapProto(key_type=KINDS[key], values=values, **keys)


def model_of(op: str, given: Any, gives: Any, attributes: dict[str, Any]) -> ModelProto:
    """A model of one node from `x` to `y`."""
    node = helper.make_node(op, ["x"], ["y"], name=op, domain=ML, **attributes)
    declared = [helper.make_value_info("x", given)], [helper.make_value_info("y", gives)]
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(ML, 1)]
    return helper.make_model(helper.make_graph([node], op, *declared), opset_imports=opsets, ir_version=8)


def add(suite: Suite, name: str, model: ModelProto, given: Any, wanted: Any) -> None:
    """Adds a model with its answer."""
    op = model.graph.node[0].op_type
    bytes_of = model.SerializeToString(deterministic=True)
    suite.cases.append(Case(f"{op}_{name}", suite.topic, *EXACT, bytes_of, [DataSet([given], [wanted])], []))


def take(suite: Suite, name: str, op: str, kinds: Sequence[str], feed: dict[Any, Any], expected: Any = None, **rest: Any) -> None:
    """Adds a node that takes a map of the first to the second kind and gives a tensor of the third."""
    key, value, gives = kinds
    # Nothing is said of the sizes, so that the answer alone tells them.
    kind = helper.make_tensor_type_proto(KINDS[gives], None)
    model = model_of(op, map_type(key, value), kind, rest)
    if expected is None:
        expected = run(name, model, {"x": feed})[0]
    wanted = numpy.array(expected, object if gives == "str" else gives)
    add(suite, name, model, map_of(feed, key, value), wanted)


def cast_maps(suite: Suite) -> None:
    """`CastMap`: packed and by place, to every dtype; keys in no order, gaps, keys beyond the end."""
    feed = {3: 1.5, 1: -2.75, 7: 1e10, 0: 0.25, 4: -0.5, 6: 123456.5}
    for form, size in (("DENSE", 1), ("DENSE", 3), ("SPARSE", 10), ("SPARSE", 8), ("SPARSE", 3), ("SPARSE", 1)):
        for to, kind in (("TO_FLOAT", "float32"), ("TO_INT64", "int64")):
            rest = {"cast_to": to, "map_form": form, "max_map": size}
            take(suite, f"{form}_{size}_{to}", "CastMap", ("int64", "float32", kind), feed, **rest)
    take(suite, "default", "CastMap", ("int64", "float32", "float32"), {-3: 2.0, 5: 3.0, -9: 4.5})
    texts = {3: "1.5", 1: "-2", 0: "7"}
    words = ("int64", "str")
    for to, kind, rows in (
        ("TO_FLOAT", "float32", ([7, -2, 1.5], [7, -2, 0, 1.5, 0])),
        ("TO_INT64", "int64", ([7, -2, 1], [7, -2, 0, 1, 0])),
        ("TO_STRING", "str", (["7", "-2", "1.5"], ["7", "-2", "0.f", "1.5", "0.f"])),
    ):
        for form, row in zip(("DENSE", "SPARSE"), rows, strict=True):
            take(suite, f"texts_{form}_{to}", "CastMap", (*words, kind), texts, [row], cast_to=to, map_form=form, max_map=5)


def dict_vectorizers(suite: Suite) -> None:
    """`DictVectorizer`: both vocabularies; words that are missing, unknown, or there twice."""
    words, numbers = {"string_vocabulary": ["a", "c", "b", "z", "a"]}, {"int64_vocabulary": [4, 9, -1, 4]}
    take(suite, "words", "DictVectorizer", ("str", "float32", "float32"), {"b": 2.5, "a": 4.0, "q": 1.0}, **words)
    take(suite, "numbers", "DictVectorizer", ("int64", "float32", "float32"), {9: 1.5, 7: 3.0, 4: -2.0}, **numbers)
    take(suite, "words_f64", "DictVectorizer", ("str", "float64", "float64"), {"z": 0.1, "a": 4.0}, [[4, 0, 0, 0.1, 4]], **words)
    take(suite, "words_i64", "DictVectorizer", ("str", "int64", "int64"), {"z": 1 << 60, "c": -4}, [[0, -4, 0, 1 << 60, 0]], **words)
    take(suite, "numbers_f64", "DictVectorizer", ("int64", "float64", "float64"), {4: 0.1}, [[0.1, 0, 0, 0.1]], **numbers)
    take(suite, "numbers_texts", "DictVectorizer", ("int64", "str", "str"), {9: "nine", 3: "?"}, [["", "nine", "", ""]], **numbers)


def zip_maps(suite: Suite) -> None:
    """`ZipMap`: texts and numbers, matrices and a vector."""
    for name, rest, key in (
        ("words", {"classlabels_strings": ["dog", "cat", "ant"]}, "str"),
        ("numbers", {"classlabels_int64s": [7, -3, 12]}, "int64"),
    ):
        for shape in ((4, 3), (1, 3), (0, 3)):
            x: Array = Draw(f"ZipMap {name} {shape}").normal(*shape)
            given = helper.make_tensor_type_proto(TensorProto.FLOAT, [None, 3])
            model = model_of("ZipMap", given, helper.make_sequence_type_proto(map_type(key, "float32")), rest)
            maps = run(name, model, {"x": x})[0]
            wanted = SequenceProto(elem_type=SequenceProto.MAP, map_values=[map_of(one, key, "float32") for one in maps])
            add(suite, f"{name}_{shape[0]}", model, x, wanted)


TESTS = [cast_maps, dict_vectorizers, zip_maps]
