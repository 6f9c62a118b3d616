"""Trains the shape classifier and writes `shapes.onnx`.

    python scripts/shapes/train.py [--seed 7] [--steps 2400] [--output models/shapes]

Trains on `POOL` drawings, each shown some eight times, every time in another orientation and with other
colours (`vary`). The file is written only if the classifier
is right on `check.LEAST_ACCURACY` of the held-out drawings and onnxruntime gives the same probabilities as the
trained network. The same seed, numpy and processor type give the same file, byte for byte: BLAS runs
on one thread, and nothing in the file depends on the time or the machine's name.

Exit status: 0 if the file was written, 1 if a check failed.
"""

import os

# Before numpy loads its BLAS. One thread keeps the order of every sum.
for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import argparse
import sys
import time
from pathlib import Path

import numpy as np

import check
from draw import draw_batch
from export import MODEL_DIRECTORY, export, write_whole
from layers import cross_entropy
from network import Network

POOL = 20_000
BATCH = 64
PEAK_RATE = 4e-3
WARM_UP_STEPS = 50
WEIGHT_DECAY = 1e-4


class Adam:
    """Adam with decoupled weight decay on everything that is a weight, and not on scales and biases."""

    FIRST, SECOND, FLOOR = 0.9, 0.99, 1e-8

    def __init__(self, network):
        self.layers = [layer for layer in network.all_layers() if layer.parameters]
        self.step_count = 0
        self.moments = {}

    def step(self, rate):
        """Moves every parameter against its gradient."""
        self.step_count += 1
        first_bias = 1.0 - self.FIRST**self.step_count
        second_bias = 1.0 - self.SECOND**self.step_count
        for layer in self.layers:
            for name, value in layer.parameters.items():
                gradient = layer.gradients[name]
                key = (layer.name, name)
                first, second = self.moments.get(key, (np.zeros_like(value), np.zeros_like(value)))
                first = self.FIRST * first + (1.0 - self.FIRST) * gradient
                second = self.SECOND * second + (1.0 - self.SECOND) * gradient * gradient
                self.moments[key] = (first, second)
                change = (first / first_bias) / (np.sqrt(second / second_bias) + self.FLOOR)
                if name == "weight":
                    change = change + WEIGHT_DECAY * value
                layer.parameters[name] = (value - rate * change).astype(np.float32)


def rate_at(step, steps):
    """Linear warm-up, then a half cosine down to zero."""
    if step < WARM_UP_STEPS:
        return PEAK_RATE * (step + 1) / WARM_UP_STEPS
    progress = (step - WARM_UP_STEPS) / max(1, steps - WARM_UP_STEPS)
    return PEAK_RATE * 0.5 * (1.0 + float(np.cos(np.pi * progress)))


def vary(rng, pixels):
    """Shows every picture in one of its 8 orientations, 6 orders of the colours, and maybe as a negative.

    None of it changes which shape a picture shows.
    """
    varied = np.empty_like(pixels)
    for row, picture in enumerate(pixels):
        picture = np.rot90(picture, int(rng.integers(4)))[:, :, rng.permutation(3)]
        if rng.random() < 0.5:
            picture = picture[:, ::-1]
        varied[row] = 255 - picture if rng.random() < 0.5 else picture
    return varied


def batches(rng, pixels, labels):
    """Yields batches for ever, every picture once before any comes again."""
    while True:
        order = rng.permutation(len(pixels))
        for start in range(0, len(order) - BATCH + 1, BATCH):
            chosen = order[start : start + BATCH]
            yield vary(rng, pixels[chosen]), labels[chosen]


def train(seed, steps, log=print):
    """Returns the trained network."""
    started = time.monotonic()
    rng = np.random.default_rng([seed, 1000])
    network = Network(rng)
    optimiser = Adam(network)
    validation_pixels, validation_labels = draw_batch(seed, "validation", 0, 500)
    stream = batches(rng, *draw_batch(seed, "train", 0, POOL))
    log(f"drew {POOL} pictures in {time.monotonic() - started:.0f} s")
    for step in range(steps):
        pixels, labels = next(stream)
        loss, gradient = cross_entropy(network.scores(pixels, training=True), labels)
        if not np.isfinite(loss):
            raise FloatingPointError(f"the loss of step {step} is {loss}; lower PEAK_RATE")
        network.backward(gradient)
        optimiser.step(rate_at(step, steps))
        if (step + 1) % 100 == 0 or step + 1 == steps:
            guesses = network.probabilities(validation_pixels).argmax(axis=1)
            accuracy = (guesses == validation_labels).mean()
            seconds = time.monotonic() - started
            log(f"step {step + 1:5} of {steps}  loss {loss:.4f}  validation {accuracy:.3f}  {seconds:.0f} s")
    return network


def main():
    parser = argparse.ArgumentParser(description="Trains the shape classifier and writes shapes.onnx.")
    parser.add_argument("--seed", type=int, default=check.SEED)
    parser.add_argument("--steps", type=int, default=2400, help=f"batches of {BATCH} drawings (default: 2400)")
    parser.add_argument("--output", type=Path, default=MODEL_DIRECTORY, help="folder for shapes.onnx")
    arguments = parser.parse_args()
    if arguments.seed < 0 or arguments.steps < 1:
        parser.error("--seed is at least 0 and --steps at least 1")

    network = train(arguments.seed, arguments.steps, log=lambda line: print(line, flush=True))
    model = export(network)
    report = check.measure(network, model, arguments.seed)
    print(f"held-out accuracy {report.accuracy:.4f}, onnxruntime differs by at most {report.difference:.2e}")
    problems = report.problems()
    if problems:
        sys.exit("\n".join(["shapes.onnx is not written:", *problems]))
    arguments.output.mkdir(parents=True, exist_ok=True)
    write_whole(arguments.output / "shapes.onnx", model.SerializeToString(deterministic=True))
    print(f"wrote {arguments.output / 'shapes.onnx'}")


if __name__ == "__main__":
    main()
