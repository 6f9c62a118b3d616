#!/usr/bin/env python3
"""Takes what each module of a language model's checkpoint gives in torch, as `glassbox check` asks for it.

In: the path of a request, `{"checkpoint", "tokens", "inputs", "output", "wanted", "dtype", "threads"}`: a folder
that transformers can open, or a `.gguf` file; the rows of tokens to read, or a `.npz` file with them as `tokens` or
`input_ids`; a folder to write; names of values or null for all of them; `"f32"` to compute in that, or
`"checkpoint"` for the dtype that the weights have; and how many threads compute.

Out: `NNNNN.npy` for each value and `index.json`, in the order in which the modules were done, of kind `module`:

- `model.layers.0.mlp.up_proj`: a module's result, under its path. Of several results the others are `PATH:1`,
  `PATH:2`, in their order, where they are tensors.
- `model.layers.0:input`: what a module of a list, which layers are, was given first.
- `logits`: the result of the whole.

A module that is called several times has its results apart, with `turns` saying which call it was. A dtype that
NumPy lacks is written as raw integers; the index names the true one. Each value is written as it is made.

Glassbox's path of a layer is a module's, with `/` between modules: `model/layers.0/mlp/up_proj`.

Errors end up on the standard error stream: `missing: MODULE` with status 4, too little memory with status 5,
anything else with status 1.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

try:
    import numpy
    import torch
    import transformers
except ModuleNotFoundError as missing:
    print(f"missing: {missing.name}", file=sys.stderr)
    sys.exit(4)

DTYPES = {
    torch.float32: "f32",
    torch.float64: "f64",
    torch.float16: "f16",
    torch.bfloat16: "bf16",
    torch.int8: "i8",
    torch.int16: "i16",
    torch.int32: "i32",
    torch.int64: "i64",
    torch.uint8: "u8",
    torch.bool: "bool",
}
"""Glassbox's names of the dtypes that are taken."""


class RequestError(Exception):
    """A request that can't be carried out; the message says why and what to do."""


class Writer:
    """Writes values as files of a folder, as they are made."""

    def __init__(self, folder: Path, wanted: set[str] | None) -> None:
        self.folder = folder
        self.wanted = wanted
        self.values: list[dict[str, Any]] = []
        self.not_taken: list[dict[str, str]] = []
        self.calls: Counter[str] = Counter()

    def add(self, name: str, value: Any) -> None:
        """Writes a tensor; anything else is left out."""
        if not isinstance(value, torch.Tensor) or (self.wanted is not None and name not in self.wanted):
            return
        dtype = DTYPES.get(value.dtype)
        if dtype is None:
            self.not_taken.append({"name": name, "why": f"values of dtype {value.dtype} aren't taken"})
            return
        value = value.detach().cpu().contiguous()
        array = (value.view(torch.int16) if value.dtype == torch.bfloat16 else value).numpy()
        if value.dtype == torch.bfloat16:
            array = array.view(numpy.uint16)
        file = f"{len(self.values):05}.npy"
        numpy.save(self.folder / file, array, allow_pickle=False)
        entry = {"name": name, "kind": "module", "file": file, "dtype": dtype, "shape": list(array.shape)}
        self.values.append({**entry, "turns": [self.calls[name]]})
        self.calls[name] += 1

    def close(self) -> None:
        """Writes the list of what was taken."""
        for entry in self.values:
            if self.calls[entry["name"]] == 1:
                del entry["turns"]
        document = {
            "format": "glassbox.values",
            "version": 1,
            "producer": f"torch {torch.__version__}, transformers {transformers.__version__}",
            "values": self.values,
            "not_taken": self.not_taken,
        }
        (self.folder / "index.json").write_text(json.dumps(document, indent=1))


def tensors(result: Any) -> Iterator[Any]:
    """What a module gives, in order."""
    if isinstance(result, Mapping):
        yield from result.values()
    elif isinstance(result, (tuple, list)):
        yield from result
    else:
        yield result


def record(model: Any, writer: Writer) -> None:
    """Has every module's results written when it is done."""

    def after(path: str) -> Any:
        def hook(module: Any, given: Any, result: Any) -> None:
            for place, value in enumerate(tensors(result)):
                writer.add(f"{path}:{place}" if place else path, value)

        return hook

    def before(path: str) -> Any:
        def hook(module: Any, given: Any, named: Any) -> None:
            first = next(iter(given), None)
            writer.add(f"{path}:input", named.get("hidden_states") if first is None else first)

        return hook

    for path, module in model.named_modules():
        if path:
            module.register_forward_hook(after(path))
        if isinstance(module, torch.nn.ModuleList):
            for name, child in module.named_children():
                child.register_forward_pre_hook(before(f"{path}.{name}"), with_kwargs=True)


def open_model(checkpoint: Path, dtype: str) -> Any:
    """The model of a checkpoint, with the plain form of attention, whose parts are modules."""
    if checkpoint.suffix == ".onnx":
        raise RequestError(
            f"{checkpoint}: torch reads no ONNX files; compare with `onnxruntime`, or give the checkpoint that the "
            "file was exported from"
        )
    options: dict[str, Any] = {"local_files_only": True, "attn_implementation": "eager"}
    folder = checkpoint
    if checkpoint.suffix == ".gguf":
        folder, options["gguf_file"] = checkpoint.parent, checkpoint.name
    elif not (checkpoint / "config.json").is_file():
        raise RequestError(f"{checkpoint}: transformers needs a folder with a config.json, or a .gguf file")
    elif not any(list(checkpoint.glob(f"*{ending}")) for ending in (".safetensors", ".bin")):
        raise RequestError(
            f"{checkpoint}: there are no weights that transformers reads (.safetensors or .bin); "
            "`glassbox convert` writes .safetensors files"
        )
    wanted = torch.float32 if dtype == "f32" else "auto"
    try:
        return transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=wanted, **options).eval()
    except TypeError:
        # Versions before 5 know the argument by its older name.
        return transformers.AutoModelForCausalLM.from_pretrained(folder, torch_dtype=wanted, **options).eval()
    except (OSError, ValueError, KeyError) as error:
        text = str(error).strip().splitlines() or [type(error).__name__]
        raise RequestError(f"{checkpoint}: transformers can't open it: {text[0]}") from error


def tokens_of(request: Mapping[str, Any]) -> Any:
    """The rows of tokens of a request."""
    if request.get("tokens") is not None:
        return torch.tensor(request["tokens"], dtype=torch.long)
    with numpy.load(request["inputs"], allow_pickle=False) as arrays:
        for name in ("tokens", "input_ids"):
            if name in arrays:
                return torch.from_numpy(arrays[name].astype(numpy.int64))
        names = ", ".join(arrays.files)
    raise RequestError(f"{request['inputs']} has no array `tokens` or `input_ids`; it has {names}")


def take(request: Mapping[str, Any]) -> None:
    """Carries out a request."""
    if request.get("threads"):
        torch.set_num_threads(int(request["threads"]))
    tokens = tokens_of(request)
    model = open_model(Path(request["checkpoint"]), request.get("dtype", "checkpoint"))
    writer = Writer(Path(request["output"]), set(request["wanted"]) if request.get("wanted") else None)
    record(model, writer)
    with torch.no_grad():
        writer.add("logits", model(tokens, use_cache=False).logits)
    writer.close()


def main() -> int:
    """Carries out the request whose path is the first argument; gives the exit status."""
    if len(sys.argv) != 2:
        print("usage: torch_values.py REQUEST.json", file=sys.stderr)
        return 2
    request = json.loads(Path(sys.argv[1]).read_text())
    os.makedirs(request["output"], exist_ok=True)
    try:
        take(request)
    except RequestError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except (MemoryError, torch.OutOfMemoryError) as error:
        print(f"out of memory: {error}", file=sys.stderr)
        return 5
    except RuntimeError as error:
        if "not enough memory" not in str(error):
            raise
        print(f"out of memory: {error}", file=sys.stderr)
        return 5
    return 0


if __name__ == "__main__":
    status = main()
    # Giving back the memory of all modules takes a while, and nobody needs it.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
