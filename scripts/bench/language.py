"""Language models with random weights: the same GPT-2 for every engine, and a Qwen of half a billion parameters."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

sys.path.append(str(Path(__file__).resolve().parents[1]))

from parts import Written, write_onnx  # noqa: E402
from peer_models import GraphBuilder, float_info  # noqa: E402

Weights = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Size:
    """How large a GPT-2 is."""

    layers: int
    width: int
    heads: int
    words: int
    positions: int


SMALL = Size(layers=12, width=768, heads=12, words=50257, positions=1024)
TINY = Size(layers=2, width=32, heads=2, words=96, positions=256)


def gpt2_weights(size: Size) -> Weights:
    """The parameters as checkpoints name them; matrices of layers are [entering, leaving]."""
    generator = numpy.random.default_rng(2)
    width = size.width

    def random(*shape: int, spread: float = 0.02) -> NDArray[Any]:
        return generator.standard_normal(shape, dtype=numpy.float32) * numpy.float32(spread)

    def gain() -> NDArray[Any]:
        return generator.uniform(0.8, 1.2, width).astype(numpy.float32)

    weights = {"wte.weight": random(size.words, width, spread=0.05), "wpe.weight": random(size.positions, width)}
    for layer in range(size.layers):
        name = f"h.{layer}"
        for norm in ("ln_1", "ln_2"):
            weights |= {f"{name}.{norm}.weight": gain(), f"{name}.{norm}.bias": random(width)}
        shapes = {
            "attn.c_attn": (width, 3 * width),
            "attn.c_proj": (width, width),
            "mlp.c_fc": (width, 4 * width),
            "mlp.c_proj": (4 * width, width),
        }
        for part, shape in shapes.items():
            spread = 0.06 if part == "attn.c_attn" else 0.02
            weights[f"{name}.{part}.weight"] = random(*shape, spread=spread)
            weights[f"{name}.{part}.bias"] = random(shape[1])
    return weights | {"ln_f.weight": gain(), "ln_f.bias": random(width)}


class Gpt2Builder(GraphBuilder):
    """GPT-2 with keys and values that come in and go out."""

    def __init__(self, size: Size, weights: Weights) -> None:
        super().__init__("gpt2")
        self.size = size
        self.parameters = {name: self.constant(f"transformer.{name}", values) for name, values in weights.items()}

    def float(self, value: float) -> str:
        """A float32 constant node."""
        return self.apply("Constant", value=numpy_helper.from_array(numpy.array(value, dtype=numpy.float32)))

    def integers(self, value: int | list[int]) -> str:
        """An int64 constant node."""
        return self.apply("Constant", value=numpy_helper.from_array(numpy.array(value, dtype=numpy.int64)))

    def size_of(self, value: str, axis: int) -> str:
        """One dim of a value."""
        return self.apply("Gather", self.apply("Shape", value), self.integers(axis), axis=0)

    def normal(self, value: str, name: str) -> str:
        """A layer normalisation."""
        names = [self.parameters[f"{name}.weight"], self.parameters[f"{name}.bias"]]
        return self.apply("LayerNormalization", value, *names, axis=-1, epsilon=1e-5)

    def linear(self, value: str, name: str, channels: tuple[int, int]) -> str:
        """A Conv1D of transformers: a Gemm over rows."""
        entering, leaving = channels
        rows = self.apply("Reshape", value, self.integers([-1, entering]))
        names = [self.parameters[f"{name}.weight"], self.parameters[f"{name}.bias"]]
        product = self.apply("Gemm", rows, *names, alpha=1.0, beta=1.0)
        return self.apply("Reshape", product, self.integers([1, -1, leaving]))

    def gelu(self, value: str) -> str:
        """GELU by tanh, as transformers spells it."""
        cubed = self.apply("Mul", self.apply("Pow", value, self.float(3.0)), self.float(0.044715))
        inner = self.apply("Mul", self.apply("Add", value, cubed), self.float(math.sqrt(2 / math.pi)))
        outer = self.apply("Add", self.apply("Tanh", inner), self.float(1.0))
        return self.apply("Mul", self.apply("Mul", value, self.float(0.5)), outer)

    def attention(self, value: str, layer: int, mask: str) -> str:
        """Attention over what is remembered and what is new."""
        width, heads = self.size.width, self.size.heads
        name = f"h.{layer}.attn"
        merged = self.linear(value, f"{name}.c_attn", (width, 3 * width))
        parts = [f"{name}.{part}" for part in ("query", "key", "value")]
        self.nodes.append(helper.make_node("Split", [merged, self.integers([width] * 3)], parts, name=name, axis=-1))
        split = [self.apply("Reshape", part, self.integers([1, -1, heads, width // heads])) for part in parts]
        query, key, content = (self.apply("Transpose", part, perm=[0, 2, 1, 3]) for part in split)
        key, content = (
            self.apply("Concat", f"past_key_values.{layer}.{kind}", new, name=f"present.{layer}.{kind}", axis=2)
            for kind, new in (("key", key), ("value", content))
        )
        scores = self.apply("MatMul", query, self.apply("Transpose", key, perm=[0, 1, 3, 2]))
        scores = self.apply("Div", scores, self.float(math.sqrt(width // heads)))
        scores = self.apply("Where", mask, scores, self.float(float(numpy.finfo(numpy.float32).min)))
        mixed = self.apply("MatMul", self.apply("Softmax", scores, axis=-1), content)
        mixed = self.apply("Reshape", self.apply("Transpose", mixed, perm=[0, 2, 1, 3]), self.integers([1, -1, width]))
        return self.linear(mixed, f"{name}.c_proj", (width, width))

    def steps(self) -> None:
        """All nodes, from tokens to logits."""
        width = self.size.width
        past, new = self.size_of("past_key_values.0.key", 2), self.size_of("input_ids", 1)
        total, one = self.apply("Add", past, new), self.integers(1)
        queries = self.apply("Range", past, total, one)
        keys = self.apply("Range", self.integers(0), total, one)
        seen = self.apply("Unsqueeze", queries, self.integers([1]))
        mask = self.apply("LessOrEqual", self.apply("Unsqueeze", keys, self.integers([0])), seen)
        words = self.apply("Gather", self.parameters["wte.weight"], "input_ids")
        value = self.apply("Add", words, self.apply("Gather", self.parameters["wpe.weight"], queries))
        for layer in range(self.size.layers):
            name = f"h.{layer}"
            value = self.apply("Add", value, self.attention(self.normal(value, f"{name}.ln_1"), layer, mask))
            inner = self.linear(self.normal(value, f"{name}.ln_2"), f"{name}.mlp.c_fc", (width, 4 * width))
            outer = self.linear(self.gelu(inner), f"{name}.mlp.c_proj", (4 * width, width))
            value = self.apply("Add", value, outer)
        head = self.apply("Transpose", self.parameters["wte.weight"], perm=[1, 0])
        self.apply("MatMul", self.normal(value, "ln_f"), head, name="logits")


def write_gpt2_onnx(folder: Path, size: Size, weights: Weights) -> Written:
    """The ONNX file, of any past and any number of tokens."""
    builder = Gpt2Builder(size, weights)
    builder.steps()
    dims = (1, size.heads, "past", size.width // size.heads)
    after = (1, size.heads, "past + tokens", size.width // size.heads)
    names = [f"{layer}.{kind}" for layer in range(size.layers) for kind in ("key", "value")]
    inputs = [helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, "tokens"])]
    inputs += [float_info(f"past_key_values.{name}", *dims) for name in names]
    outputs = [float_info("logits", 1, "tokens", size.words)]
    outputs += [float_info(f"present.{name}", *after) for name in names]
    return write_onnx(folder, builder.model(inputs, outputs), {})


def write_gpt2_checkpoint(folder: Path, size: Size, weights: Weights) -> Written:
    """A folder as transformers writes it."""
    config = {
        "model_type": "gpt2",
        "architectures": ["GPT2LMHeadModel"],
        "activation_function": "gelu_new",
        "vocab_size": size.words,
        "n_positions": size.positions,
        "n_embd": size.width,
        "n_layer": size.layers,
        "n_head": size.heads,
        "layer_norm_epsilon": 1e-5,
        "tie_word_embeddings": True,
    }
    target = folder / "checkpoint"
    target.mkdir(exist_ok=True)
    files = [target / "config.json", target / "model.safetensors"]
    files[0].write_text(json.dumps(config, indent=1))
    write_safetensors(files[1], {f"transformer.{name}": values for name, values in weights.items()})
    return files


def write_safetensors(path: Path, tensors: Weights) -> None:
    """The format is a length, a header in JSON, and the elements."""
    header, end = {}, 0
    for name, values in tensors.items():
        begin, end = end, end + values.nbytes
        header[name] = {"dtype": "F32", "shape": list(values.shape), "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for values in tensors.values():
            file.write(numpy.ascontiguousarray(values, dtype="<f4").tobytes())


GGUF_PARTS = {
    "ln_1": "attn_norm",
    "ln_2": "ffn_norm",
    "attn.c_attn": "attn_qkv",
    "attn.c_proj": "attn_output",
    "mlp.c_fc": "ffn_up",
    "mlp.c_proj": "ffn_down",
}
GGUF_ENDS = {"wte": "token_embd", "wpe": "position_embd", "ln_f": "output_norm"}


def gguf_name(name: str) -> str:
    """What the format calls a parameter of GPT-2."""
    module, kind = name.rsplit(".", 1)
    if not module.startswith("h."):
        return f"{GGUF_ENDS[module]}.{kind}"
    _, layer, part = module.split(".", 2)
    return f"blk.{layer}.{GGUF_PARTS[part]}.{kind}"


def write_tensors(writer: Any, tensors: Mapping[str, NDArray[Any]], dtype: Any) -> None:
    """Writes all tensors, matrices in this type where their rows suit it."""
    import gguf

    for name, values in tensors.items():
        block = gguf.GGML_QUANT_SIZES[dtype][0]
        narrow = values.ndim == 2 and values.shape[-1] % block == 0 and not name.startswith("position_embd")
        stored = dtype if narrow else gguf.GGMLQuantizationType.F32
        data = gguf.quants.quantize(numpy.ascontiguousarray(values), stored)
        writer.add_tensor(name, data, raw_dtype=stored)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_gpt2_gguf(path: Path, size: Size, weights: Weights, dtype: Any) -> Written:
    """The same weights as llama.cpp has them."""
    import gguf

    writer = gguf.GGUFWriter(path, "gpt2")
    writer.add_type("model")
    writer.add_block_count(size.layers)
    writer.add_context_length(size.positions)
    writer.add_embedding_length(size.width)
    writer.add_feed_forward_length(4 * size.width)
    writer.add_head_count(size.heads)
    writer.add_layer_norm_eps(1e-5)
    writer.add_vocab_size(size.words)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_tokenizer_model("none")
    turned = {
        gguf_name(name): values.T if name.startswith("h.") and values.ndim == 2 else values
        for name, values in weights.items()
    }
    write_tensors(writer, turned, dtype)
    return [path]


def write_gpt2_ctranslate2(folder: Path, size: Size, weights: Weights) -> Written:
    """The same weights as CTranslate2 has them."""
    import ctranslate2

    specs = ctranslate2.specs
    spec = specs.TransformerDecoderModelSpec.from_config(
        size.layers, size.heads, pre_norm=True, activation=specs.Activation.GELUTanh
    )

    def norm(target: Any, name: str) -> None:
        target.gamma, target.beta = weights[f"{name}.weight"], weights[f"{name}.bias"]

    def linear(target: Any, name: str) -> None:
        target.weight = numpy.ascontiguousarray(weights[f"{name}.weight"].T)
        target.bias = weights[f"{name}.bias"]

    decoder = spec.decoder
    decoder.scale_embeddings = False
    decoder.embeddings.weight = decoder.projection.weight = weights["wte.weight"]
    decoder.position_encodings.encodings = weights["wpe.weight"]
    norm(decoder.layer_norm, "ln_f")
    for index, layer in enumerate(decoder.layer):
        name = f"h.{index}"
        norm(layer.self_attention.layer_norm, f"{name}.ln_1")
        linear(layer.self_attention.linear[0], f"{name}.attn.c_attn")
        linear(layer.self_attention.linear[1], f"{name}.attn.c_proj")
        norm(layer.ffn.layer_norm, f"{name}.ln_2")
        linear(layer.ffn.linear_0, f"{name}.mlp.c_fc")
        linear(layer.ffn.linear_1, f"{name}.mlp.c_proj")
    spec.register_vocabulary([f"t{token}" for token in range(size.words)])
    spec.config.unk_token = spec.config.bos_token = spec.config.eos_token = "t0"
    spec.validate()
    spec.optimize(quantization=None)
    target = folder / "ctranslate2"
    target.mkdir(exist_ok=True)
    spec.save(str(target))
    return [target]


def gpt2(folder: Path, tiny: bool) -> Written:
    """The same GPT-2 as a checkpoint, an ONNX file, GGUF files, and a folder of CTranslate2's."""
    size = TINY if tiny else SMALL
    weights = gpt2_weights(size)
    files = write_gpt2_checkpoint(folder, size, weights)
    files += write_gpt2_onnx(folder, size, weights)
    files += write_steps(folder, size)
    try:
        files += write_gpt2_ctranslate2(folder, size, weights)
        import gguf
    except ImportError as error:
        print(f"bench: note: the files of an engine aren't written: {error}", flush=True)
        return files
    kinds = gguf.GGMLQuantizationType
    for name, dtype in (("f32", kinds.F32), ("q8_0", kinds.Q8_0), ("q4_0", kinds.Q4_0)):
        files += write_gpt2_gguf(folder / f"{name}.gguf", size, weights, dtype)
    return files


def write_steps(folder: Path, size: Size) -> Written:
    """Inputs of the ONNX file: many tokens after nothing, and one token after many."""
    generator = numpy.random.default_rng(3)
    files = []
    for name, past, tokens in (("prefill", 0, 128), ("decode", 128, 1)):
        arrays = {"input_ids": generator.integers(0, size.words, (1, tokens))}
        shape = (1, size.heads, past, size.width // size.heads)
        for layer in range(size.layers):
            for kind in ("key", "value"):
                cache = generator.standard_normal(shape, dtype=numpy.float32)
                arrays[f"past_key_values.{layer}.{kind}"] = cache
        files.append(folder / f"{name}.npz")
        numpy.savez(files[-1], allow_pickle=False, **arrays)
    return files


def qwen(folder: Path, tiny: bool) -> Written:
    """A model of the shape of Qwen 2.5 0.5B, as GGUF files."""
    import gguf

    layers, width, heads, shared, inner, words = (2, 64, 2, 1, 128, 96) if tiny else (24, 896, 14, 2, 4864, 151936)
    generator = numpy.random.default_rng(5)
    head = width // heads

    def random(*shape: int, spread: float = 0.03) -> NDArray[Any]:
        return generator.standard_normal(shape, dtype=numpy.float32) * numpy.float32(spread)

    def gain() -> NDArray[Any]:
        return generator.uniform(0.8, 1.2, width).astype(numpy.float32)

    tensors = {"token_embd.weight": random(words, width), "output_norm.weight": gain()}
    for layer in range(layers):
        name = f"blk.{layer}"
        tensors |= {f"{name}.attn_norm.weight": gain(), f"{name}.ffn_norm.weight": gain()}
        for part, rows in (("q", width), ("k", shared * head), ("v", shared * head)):
            tensors[f"{name}.attn_{part}.weight"] = random(rows, width)
            tensors[f"{name}.attn_{part}.bias"] = random(rows)
        tensors[f"{name}.attn_output.weight"] = random(width, width)
        tensors[f"{name}.ffn_gate.weight"] = random(inner, width)
        tensors[f"{name}.ffn_up.weight"] = random(inner, width)
        tensors[f"{name}.ffn_down.weight"] = random(width, inner)
    kinds = gguf.GGMLQuantizationType
    files = []
    for label, dtype in (("q8_0", kinds.Q8_0), ("q4_0", kinds.Q4_0), ("bf16", kinds.BF16)):
        files.append(folder / f"{label}.gguf")
        writer = gguf.GGUFWriter(files[-1], "qwen2")
        writer.add_type("model")
        writer.add_block_count(layers)
        writer.add_context_length(4096)
        writer.add_embedding_length(width)
        writer.add_feed_forward_length(inner)
        writer.add_head_count(heads)
        writer.add_head_count_kv(shared)
        writer.add_layer_norm_rms_eps(1e-6)
        writer.add_rope_freq_base(1_000_000.0)
        writer.add_vocab_size(words)
        writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
        writer.add_tokenizer_model("none")
        write_tensors(writer, tensors, dtype)
    return files
