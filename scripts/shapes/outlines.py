"""The outlines of the shapes, each as a closed polygon.

In: a random generator, for the proportions that vary from one drawing of a shape to the next.
Out: f64[K, 2], the corners in order, in a plane where the shape's radius is about 1 and y points up
or down alike, since every shape is turned by a random angle later.

Invariants: an outline doesn't cross itself, and no two shapes can be turned and stretched into each
other by the amounts that `draw.place` applies.

Adding a shape is one function and one row of `OUTLINES`.
"""

import numpy as np


def arrow(rng):
    """A shaft with a triangular head."""
    shaft = rng.uniform(0.13, 0.26)
    head = rng.uniform(0.5, 0.7)
    neck = rng.uniform(-0.05, 0.3)
    return np.array(
        [(-1, -shaft), (neck, -shaft), (neck, -head), (1, 0), (neck, head), (neck, shaft), (-1, shaft)], dtype=float
    )


def circle(_rng):
    """A full circle."""
    return on_circle(np.linspace(0.0, 2.0 * np.pi, 40, endpoint=False))


def crescent(rng):
    """A moon: a disc without the part that a second, shifted disc covers."""
    distance = rng.uniform(0.35, 0.6)
    radius = rng.uniform(0.75, 0.9)
    # The two circles meet where x = meeting on both.
    meeting = (1.0 - radius**2 + distance**2) / (2.0 * distance)
    outer_angle = np.arccos(meeting)
    inner_angle = np.arctan2(np.sin(outer_angle), meeting - distance)
    outer = on_circle(np.linspace(outer_angle, 2.0 * np.pi - outer_angle, 30))
    inner = on_circle(np.linspace(2.0 * np.pi - inner_angle, inner_angle, 24)) * radius + [distance, 0.0]
    return np.concatenate([outer, inner[1:-1]])


def cross(rng):
    """A plus sign."""
    arm = rng.uniform(0.17, 0.33)
    quarter = np.array([(1, -arm), (1, arm), (arm, arm)])
    turned = [quarter, rotate_quarter(quarter, 1), rotate_quarter(quarter, 2), rotate_quarter(quarter, 3)]
    return np.concatenate(turned)


def drop(rng):
    """A water drop: round below, one pointed end."""
    sharpness = rng.uniform(1.3, 2.2)
    angle = np.linspace(0.0, 2.0 * np.pi, 44, endpoint=False)
    return np.stack([np.sin(angle) * np.sin(angle / 2.0) ** sharpness * 0.85, np.cos(angle)], axis=1)


def heart(rng):
    """A heart, by its usual cosine series."""
    angle = np.linspace(0.0, 2.0 * np.pi, 44, endpoint=False)
    x = 16.0 * np.sin(angle) ** 3
    y = 13.0 * np.cos(angle) - 5.0 * np.cos(2 * angle) - 2.0 * np.cos(3 * angle) - np.cos(4 * angle)
    return np.stack([x / 17.0, (y + 2.5) / 17.0 * rng.uniform(0.9, 1.1)], axis=1)


def hexagon(_rng):
    """Six equal sides."""
    return regular(6)


def square(_rng):
    """Four equal sides with right angles."""
    return regular(4)


def star(rng):
    """Five points."""
    points = regular(10)
    points[1::2] *= rng.uniform(0.36, 0.52)
    return points


def triangle(rng):
    """Three sides, near to equal."""
    return regular(3) + rng.uniform(-0.12, 0.12, size=(3, 2))


OUTLINES = {
    "arrow": arrow,
    "circle": circle,
    "crescent": crescent,
    "cross": cross,
    "drop": drop,
    "heart": heart,
    "hexagon": hexagon,
    "square": square,
    "star": star,
    "triangle": triangle,
}


def on_circle(angles):
    """Points of the unit circle."""
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def regular(corners):
    """The corners of a regular polygon."""
    return on_circle(np.arange(corners) * (2.0 * np.pi / corners))


def rotate_quarter(points, turns):
    """Rotates points by `turns` right angles, exactly."""
    for _ in range(turns):
        points = np.stack([-points[:, 1], points[:, 0]], axis=1)
    return points


def densify(points, spacing=0.12):
    """Adds points along the edges, at most `spacing` apart, so that bending the plane bends the edges."""
    parts = []
    for start, end in zip(points, np.roll(points, -1, axis=0)):
        pieces = max(1, int(np.ceil(np.linalg.norm(end - start) / spacing)))
        steps = np.arange(pieces)[:, None] / pieces
        parts.append(start + steps * (end - start))
    return np.concatenate(parts)
