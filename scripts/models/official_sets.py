#!/usr/bin/env python3
"""Writes the official ONNX backend tests of earlier releases as `conformance_cases.py` does those of the newest.

`official_sets.py CACHE`: the packages go to `CACHE/onnx-sets`, the cases to `CACHE/conformance-<release>`. What is there
already isn't made again.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

RELEASES = ("1.21.0", "1.22.0")
MAKER = Path(__file__).resolve().parent.parent / "conformance_cases.py"


def make(release: str, cache: Path) -> None:
    """Writes the cases of a release."""
    out = cache / f"conformance-{release}"
    if out.exists():
        print(f"official sets: up to date: {out}")
        return
    kept = cache / "onnx-sets"
    kept.mkdir(parents=True, exist_ok=True)
    if not list(kept.glob(f"onnx-{release}-*.whl")):
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--no-deps"]
        subprocess.run([*command, "--only-binary", ":all:", "--dest", str(kept), f"onnx=={release}"], check=True)
    (wheel,) = kept.glob(f"onnx-{release}-*.whl")
    unfinished = cache / f"conformance-{release}.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)
        # The release's own package reads its files.
        environment = {**os.environ, "PYTHONPATH": folder, "PYTHONDONTWRITEBYTECODE": "1"}
        subprocess.run([sys.executable, str(MAKER), str(unfinished)], check=True, env=environment)
    unfinished.rename(out)


def main() -> int:
    """Writes the cases of all releases."""
    for release in RELEASES:
        make(release, Path(sys.argv[1]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
