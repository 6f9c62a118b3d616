#!/usr/bin/env python3
"""Writes tests of the ops outside of ONNX's own suite: `com.microsoft`, `ai.onnx.ml`, old experimental ones, and
versions of ONNX's own of which that suite has no tests.

`OUT/<topic>/<test>/` is as `conformance_cases.py` writes it, so `glassbox conformance --cases OUT` runs them. Every
expected value is onnxruntime's, or NumPy's where onnxruntime has no kernel for the processor.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import contrib_attention
import contrib_experts
import contrib_grouped
import contrib_layers
import contrib_learning
import contrib_maps
import contrib_quantized
import contrib_standard
from conformance_cases import ConformanceError, write_case
from contrib_kit import CaseError, Suite

TOPICS = {
    "attention": [*contrib_attention.TESTS, *contrib_grouped.TESTS],
    "layers": contrib_layers.TESTS,
    "quantized": [*contrib_quantized.TESTS, *contrib_experts.TESTS],
    "standard": contrib_standard.TESTS,
    "learning": contrib_learning.TESTS,
    "maps": contrib_maps.TESTS,
}


def main() -> int:
    """Writes every test; names all that can't be made. Gives the exit status."""
    parser = argparse.ArgumentParser(description="Writes tests of ops outside of ONNX's own suite.")
    parser.add_argument("out", type=Path, help="folder to write; must not exist yet, or be empty")
    out: Path = parser.parse_args().out
    if out.exists() and any(out.iterdir()):
        print(f"contrib: error: {out} is not empty", file=sys.stderr)
        return 1
    failed = 0
    for topic, tests in TOPICS.items():
        count = 0
        for test in tests:
            suite = Suite(topic)
            try:
                test(suite)
                for case in suite.cases:
                    write_case(case, out / topic / case.name)
                count += len(suite.cases)
            except (CaseError, ConformanceError, FileExistsError) as error:
                print(f"contrib: error: {topic}: {test.__name__}: {error}", file=sys.stderr)
                failed += 1
        print(f"contrib: {topic}: {count} tests")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
