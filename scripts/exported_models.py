#!/usr/bin/env python3
"""Judges ONNX models that Glassbox exported from the official cases, by programs that aren't ours.

    exported_models.py CASES MODELS [--json FILE]

CASES is the folder that `conformance_cases.py` writes, MODELS the one that `glassbox conformance --exported N --save` writes.
Each model is checked by `onnx.checker` with shape inference (what it says of the original too is a fault of its own), then run by onnxruntime on the data of its case. onnxruntime
lacks kernels for many ops and dtypes: a model that it refuses is judged only where it runs the original, which then is a
failure; one of which it gives another result is a failure where it gives the expected one for the original.

Prints one line for each failure and at the end how many models were valid and how many agreed. Exits with 1 if any failed.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
from pathlib import Path
from typing import Any

import numpy
import onnx
import onnxruntime
from onnx import numpy_helper

onnxruntime.set_default_logger_severity(4)


def read(path: Path, kind: str) -> Any:
    data = path.read_bytes()
    if kind == "sequence":
        return numpy_helper.to_list(onnx.SequenceProto.FromString(data))
    if kind in ("optional", "none"):
        return numpy_helper.to_optional(onnx.OptionalProto.FromString(data))
    return numpy_helper.to_array(onnx.TensorProto.FromString(data))


def session(model: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def agree(got: Any, want: Any, rtol: float, atol: float) -> bool:
    if isinstance(want, list):
        return isinstance(got, list) and len(got) == len(want) and all(agree(a, b, rtol, atol) for a, b in zip(got, want))
    if want is None or got is None:
        return want is None and got is None
    got, want = numpy.asarray(got), numpy.asarray(want)
    if got.shape != want.shape:
        return False
    if want.dtype.kind in "fc" or want.dtype.name in ("bfloat16",):
        got, want = got.astype(numpy.float64), want.astype(numpy.float64)
        # Ours and theirs may round differently on the way.
        return bool(numpy.allclose(got, want, rtol=max(rtol, 1e-3), atol=max(atol, 1e-5), equal_nan=True))
    return bool((got == want).all())


def results(model: bytes, case: Path, about: dict[str, Any]) -> list[Any]:
    runs = session(model)
    folder = case / "data_set_0"
    wanted = {given.name for given in runs.get_inputs()}
    feeds = {
        name: read(folder / f"input_{index}.pb", kind)
        for index, (name, kind) in enumerate(zip(about["inputs"], about["types"]["inputs"]))
        if name in wanted
    }
    return runs.run(None, feeds)


def judge(job: tuple[Path, Path]) -> tuple[str, bool, str, str]:
    """The name, whether the model is valid, what became of its run, and why."""
    case, path = job
    about = json.loads((case / "case.json").read_text())
    name = f"{about['kind']}.{about['name']}"
    data = path.read_bytes()
    try:
        onnx.checker.check_model(onnx.load_from_string(data), full_check=True)
    except Exception as error:  # noqa: BLE001: whatever the checker says
        why = str(error).strip().splitlines()[0]
        try:
            onnx.checker.check_model(onnx.load(case / "model.onnx"), full_check=True)
            return name, False, "unrun", why[:300]
        except Exception:  # noqa: BLE001: it has a fault with the op
            pass

    def passes(model: bytes) -> tuple[bool, str]:
        try:
            got = results(model, case, about)
            folder = case / "data_set_0"
            for index, (value, kind) in enumerate(zip(got, about["types"]["outputs"])):
                if not agree(value, read(folder / f"output_{index}.pb", kind), about["rtol"], about["atol"]):
                    return False, f"output {index} differs"
        except Exception as error:  # noqa: BLE001: onnxruntime has no common class of errors
            return False, str(error).strip().splitlines()[0][:300]
        return True, ""

    fine, why = passes(data)
    if fine:
        return name, True, "agrees", ""
    # That it doesn't know the opset is no fault of the model: the original is run as one of the same opset.
    original, exported = onnx.load(case / "model.onnx"), onnx.load_from_string(data)
    original.ir_version = exported.ir_version
    versions = {entry.domain: entry.version for entry in exported.opset_import}
    for entry in original.opset_import:
        entry.version = max(entry.version, versions.get(entry.domain, entry.version))
    original, _ = passes(original.SerializeToString())
    return name, True, "fails" if original else "neither", why


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", type=Path)
    parser.add_argument("models", type=Path)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    jobs = []
    for path in sorted(arguments.models.glob("*.onnx")):
        kind, name = path.stem.split(".", 1)
        jobs.append((arguments.cases / kind / name, path))
    if not jobs:
        print(f"{arguments.models}: no models", file=sys.stderr)
        return 1
    with multiprocessing.Pool(2, maxtasksperchild=200) as pool:
        judged = pool.map(judge, jobs, chunksize=8)
    for name, valid, run, why in judged:
        if not valid or run == "fails":
            print(f"FAILED {name}: {'' if valid else 'invalid: '}{why}")
    count = {run: sum(1 for row in judged if row[2] == run) for run in ("agrees", "fails", "neither")}
    invalid = sum(1 for row in judged if not row[1])
    print(
        f"{len(judged)} models: {len(judged) - invalid} valid; onnxruntime agrees on {count['agrees']}, fails on "
        f"{count['fails']} whose originals it runs, and runs neither of {count['neither']}"
    )
    if arguments.json:
        arguments.json.write_text(json.dumps(judged, indent=1))
    return 1 if invalid or count["fails"] else 0


if __name__ == "__main__":
    sys.exit(main())
