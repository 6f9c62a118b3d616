"""Draws the shapes that the classifier learns from.

In: a seed, the name of a split and an index. Out: one 64x64 RGB drawing as bytes, and its label.

Invariants:
- A drawing is a pure function of (seed, split, index): no global random state is read or written.
- Splits never share a random stream, so a held-out drawing is never a training drawing.
- Labels are balanced: drawing `index` shows `LABELS[index % len(LABELS)]`.
- The outline lies whole inside the picture, and its ink is `LEAST_CONTRAST` away from the paper's colour,
  before blotches, blur and noise.

Refuses: a split or a label that is not listed here, a negative index.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from outlines import OUTLINES, densify

SIZE = 64
LABELS = sorted(OUTLINES)
SPLITS = {"train": 0, "validation": 1, "test": 2, "gallery": 3}

# Shapes are drawn this many times larger and averaged down, which smooths their edges.
OVERSAMPLING = 4
# Euclidean distance in RGB between ink and paper, out of 441.
LEAST_CONTRAST = 110.0
# Pixels of paper that stay free around the outline, before line width.
MARGIN = 2.0


@dataclass(frozen=True)
class Drawing:
    """One drawing: `pixels` is u8[64, 64, 3], `label` an index into `LABELS`."""

    pixels: np.ndarray
    label: int


def draw(seed, split, index):
    """Draws picture `index` of `split`."""
    if split not in SPLITS:
        raise ValueError(f"split {split!r} is not known; the splits are {', '.join(SPLITS)}")
    if index < 0:
        raise ValueError(f"the index of a drawing is at least 0, not {index}")
    label = index % len(LABELS)
    rng = np.random.default_rng([seed, SPLITS[split], index])
    return Drawing(pixels=draw_shape(rng, LABELS[label]), label=label)


def draw_batch(seed, split, start, count):
    """Draws pictures `start .. start + count` as (u8[count, 64, 64, 3], i64[count])."""
    drawings = [draw(seed, split, index) for index in range(start, start + count)]
    pixels = np.stack([drawing.pixels for drawing in drawings])
    return pixels, np.array([drawing.label for drawing in drawings])


def draw_shape(rng, name):
    """Draws the shape `name` with everything else about it random."""
    if name not in OUTLINES:
        raise ValueError(f"shape {name!r} is not known; the shapes are {', '.join(LABELS)}")
    paper, paper_colours = draw_paper(rng)
    ink = pick_ink(rng, paper_colours)
    radius = rng.uniform(13.0, 29.0)
    points = place(rng, wobble(rng, densify(OUTLINES[name](rng))), radius)
    # A line much thicker than this would close the inside of a small shape.
    line_width = rng.uniform(1.4, min(5.0, 0.24 * radius))

    style = rng.choice(["filled", "outlined", "both"], p=[0.4, 0.4, 0.2])
    picture = paper
    if style != "outlined":
        picture = lay_over(picture, fill_mask(points), ink)
    if style != "filled":
        line_ink = ink if style == "outlined" else pick_ink(rng, paper_colours)
        picture = lay_over(picture, line_mask(points, line_width), line_ink)
    return photograph(rng, picture)


# --- geometry -------------------------------------------------------------------------------


def wobble(rng, points):
    """Bends the plane a little, as an unsteady hand does."""
    amplitude = rng.uniform(0.0, 0.06)
    frequency = rng.uniform(1.5, 4.0, size=2)
    phase = rng.uniform(0.0, 2.0 * np.pi, size=2)
    return points + amplitude * np.sin(points[:, ::-1] * frequency + phase)


def place(rng, points, radius):
    """Stretches, turns and scales the outline, then moves it to a random place inside the picture."""
    stretch = np.exp(rng.uniform(-0.12, 0.12))
    points = turn(points * [stretch, 1.0 / stretch], rng.uniform(0.0, 2.0 * np.pi)) * radius
    low, high = points.min(axis=0), points.max(axis=0)
    room = SIZE - 2.0 * MARGIN
    # Stretch and wobble can push the largest shapes over the edge; those shrink to fit.
    shrink = min(1.0, room / float((high - low).max()))
    low, high, points = low * shrink, high * shrink, points * shrink
    corner = MARGIN + rng.uniform(0.0, 1.0, size=2) * (room - (high - low))
    return points - low + corner


def turn(points, angle):
    """Rotates points about the origin by `angle` radians."""
    cos, sin = np.cos(angle), np.sin(angle)
    return points @ np.array([[cos, sin], [-sin, cos]])


# --- ink and paper --------------------------------------------------------------------------


def draw_paper(rng):
    """Returns a background as f64[64, 64, 3], and the colours that the ink must stand out from."""
    colour = rng.uniform(0.0, 255.0, size=3)
    if rng.random() < 0.3:
        colour = rng.uniform(215.0, 255.0) - rng.uniform(0.0, 20.0, size=3)
    kind = rng.choice(["plain", "gradient", "blotched", "ruled"], p=[0.4, 0.25, 0.2, 0.15])
    paper = np.broadcast_to(colour, (SIZE, SIZE, 3))
    colours = [colour]
    if kind == "gradient":
        other = np.clip(colour + rng.uniform(-90.0, 90.0, size=3), 0.0, 255.0)
        direction = turn(np.array([[1.0, 0.0]]), rng.uniform(0.0, 2.0 * np.pi))[0]
        ramp = pixel_grid() @ direction
        ramp = (ramp - ramp.min()) / (ramp.max() - ramp.min())
        paper = colour + ramp[..., None] * (other - colour)
        colours.append(other)
    elif kind == "blotched":
        paper = paper + blotches(rng) * rng.uniform(10.0, 32.0)
    elif kind == "ruled":
        spacing = int(rng.integers(6, 15))
        offset = int(rng.integers(0, spacing))
        shade = colour + rng.choice([-1.0, 1.0]) * rng.uniform(18.0, 40.0)
        paper = paper.copy()
        paper[offset::spacing] = shade
        if rng.random() < 0.5:
            paper[:, offset::spacing] = shade
    return specks(rng, np.clip(paper, 0.0, 255.0)), colours


def pixel_grid():
    """Coordinates of every pixel as f64[64, 64, 2]."""
    axis = np.arange(SIZE, dtype=np.float64)
    return np.stack(np.meshgrid(axis, axis), axis=-1)


def blotches(rng):
    """Smooth noise of about unit strength as f64[64, 64, 3]."""
    coarse = rng.normal(size=(9, 9, 3)).astype(np.float32)
    planes = [
        np.asarray(Image.fromarray(coarse[..., channel]).resize((SIZE, SIZE), Image.Resampling.BICUBIC))
        for channel in range(3)
    ]
    return np.stack(planes, axis=-1).astype(np.float64)


def specks(rng, paper):
    """Lays up to four short strokes of any colour on the paper, under the shape."""
    for _ in range(int(rng.integers(0, 5))):
        start = rng.uniform(0.0, SIZE, size=2)
        stroke = np.stack([start, start + rng.uniform(-7.0, 7.0, size=2)])
        paper = lay_over(paper, line_mask(stroke, rng.uniform(1.0, 2.5)), rng.uniform(0.0, 255.0, size=3))
    return paper


def pick_ink(rng, paper_colours):
    """Picks a colour at least `LEAST_CONTRAST` away from every colour of the paper."""
    for _ in range(16):
        ink = rng.uniform(0.0, 255.0, size=3)
        if contrast(ink, paper_colours) >= LEAST_CONTRAST:
            return ink
    # Of the corners of the colour cube, the one that stands out most.
    corners = [np.array([red, green, blue]) for red in (0.0, 255.0) for green in (0.0, 255.0) for blue in (0.0, 255.0)]
    return max(corners, key=lambda corner: contrast(corner, paper_colours))


def contrast(ink, paper_colours):
    """Distance from `ink` to the nearest colour of the paper."""
    return min(float(np.linalg.norm(ink - colour)) for colour in paper_colours)


# --- pixels ---------------------------------------------------------------------------------


def fill_mask(points):
    """Coverage of the inside of a closed outline as f64[64, 64], 0 to 1."""
    canvas = Image.new("L", (SIZE * OVERSAMPLING, SIZE * OVERSAMPLING))
    ImageDraw.Draw(canvas).polygon(to_canvas(points), fill=255)
    return coverage(canvas)


def line_mask(points, width):
    """Coverage of a pen line of `width` pixels along a closed outline as f64[64, 64], 0 to 1."""
    canvas = Image.new("L", (SIZE * OVERSAMPLING, SIZE * OVERSAMPLING))
    # The first two points again, so that the last corner is joined like the others.
    closed = to_canvas(np.concatenate([points, points[:2]]))
    ImageDraw.Draw(canvas).line(closed, fill=255, width=max(1, round(width * OVERSAMPLING)), joint="curve")
    return coverage(canvas)


def to_canvas(points):
    """Scales points to the oversampled canvas, in the form that PIL draws."""
    return [tuple(point) for point in (points * OVERSAMPLING).tolist()]


def coverage(canvas):
    """Averages an oversampled canvas down to the size of the picture."""
    return np.asarray(canvas.reduce(OVERSAMPLING), dtype=np.float64) / 255.0


def lay_over(picture, mask, colour):
    """Paints `colour` over `picture` where `mask` is 1."""
    return picture + mask[..., None] * (colour - picture)


def photograph(rng, picture):
    """Blurs a little, adds sensor noise and rounds to bytes."""
    if rng.random() < 0.3:
        image = Image.fromarray(np.clip(np.rint(picture), 0, 255).astype(np.uint8))
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 0.9)))
        picture = np.asarray(image, dtype=np.float64)
    if rng.random() < 0.6:
        picture = picture + rng.normal(scale=rng.uniform(1.0, 14.0), size=picture.shape)
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)
