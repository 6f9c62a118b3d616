"""Measures the exported classifier and holds it against the trained network.

    python scripts/shapes/check.py            checks models/shapes as it stands
    python scripts/shapes/check.py --bless    and rewrites images/, expected.json and the README's figures

In: `shapes.onnx`. Out: a report of accuracy on held-out drawings and of the greatest difference between
onnxruntime and the network of `network.py` carrying the same weights.

Invariants: held-out drawings are those of the split `test`; the pictures in `images/` come from the split
`gallery`. Neither is trained on.

Exit status: 0 if every check holds, 1 with a line for each that doesn't.
"""

import os

# As in train.py: before numpy loads its BLAS.
for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import argparse
import io
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from PIL import Image

from draw import LABELS, draw, draw_batch
from export import MODEL_DIRECTORY, read_arrays, write_whole
from network import Network

TEST_DRAWINGS = 5000
LEAST_ACCURACY = 0.95
GREATEST_DIFFERENCE = 1e-5
# The seed of every drawing that is measured or shown here. Training defaults to the same one.
SEED = 7

# Which drawing of the split `gallery` shows each shape: chosen by eye so that style, size, colour and
# paper differ between them. Index modulo the number of labels is the label.
GALLERY = {
    "arrow": 30,
    "circle": 11,
    "crescent": 72,
    "cross": 43,
    "drop": 44,
    "heart": 5,
    "hexagon": 86,
    "square": 47,
    "star": 98,
    "triangle": 29,
}

FIGURES_BEGIN = "<!-- figures: written by check.py --bless -->"
FIGURES_END = "<!-- end of figures -->"


@dataclass(frozen=True)
class Report:
    """What was measured. `confusion[actual, guessed]` counts drawings."""

    confusion: np.ndarray
    difference: float

    @property
    def accuracy(self):
        """Share of held-out drawings that were recognised."""
        return float(np.trace(self.confusion) / self.confusion.sum())

    def problems(self):
        """One line for each limit that doesn't hold."""
        problems = []
        if self.accuracy < LEAST_ACCURACY:
            problems.append(f"accuracy is {self.accuracy:.4f}, and should be at least {LEAST_ACCURACY}")
        # Written so that NaN is a problem too.
        if not self.difference <= GREATEST_DIFFERENCE:
            problems.append(
                f"onnxruntime and the network differ by {self.difference:.2e}, "
                f"and should by at most {GREATEST_DIFFERENCE:.0e}"
            )
        return problems

    def figures(self):
        """The figures as Markdown."""
        total = int(self.confusion.sum())
        lines = [
            f"{np.trace(self.confusion)} of {total} held-out drawings are recognised: {self.accuracy:.1%}.",
            "",
            "| shape | recognised | most often taken for |",
            "| --- | --- | --- |",
        ]
        for actual, label in enumerate(LABELS):
            row = self.confusion[actual]
            others = np.where(np.arange(len(LABELS)) == actual, -1, row)
            worst = int(others.argmax())
            mistaken = f"{LABELS[worst]} ({row[worst]})" if row[worst] > 0 else "nothing else"
            lines.append(f"| {label} | {row[actual]} of {row.sum()} | {mistaken} |")
        return "\n".join(lines)


def measure(network, model, seed=SEED):
    """Runs onnxruntime and the network over the held-out drawings."""
    run = open_session(model)
    confusion = np.zeros((len(LABELS), len(LABELS)), np.int64)
    difference = 0.0
    for start in range(0, TEST_DRAWINGS, 250):
        pixels, labels = draw_batch(seed, "test", start, 250)
        probabilities = run(pixels)
        np.add.at(confusion, (labels, probabilities.argmax(axis=1)), 1)
        difference = worse(difference, np.abs(probabilities - network.probabilities(pixels)).max())
    # The batch size is symbolic: one picture at a time gives the same answers.
    for row in range(3):
        alone = run(pixels[row : row + 1])
        difference = worse(difference, np.abs(alone - probabilities[row : row + 1]).max())
    return Report(confusion, difference)


def worse(first, second):
    """The greater of two differences; NaN if either is."""
    return float(np.maximum(first, second))


def open_session(model):
    """Returns a function from pictures to probabilities that runs the model in onnxruntime."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(deterministic=True), options, providers=["CPUExecutionProvider"]
    )
    return lambda pixels: session.run(["probabilities"], {"image": pixels})[0]


def gallery_files(model, seed=SEED):
    """The content of `images/*.png` and `expected.json`, as {path inside the model's folder: bytes}."""
    run = open_session(model)
    files, expected = {}, {}
    for label, index in GALLERY.items():
        drawing = draw(seed, "gallery", index)
        if LABELS[drawing.label] != label:
            raise ValueError(f"GALLERY has drawing {index} as {label}, and it shows {LABELS[drawing.label]}")
        content = io.BytesIO()
        Image.fromarray(drawing.pixels).save(content, format="PNG", optimize=True)
        files[f"images/{label}.png"] = content.getvalue()
        probabilities = run(drawing.pixels[None])[0]
        expected[f"{label}.png"] = {name: round(float(p), 7) for name, p in zip(LABELS, probabilities)}
    files["expected.json"] = (json.dumps(expected, indent=2) + "\n").encode()
    return files


def gallery_problems(directory, files):
    """One line for each picture that is missing, differs in its pixels, or is not recognised."""
    problems = []
    for name, content in files.items():
        path = directory / name
        if not path.is_file():
            problems.append(f"{path} is missing; --bless writes it")
        elif name.endswith(".png") and not same_pixels(path, content):
            problems.append(f"{path} is not the drawing that GALLERY names; --bless rewrites it")
        elif name.endswith(".json"):
            problems += expectation_problems(path, json.loads(content))
    return problems


def same_pixels(path, content):
    """Whether a PNG file shows the same picture as PNG bytes."""
    with Image.open(path) as image, Image.open(io.BytesIO(content)) as wanted:
        return image.mode == wanted.mode and np.array_equal(np.asarray(image), np.asarray(wanted))


def expectation_problems(path, measured):
    """Compares `expected.json` with what onnxruntime says now, and both with what is drawn."""
    problems = []
    recorded = json.loads(path.read_text())
    if recorded.keys() != measured.keys():
        return [f"{path} speaks of other pictures than GALLERY; --bless rewrites it"]
    for picture, probabilities in measured.items():
        label = max(probabilities, key=probabilities.get)
        if f"{label}.png" != picture:
            problems.append(f"{picture} is taken for {label}")
        for name, value in probabilities.items():
            if not abs(recorded[picture].get(name, np.nan) - value) <= GREATEST_DIFFERENCE:
                problems.append(f"{path}: {picture}: {name} is {value} now; --bless rewrites it")
    return problems


def with_figures(readme, figures):
    """The README's text with its figures replaced."""
    before, begin, rest = readme.partition(FIGURES_BEGIN)
    _, end, after = rest.partition(FIGURES_END)
    if not begin or not end:
        raise ValueError(f"the README has no lines {FIGURES_BEGIN!r} and {FIGURES_END!r} to put the figures between")
    return f"{before}{begin}\n{figures}\n{end}{after}"


def main():
    parser = argparse.ArgumentParser(description="Measures the exported shape classifier.")
    parser.add_argument("--bless", action="store_true", help="rewrite images, expected.json and the README's figures")
    parser.add_argument("--directory", type=Path, default=MODEL_DIRECTORY, help="folder that holds shapes.onnx")
    arguments = parser.parse_args()

    model = onnx.load(arguments.directory / "shapes.onnx")
    onnx.checker.check_model(model, full_check=True)
    network = Network(np.random.default_rng(0))
    network.load(read_arrays(model))
    report = measure(network, model)
    print(report.figures())
    print(f"\nonnxruntime and the network differ by at most {report.difference:.2e}")

    readme = arguments.directory / "README.md"
    files = gallery_files(model)
    wanted = with_figures(readme.read_text(), report.figures())
    if arguments.bless:
        (arguments.directory / "images").mkdir(exist_ok=True)
        for name, content in files.items():
            write_whole(arguments.directory / name, content)
        write_whole(readme, wanted.encode())
    problems = report.problems() + gallery_problems(arguments.directory, files)
    if readme.read_text() != wanted:
        problems.append(f"the figures of {readme} are not those measured; --bless rewrites them")
    if problems:
        sys.exit("\n".join(problems))


if __name__ == "__main__":
    main()
