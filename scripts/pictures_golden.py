#!/usr/bin/env python3
"""Writes small images, and what PIL and NumPy make of them as inputs of models, for the tests of the command line.

`OUT/*.png` and `OUT/expected.json`: for each case the image, the type of the input, the arguments, and the elements.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy
from PIL import Image

Array = numpy.ndarray
HEIGHT, WIDTH = 2, 3
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def pictures(out: Path) -> dict[str, Array]:
    """Writes the images; gives what PIL reads of each."""
    random = numpy.random.default_rng(7)
    colours = random.integers(0, 256, (HEIGHT, WIDTH, 4), dtype=numpy.uint8)
    deep = random.integers(0, 65536, (HEIGHT, WIDTH), dtype=numpy.uint16)
    Image.fromarray(colours[..., :3], "RGB").save(out / "rgb.png")
    Image.fromarray(colours, "RGBA").save(out / "rgba.png")
    Image.fromarray(colours[..., 0], "L").save(out / "grey.png")
    Image.fromarray(deep).save(out / "deep.png")
    return {name: numpy.asarray(Image.open(out / f"{name}.png")) for name in ("rgb", "rgba", "grey", "deep")}


def channels(out: Path, name: str, colour: str) -> Array:
    """The bytes of an image [height, width, channels] as PIL converts them, blue first where that is asked for."""
    mode = {"GREY": "L", "RGB": "RGB", "BGR": "RGB", "RGBA": "RGBA", "BGRA": "RGBA"}[colour]
    read = Image.open(out / f"{name}.png")
    # PIL mixes transparent pixels with nothing, as do we: their colours are taken.
    array = numpy.asarray(read.convert("RGB").convert("L") if mode == "L" and name != "grey" else read.convert(mode))
    array = array.reshape(HEIGHT, WIDTH, -1)
    return array[..., [2, 1, 0, *range(3, array.shape[2])]] if colour.startswith("BGR") else array


def arranged(pixels: Array, layout: str) -> Array:
    """Pixels [height, width, channels] in a layout."""
    pixels = pixels.transpose(2, 0, 1) if layout.endswith("CHW") else pixels
    pixels = pixels[..., 0] if layout.endswith("HW") and "C" not in layout else pixels
    return pixels[None] if layout.startswith("N") else pixels


def main() -> None:
    """Writes everything."""
    parser = argparse.ArgumentParser(description="Writes images and what PIL and NumPy make of them.")
    parser.add_argument("out", type=Path)
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    read = pictures(out)
    cases: list[dict[str, Any]] = []

    def case(image: str, layout: str, colour: str, dtype: str = "u8", told: bool = False, unknown: bool = False, **rest: Any) -> None:
        pixels = channels(out, image, colour)
        arguments = ["--image-layout", layout] if told else []
        arguments += ["--image-color", colour] if told or colour.startswith("BGR") else []
        if rest:
            low, high = rest["range"]
            numbers = pixels / 255.0 * (high - low) + low
            arguments += ["--image-range", f"{low}:{high}"]
            if "mean" in rest:
                numbers = (numbers - rest["mean"]) / rest["std"]
                arguments += ["--image-mean", ",".join(map(str, rest["mean"]))]
                arguments += ["--image-std", ",".join(map(str, rest["std"]))]
            pixels = numbers
        names = {"u8": "uint8", "i8": "int8", "i32": "int32", "f16": "float16", "f32": "float32", "f64": "float64"}
        whole = numpy.rint(pixels) if dtype[0] in "iu" else pixels
        array = arranged(whole.astype(names[dtype]), layout)
        dims = [f"D{axis}" for axis in range(array.ndim)] if unknown else list(map(str, array.shape))
        ty = f"{dtype}[{', '.join(dims)}]"
        values = array.astype("float64").tolist()
        cases.append({"image": f"{image}.png", "type": ty, "arguments": arguments, "shape": array.shape, "values": values})

    for image, colour in (("rgb", "RGB"), ("rgb", "BGR"), ("rgba", "RGBA"), ("rgba", "BGRA"), ("grey", "GREY"), ("grey", "RGB"), ("rgb", "GREY"), ("rgba", "RGB")):
        for layout in ("NCHW", "NHWC", "CHW", "HWC"):
            # 3 columns could be 3 channels, and so could 4 or 1.
            told = not (layout.endswith("HWC"))
            case(image, layout, colour, told=True)
            if not told and colour != "GREY":
                case(image, layout, colour)
        case(image, "NHWC", colour, "f32", told=True, range=(0, 1))
        case(image, "NCHW", colour, "f16", told=True, range=(-1, 1))
        case(image, "NCHW", colour, "f32", told=True, unknown=True, range=(0, 255))
    for layout in ("HW", "NHW"):
        case("grey", layout, "GREY", told=True)
    case("grey", "HW", "GREY")
    case("rgb", "NCHW", "RGB", "f32", told=True, range=(0, 1), mean=MEAN, std=STD)
    case("rgb", "NHWC", "BGR", "f64", told=True, range=(0, 255), mean=[103.939, 116.779, 123.68], std=[1.0, 1.0, 1.0])
    case("rgb", "NCHW", "RGB", "i8", told=True, range=(-128, 127))
    case("rgb", "NCHW", "RGB", "i32", told=True, range=(0, 255))
    deep = read["deep"].astype("float64").reshape(1, 1, HEIGHT, WIDTH) / 65535
    arguments = ["--image-layout", "NCHW", "--image-range", "0:1"]
    values = deep.astype("float32").astype("float64").tolist()
    cases.append({"image": "deep.png", "type": f"f32[1, 1, {HEIGHT}, {WIDTH}]", "arguments": arguments, "shape": deep.shape, "values": values})
    (out / "expected.json").write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")


if __name__ == "__main__":
    main()
