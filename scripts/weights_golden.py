"""Writes small files of weights with other software, and what is in them, for the tests of glassbox-weights.

Usage: python3 -m venv VENV && VENV/bin/pip install -r scripts/weights_requirements.txt
       VENV/bin/python scripts/weights_golden.py crates/glassbox-weights/tests/data

`expected.txt` has a line for each tensor: FILE NAME DTYPE DIMS BYTES, dims joined with `x` (`-` for none), bytes
in hexadecimal and row-major order, `-` for none; and for metadata `meta FILE KEY TYPE VALUE`.
"""

import pathlib
import sys

import gguf
import numpy as np
import safetensors.torch
import torch

LINES = []
DTYPES = {
    torch.float64: "f64", torch.float32: "f32", torch.float16: "f16", torch.bfloat16: "bf16", torch.int64: "i64",
    torch.int32: "i32", torch.int16: "i16", torch.int8: "i8", torch.uint8: "u8", torch.bool: "bool",
    torch.uint16: "u16", torch.uint32: "u32", torch.uint64: "u64",
    torch.float8_e4m3fn: "f8e4m3fn", torch.float8_e5m2: "f8e5m2",
}


def expect(file, name, dtype, dims, data):
    dims = "x".join(map(str, dims)) or "-"
    LINES.append(f"{file} {name} {dtype} {dims} {data.hex() or '-'}")


def expect_torch(file, name, tensor):
    plain = tensor.detach().contiguous().clone()
    data = plain.reshape(-1).view(torch.uint8).numpy().tobytes() if plain.numel() else b""
    expect(file, name, DTYPES[tensor.dtype], tensor.shape, data)


def tensors():
    """One of every dtype, and the shapes that are easy to get wrong."""
    torch.manual_seed(5)
    found = {}
    for dtype, name in DTYPES.items():
        values = torch.randn(2, 3) * 50
        if dtype == torch.bool:
            values = values > 0
        elif not dtype.is_floating_point:
            values = values.abs() if name.startswith("u") else values
        found[f"dtype.{name}"] = values.to(dtype)
    found["scalar"] = torch.tensor(2.5)
    found["empty"] = torch.zeros(0, 4)
    found["deep"] = torch.arange(24, dtype=torch.float32).reshape(1, 2, 3, 4)
    found["name with spaces/é"] = torch.ones(1)
    return found


def write_safetensors(folder):
    found = {name.replace(" ", "_"): value for name, value in tensors().items()}
    safetensors.torch.save_file(found, folder / "all.safetensors", metadata={"format": "pt", "note": "a note"})
    for name, value in found.items():
        expect_torch("all.safetensors", name, value)
    LINES.append("meta all.safetensors note string a_note")


def write_torch(folder, file, value, named, **how):
    torch.save(value, folder / file, **how)
    for name, tensor in named.items():
        expect_torch(file, name, tensor)


def write_torches(folder):
    found = {name.replace(" ", "_"): value for name, value in tensors().items()}
    base = torch.arange(40, dtype=torch.float32).reshape(5, 8)
    found["transposed"] = base.t()
    found["part"] = base[1:4, 2:7:2]
    found["column"] = base[:, 3]
    found["expanded"] = torch.tensor([[1.5], [2.5]]).expand(2, 3)
    found["tied.a"] = found["tied.b"] = base
    found["parameter"] = torch.nn.Parameter(torch.full((2, 2), 0.25))
    write_torch(folder, "plain.pth", found, found)
    old = {name: value for name, value in found.items() if name not in ("dtype.u16", "dtype.u32", "dtype.u64", "dtype.f8e4m3fn", "dtype.f8e5m2")}
    write_torch(folder, "legacy.pth", old, old, _use_new_zipfile_serialization=False)
    for protocol in (3, 4, 5):
        few = {"w": base, "b": base[0]}
        write_torch(folder, f"protocol{protocol}.pth", few, few, pickle_protocol=protocol)
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    state = model.state_dict()
    write_torch(folder, "checkpoint.pth", {"state_dict": state, "epoch": 7, "loss": 0.5, "arch": "tiny"}, state)
    LINES.append("meta checkpoint.pth epoch i64 7")
    LINES.append("meta checkpoint.pth arch string tiny")
    nested = {"encoder": {"w": base}, "layers": [{"w": base[0]}, {"w": base[1]}]}
    write_torch(folder, "nested.pth", nested, {"encoder.w": base, "layers.0.w": base[0], "layers.1.w": base[1]})
    write_torch(folder, "single.pth", base, {"tensor": base})
    torch.save(model, folder / "module.pth")


def write_gguf(folder):
    file = "all.gguf"
    writer = gguf.GGUFWriter(folder / file, "llama")
    writer.add_uint8("x.u8", 200)
    writer.add_int8("x.i8", -100)
    writer.add_uint16("x.u16", 60000)
    writer.add_int16("x.i16", -30000)
    writer.add_uint32("x.u32", 4000000000)
    writer.add_int32("x.i32", -2000000000)
    writer.add_uint64("x.u64", 2**63 + 1)
    writer.add_int64("x.i64", -(2**62))
    writer.add_float32("x.f32", 0.125)
    writer.add_float64("x.f64", 0.1)
    writer.add_bool("x.bool", True)
    writer.add_string("x.string", "wörld")
    writer.add_array("x.integers", [1, -2, 3])
    writer.add_array("x.floats", [0.5, 1.5])
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(["<s>", "a", "é", "\u0120the"])
    writer.add_chat_template("{{ messages }}")
    for key, kind, value in [
        ("x.u8", "u8", 200), ("x.i8", "i8", -100), ("x.u16", "u16", 60000), ("x.i16", "i16", -30000),
        ("x.u32", "u32", 4000000000), ("x.i32", "i32", -2000000000), ("x.u64", "u64", 2**63 + 1),
        ("x.i64", "i64", -(2**62)), ("x.f32", "f32", 0.125), ("x.f64", "f64", 0.1), ("x.bool", "bool", "true"),
        ("x.string", "string", "wörld"), ("general.architecture", "string", "llama"),
        ("tokenizer.ggml.model", "string", "gpt2"),
    ]:
        LINES.append(f"meta {file} {key} {kind} {value}")
    rng = np.random.default_rng(9)
    kinds = gguf.GGMLQuantizationType
    for name, value in [
        ("f32", rng.normal(size=(2, 3)).astype(np.float32)), ("f16", rng.normal(size=(3, 2)).astype(np.float16)),
        ("f64", rng.normal(size=(2,))), ("i8", np.arange(-3, 3, dtype=np.int8)),
        ("i16", np.arange(4, dtype=np.int16).reshape(2, 2)), ("i32", np.arange(3, dtype=np.int32)),
        ("i64", np.arange(3, dtype=np.int64)),
    ]:
        writer.add_tensor(name, value)
        expect(file, name, name, value.shape, value.tobytes())
    bf16 = np.array([[0x3F80, 0xC000], [0x0001, 0x7F80]], dtype=np.uint16)
    writer.add_tensor("bf16", bf16.view(np.uint8), raw_dtype=kinds.BF16)
    expect(file, "bf16", "bf16", (2, 2), bf16.tobytes())
    for kind in ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "Q8_K", "IQ4_NL"]:
        elements, size = gguf.GGML_QUANT_SIZES[kinds[kind]]
        data = rng.integers(0, 256, (2, size), dtype=np.uint8)
        writer.add_tensor(kind, data, raw_dtype=kinds[kind])
        expect(file, kind, kind.lower(), (2, elements), data.tobytes())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    write_safetensors(folder)
    write_torches(folder)
    write_gguf(folder)
    (folder / "expected.txt").write_text("\n".join(LINES) + "\n", encoding="utf-8")


main()
