"""Holds every hand-written backward pass against finite differences.

    python -m unittest discover scripts/shapes

The layers run in f64 here, so that a difference quotient is good to eight digits.
"""

import unittest

import numpy as np

from draw import LABELS, LEAST_CONTRAST, SIZE, SPLITS, contrast, draw, pick_ink
from layers import (
    BatchNorm,
    Conv2d,
    DepthwiseConv2d,
    GlobalAveragePool,
    Linear,
    MaxPool2x2,
    Relu,
    Residual,
    cross_entropy,
)

STEP = 1e-5
TOLERANCE = 1e-6


def quotient(loss, array):
    """The gradient of `loss()` by `array`, one central difference per element."""
    gradient = np.empty_like(array)
    for index in np.ndindex(array.shape):
        kept = array[index]
        array[index] = kept + STEP
        above = loss()
        array[index] = kept - STEP
        below = loss()
        array[index] = kept
        gradient[index] = (above - below) / (2.0 * STEP)
    return gradient


def layer_cases(rng):
    """Every layer, with the shape of an input that exercises its edges."""
    picture = (2, 6, 4, 3)
    return [
        (Conv2d("conv", rng, 3, 4), picture),
        (Conv2d("conv_stride_2", rng, 3, 4, stride=2), picture),
        (Conv2d("conv_1x1", rng, 3, 5, kernel=1), picture),
        (DepthwiseConv2d("depthwise", rng, 3), picture),
        (BatchNorm("norm", 3), picture),
        (Relu("relu"), picture),
        (MaxPool2x2("pool"), picture),
        (Residual("residual", [Conv2d("inner", rng, 3, 3), BatchNorm("inner_norm", 3)]), picture),
        (GlobalAveragePool("average"), picture),
        (Linear("linear", rng, 3, 4), (5, 3)),
    ]


class BackwardPasses(unittest.TestCase):
    def test_gradients_match_finite_differences(self):
        rng = np.random.default_rng(3)
        for layer, shape in layer_cases(rng):
            with self.subTest(layer=layer.name):
                self.check_layer(layer, rng.normal(size=shape), rng)

    def check_layer(self, layer, x, rng):
        parts = [layer, *getattr(layer, "body", [])]
        for part in parts:
            part.parameters = {name: rng.normal(size=value.shape) for name, value in part.parameters.items()}
        weights = rng.normal(size=layer.forward(x, True).shape)

        def loss():
            return float((layer.forward(x, True) * weights).sum())

        loss()
        by_input = layer.backward(weights)
        # Taken before the difference quotients run the layer again.
        gradients = [dict(part.gradients) for part in parts]
        np.testing.assert_allclose(by_input, quotient(loss, x), atol=TOLERANCE, rtol=TOLERANCE)
        for part, own in zip(parts, gradients):
            self.assertEqual(own.keys(), part.parameters.keys())
            for name, value in part.parameters.items():
                np.testing.assert_allclose(own[name], quotient(loss, value), atol=TOLERANCE, rtol=TOLERANCE)

    def test_gradient_of_the_loss(self):
        rng = np.random.default_rng(4)
        scores, labels = rng.normal(size=(5, 4)), np.array([0, 3, 1, 1, 2])
        _, gradient = cross_entropy(scores, labels)
        wanted = quotient(lambda: cross_entropy(scores, labels)[0], scores)
        np.testing.assert_allclose(gradient, wanted, atol=TOLERANCE, rtol=TOLERANCE)

    def test_pool_gives_the_gradient_of_equal_values_once(self):
        pool = MaxPool2x2("pool")
        pool.forward(np.zeros((1, 2, 2, 1)), True)
        self.assertEqual(pool.backward(np.ones((1, 1, 1, 1))).ravel().tolist(), [1.0, 0.0, 0.0, 0.0])


class Drawings(unittest.TestCase):
    def test_the_same_index_gives_the_same_drawing(self):
        np.testing.assert_array_equal(draw(1, "test", 5).pixels, draw(1, "test", 5).pixels)

    def test_splits_seeds_and_indices_give_other_drawings(self):
        first = draw(1, "train", 5).pixels
        others = [draw(1, split, 5) for split in SPLITS if split != "train"]
        for other in [*others, draw(2, "train", 5), draw(1, "train", 15)]:
            self.assertFalse(np.array_equal(first, other.pixels))

    def test_a_drawing_is_64_by_64_rgb_bytes_of_its_label(self):
        for index in range(2 * len(LABELS)):
            drawing = draw(1, "train", index)
            self.assertEqual((drawing.pixels.dtype, drawing.pixels.shape), (np.uint8, (SIZE, SIZE, 3)))
            self.assertEqual(drawing.label, index % len(LABELS))

    def test_ink_stands_out_from_any_paper(self):
        rng = np.random.default_rng(5)
        for _ in range(300):
            colour = rng.uniform(0.0, 255.0, size=3)
            paper = [colour, np.clip(colour + rng.uniform(-90.0, 90.0, size=3), 0.0, 255.0)]
            self.assertGreaterEqual(contrast(pick_ink(rng, paper), paper), LEAST_CONTRAST)

    def test_an_unknown_split_and_a_negative_index_are_refused(self):
        with self.assertRaisesRegex(ValueError, "'tests' is not known"):
            draw(1, "tests", 0)
        with self.assertRaisesRegex(ValueError, "at least 0"):
            draw(1, "train", -1)


if __name__ == "__main__":
    unittest.main()
