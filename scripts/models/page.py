#!/usr/bin/env python3
"""Writes the page of models from what `beside.py` gave: `page.py OUT.md RESULTS.json...`.

Beside a file of results lie notes of what could not be had: `wheels.json` lists packages, `exports.json` models that an
exporter refused, with the reason.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import onnxruntime

HEAD = """# Models of others beside onnxruntime

Made by `cargo xtask models` ({how}); don't edit. Each model is run by onnxruntime {version} on one thread
without optimisations, and by the cpu backend of Glassbox, on the same inputs, which are drawn from fixed seeds.

*off* is the largest |ours - theirs| / (|theirs| + s) over all outputs, where s is the root of the mean square of theirs; *own* is the
same between onnxruntime without and with its optimisations. A model **agrees** where no output is off by more than 1e-4 (integers,
bools and strings are equal). Where one is, both are held against a run of ours that carries all floats as f64 (`--precise`):
we are **nearer** where the largest error of ours there is no larger than that of theirs, and else it **differs**. A model of f16 says that
each value is rounded to f16, of which half a unit in the last place is 5e-4 already; onnxruntime keeps f32 between nodes. It **rounds** where the
error of ours is no larger than two units, or than that of onnx's reference evaluator, which rounds where the model says. **alone** is what onnxruntime doesn't run and we do, **refused** what we don't run and it does,
**neither** what both refuse.

Run on a processor with {instructions}. Without VNNI onnxruntime adds products of unsigned and signed bytes in pairs of 16 bits, which saturate, so it gives something else for
quantised models there; Glassbox adds them exactly on every processor.
"""

TOLD = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_int8")
"""Instructions that results of onnxruntime hang on."""

ORDER = ("agrees", "nearer", "rounds", "alone", "differs", "refused", "neither")


def instructions(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Those of the processor, by Linux's names."""
    text = cpuinfo.read_text() if cpuinfo.exists() else ""
    flags = next((line.split() for line in text.splitlines() if line.startswith("flags")), [])
    return ", ".join(name for name in TOLD if name in flags) or "instructions that aren't known"


def number(value: float | None) -> str:
    """A distance in few letters."""
    if value is None:
        return ""
    return "0" if value == 0 else f"{value:.0e}"


def reason(row: dict[str, Any]) -> str:
    """What there is to say of a model."""
    if row["verdict"] == "agrees":
        return ""
    parts = []
    if row["ours_f64"] is not None:
        parts.append(f"from f64: ours {row['ours_f64']:.1e}, theirs {row['theirs_f64']:.1e}")
    if row["reason"]:
        parts.append(row["reason"].replace("|", "\\|"))
    return "; ".join(parts)


def table(rows: list[dict[str, Any]]) -> Iterable[str]:
    """A line for each model."""
    yield "| model | from | nodes | verdict | off | own | |"
    yield "| --- | --- | ---: | --- | ---: | ---: | --- |"
    for row in rows:
        name, verdict = row["name"], row["verdict"]
        verdict = verdict if verdict in ("agrees", "nearer", "rounds", "alone") else f"**{verdict}**"
        numbers = f"{number(row['off'])} | {number(row['own'])}"
        yield f"| {name} | {row['source']} | {row['nodes']} | {verdict} | {numbers} | {reason(row)} |"


def counted(rows: list[dict[str, Any]]) -> str:
    """How many there are of each verdict."""
    counts = [(verdict, sum(row["verdict"] == verdict for row in rows)) for verdict in ORDER]
    return ", ".join(f"{count} {verdict}" for verdict, count in counts if count or verdict in ("differs", "refused"))


def page(results: list[Path], notes: list[Path], version: str) -> str:
    """The page."""
    titles = {"wheels": "Published packages", "exports": "Exports"}
    commands = " and ".join(f"`cargo xtask models {file.stem}`" for file in results)
    lines = [HEAD.format(how=commands, version=version, instructions=instructions())]
    for file in results:
        rows = json.loads(file.read_text())
        lines += [f"## {titles.get(file.stem, file.stem)}", "", f"**{counted(rows)}** of {len(rows)}.", ""]
        lines += [*table(rows), ""]
    for file in notes:
        held = json.loads(file.read_text())
        if isinstance(held, list):
            missing = [row for row in held if not row["models"]]
            lines += ["## Packages without a model", ""]
            lines += [f"- `{row['package']}`: " + (f"{row['archive']} holds no ONNX file" if row["archive"] else
                      "can't be had") for row in missing] or ["None."]
        elif held:
            lines += ["## Exports that could not be made", ""]
            lines += [f"- {name}: {why}" for name, why in sorted(held.items())]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def exported(rows: list[dict[str, Any]]) -> list[str]:
    """What came out of exporting the models again."""
    lines = ["## Exported again", "", "By `cargo xtask models exported`: each model is written by `glassbox convert` in its own opset (or the next that has words for its"]
    lines += ["ops) and by `glassbox simplify`, the files are checked by `onnx.checker`, and onnxruntime runs them beside the original.", ""]
    lines += ["| | files | agrees | nearer | rounds | alone | neither | other | nodes before | after |"]
    lines += ["| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"]
    for way in sorted({row["way"] for row in rows}):
        own = [row for row in rows if row["way"] == way]
        counts = [sum(row["verdict"] == verdict for row in own) for verdict in ("agrees", "nearer", "rounds", "alone", "neither")]
        written = [row for row in own if row["after"]]
        nodes = [sum(row[key] for row in written) for key in ("before", "after")]
        numbers = [len(own), *counts, len(own) - sum(counts), *nodes]
        lines.append(f"| {way} | " + " | ".join(map(str, numbers)) + " |")
    lines.append("")
    for row in rows:
        if row["verdict"] not in ("agrees", "nearer", "rounds", "alone", "neither"):
            lines.append(f"- {row['group']}/{row['name']}, {row['way']}: **{row['verdict']}**: {row['reason']}")
    return [*lines, ""]


def main() -> int:
    """Writes the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("results", type=Path, nargs="+")
    parser.add_argument("--exported", type=Path, help="the results of exported.py")
    parser.add_argument("--notes", type=Path, nargs="*", default=[])
    arguments = parser.parse_args()
    results = [file for file in arguments.results if file.exists()]
    notes = [file for file in arguments.notes if file.exists()]
    text = page(results, notes, onnxruntime.__version__)
    if arguments.exported and arguments.exported.exists():
        text += "\n" + "\n".join(exported(json.loads(arguments.exported.read_text()))).rstrip() + "\n"
    arguments.out.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
