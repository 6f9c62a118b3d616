#!/usr/bin/env python3
"""Makes models with the exporters that people use, as folders that `beside.py` runs.

Every maker is a function that gives the exporter's name, a model, and its inputs; they are listed by topic in the modules
beside this. What can't be made here (a package that isn't there, an exporter that refuses the network) is listed in
`OUT/exports.json` with the reason; it is not a failure of Glassbox. Weights are random, from fixed seeds.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import re
import sys
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("HF_HUB_OFFLINE", "1")

from subjects import ABOUT, About, write

GROUP = "exports"
TOPICS = ("classical", "vision", "language", "attention", "quantized", "detectors", "networks")
ALONE = ("tensorflow_models",)
"""Topics that are made only where they are asked for, by the Python that has their packages."""


def main() -> int:
    """Makes those that aren't there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="where the folders are written")
    parser.add_argument("--only", default="", help="only those whose name matches this regular expression")
    parser.add_argument("--again", action="store_true", help="make those that are there too")
    parser.add_argument("--topic", choices=TOPICS + ALONE, help="only those of this topic")
    arguments = parser.parse_args()
    notes = arguments.out / "exports.json"
    failed = json.loads(notes.read_text()) if notes.exists() else {}
    for topic in [arguments.topic] if arguments.topic else TOPICS:
        for name, make in importlib.import_module(topic).models():
            there = (arguments.out / GROUP / name / ABOUT).exists()
            if not re.search(arguments.only, name) or (there and not arguments.again):
                continue
            try:
                source, model, inputs = make()
                write(arguments.out, About(GROUP, name, source), model, inputs)
                failed.pop(name, None)
                print(f"made {name}", flush=True)
            except Exception as error:  # noqa: BLE001: exporters fail in every way.
                # The last part of torch's errors says what is wrong; the codes of colours say nothing.
                why = re.sub(r"\x1b\[\d*m", "", str(error)).split("## Exception summary")[-1]
                why = re.sub(r"\s+", " ", why).strip()
                failed[name] = f"{type(error).__name__}: {why}"[:300]
                print(f"not made {name}: {failed[name]}", flush=True)
                if os.environ.get("TRACE"):
                    traceback.print_exc()
            arguments.out.mkdir(parents=True, exist_ok=True)
            notes.write_text(json.dumps(failed, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
