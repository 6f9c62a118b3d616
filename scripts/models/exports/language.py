"""Tiny models of many families of transformers, with random weights, by both exporters of torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
import transformers

from torch_export import arrays, exported, named, source

BATCH, LENGTH, WORDS = 2, 9, 60


@dataclass(frozen=True)
class Family:
    """A network of transformers."""

    name: str
    config: str
    model: str
    options: Mapping[str, Any] = field(default_factory=dict)
    given: Callable[[], dict[str, torch.Tensor]] | None = None
    keys: tuple[str, ...] = ("last_hidden_state",)
    old: bool = True
    """Whether the old exporter writes it as well."""


COMMON = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
ENCODER = {**COMMON, "vocab_size": WORDS, "max_position_embeddings": 40}
GROUPED = {**ENCODER, "num_key_value_heads": 2}
LOGITS = ("logits",)


def text() -> dict[str, torch.Tensor]:
    """Tokens, the last ones of the second row being padding."""
    mask = torch.ones(BATCH, LENGTH, dtype=torch.int64)
    mask[1, 6:] = 0
    return {"input_ids": tokens(BATCH, LENGTH), "attention_mask": mask}


def prompt() -> dict[str, torch.Tensor]:
    """Tokens of a decoder, without padding."""
    return {"input_ids": tokens(BATCH, LENGTH), "attention_mask": torch.ones(BATCH, LENGTH, dtype=torch.int64)}


def tokens(*shape: int) -> torch.Tensor:
    """Random tokens, none of them one of the first, which often stand for something else."""
    return torch.randint(5, WORDS, shape, generator=torch.Generator().manual_seed(3))


def drawn(*shape: int) -> torch.Tensor:
    """Normal numbers."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(4))


def both() -> dict[str, torch.Tensor]:
    """Tokens of an encoder and of a decoder."""
    return {"input_ids": tokens(BATCH, LENGTH), "decoder_input_ids": tokens(BATCH, 5)}


def picture(side: int = 32) -> Callable[[], dict[str, torch.Tensor]]:
    """Pictures."""
    return lambda: {"pixel_values": drawn(BATCH, 3, side, side)}


VISION = {**COMMON, "image_size": 32, "patch_size": 8}

FAMILIES = (
    Family("bert", "BertConfig", "BertModel", ENCODER, text, ("last_hidden_state", "pooler_output")),
    Family("bert_classifier", "BertConfig", "BertForSequenceClassification", ENCODER, text, LOGITS),
    Family("roberta", "RobertaConfig", "RobertaForMaskedLM", ENCODER, text, LOGITS),
    Family("xlm_roberta", "XLMRobertaConfig", "XLMRobertaForTokenClassification", ENCODER, text, LOGITS),
    Family("distilbert", "DistilBertConfig", "DistilBertModel",
           {"vocab_size": WORDS, "dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 48}, text),
    Family("electra", "ElectraConfig", "ElectraModel", {**ENCODER, "embedding_size": 16}, text),
    Family("albert", "AlbertConfig", "AlbertModel", {**ENCODER, "embedding_size": 16}, text),
    Family("deberta_v2", "DebertaV2Config", "DebertaV2Model",
           {**ENCODER, "relative_attention": True, "pos_att_type": ["p2c", "c2p"]}, text),
    Family("mpnet", "MPNetConfig", "MPNetModel", ENCODER, text),
    Family("mobilebert", "MobileBertConfig", "MobileBertModel",
           {**ENCODER, "embedding_size": 16, "intra_bottleneck_size": 16, "true_hidden_size": 16}, text),
    Family("squeezebert", "SqueezeBertConfig", "SqueezeBertModel", {**ENCODER, "embedding_size": 32}, text),
    Family("modernbert", "ModernBertConfig", "ModernBertModel", {**ENCODER, "pad_token_id": 0}, text),
    Family("funnel", "FunnelConfig", "FunnelBaseModel",
           {"vocab_size": WORDS, "block_sizes": [1, 1], "d_model": 32, "n_head": 4, "d_head": 8, "d_inner": 48}, text,
           old=False),
    Family("longformer", "LongformerConfig", "LongformerModel", {**ENCODER, "attention_window": 4}, text, old=False),
    Family("fnet", "FNetConfig", "FNetModel", ENCODER, lambda: {"input_ids": tokens(BATCH, LENGTH)}, old=False),
    Family("gpt2", "GPT2Config", "GPT2LMHeadModel",
           {"vocab_size": WORDS, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 40}, prompt, LOGITS),
    Family("gpt_neo", "GPTNeoConfig", "GPTNeoForCausalLM",
           {"vocab_size": WORDS, "hidden_size": 32, "num_layers": 2, "num_heads": 4, "intermediate_size": 48,
            "attention_types": [[["global", "local"], 1]], "max_position_embeddings": 40}, prompt, LOGITS),
    Family("gpt_neox", "GPTNeoXConfig", "GPTNeoXForCausalLM", ENCODER, prompt, LOGITS),
    Family("gptj", "GPTJConfig", "GPTJForCausalLM",
           {"vocab_size": WORDS, "n_embd": 32, "n_layer": 2, "n_head": 4, "rotary_dim": 4, "n_positions": 40}, prompt,
           LOGITS),
    Family("opt", "OPTConfig", "OPTForCausalLM", {**ENCODER, "ffn_dim": 48, "word_embed_proj_dim": 32}, prompt, LOGITS),
    Family("bloom", "BloomConfig", "BloomForCausalLM", {"vocab_size": WORDS, "hidden_size": 32, "n_layer": 2, "n_head": 4},
           prompt, LOGITS),
    Family("llama", "LlamaConfig", "LlamaForCausalLM", GROUPED, prompt, LOGITS),
    Family("mistral", "MistralConfig", "MistralForCausalLM", {**GROUPED, "sliding_window": 4}, prompt, LOGITS),
    Family("qwen2", "Qwen2Config", "Qwen2ForCausalLM", GROUPED, prompt, LOGITS),
    Family("qwen3", "Qwen3Config", "Qwen3ForCausalLM", {**GROUPED, "head_dim": 8}, prompt, LOGITS),
    Family("gemma2", "Gemma2Config", "Gemma2ForCausalLM", {**GROUPED, "head_dim": 8, "sliding_window": 4}, prompt, LOGITS),
    Family("gemma3", "Gemma3TextConfig", "Gemma3ForCausalLM", {**GROUPED, "head_dim": 8, "sliding_window": 4}, prompt,
           LOGITS),
    Family("phi", "PhiConfig", "PhiForCausalLM", GROUPED, prompt, LOGITS),
    Family("phi3", "Phi3Config", "Phi3ForCausalLM", {**GROUPED, "pad_token_id": 0}, prompt, LOGITS),
    Family("falcon", "FalconConfig", "FalconForCausalLM", {**ENCODER, "alibi": False}, prompt, LOGITS),
    Family("stablelm", "StableLmConfig", "StableLmForCausalLM", GROUPED, prompt, LOGITS),
    Family("olmo2", "Olmo2Config", "Olmo2ForCausalLM", GROUPED, prompt, LOGITS),
    Family("starcoder2", "Starcoder2Config", "Starcoder2ForCausalLM", GROUPED, prompt, LOGITS),
    Family("mixtral", "MixtralConfig", "MixtralForCausalLM", {**GROUPED, "num_local_experts": 4}, prompt, LOGITS, old=False),
    Family("mamba", "MambaConfig", "MambaForCausalLM",
           {"vocab_size": WORDS, "hidden_size": 32, "num_hidden_layers": 2, "state_size": 4},
           lambda: {"input_ids": tokens(1, 5)}, LOGITS, old=False),
    Family("t5", "T5Config", "T5ForConditionalGeneration",
           {"vocab_size": WORDS, "d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4}, both, LOGITS),
    Family("bart", "BartConfig", "BartForConditionalGeneration",
           {"vocab_size": WORDS, "d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4,
            "decoder_attention_heads": 4, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48, "max_position_embeddings": 40},
           both, LOGITS),
    Family("marian", "MarianConfig", "MarianMTModel",
           {"vocab_size": WORDS, "d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4,
            "decoder_attention_heads": 4, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48, "pad_token_id": 1,
            "decoder_start_token_id": 1, "max_position_embeddings": 40}, both, LOGITS),
    Family("vit", "ViTConfig", "ViTModel", VISION, picture()),
    Family("deit", "DeiTConfig", "DeiTModel", VISION, picture()),
    Family("dinov2", "Dinov2Config", "Dinov2Model", VISION, picture()),
    Family("beit", "BeitConfig", "BeitModel", {**VISION, "vocab_size": WORDS}, picture(), old=False),
    Family("siglip_vision", "SiglipVisionConfig", "SiglipVisionModel", VISION, picture()),
    Family("clip", "CLIPConfig", "CLIPModel",
           {"text_config": {**ENCODER, "projection_dim": 16, "eos_token_id": 4}, "projection_dim": 16,
            "vision_config": {**VISION, "projection_dim": 16}},
           lambda: {**text(), **picture()()}, ("logits_per_image",)),
    Family("segformer", "SegformerConfig", "SegformerForSemanticSegmentation",
           {"hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 1, 1], "num_attention_heads": [1, 2, 2, 4],
            "decoder_hidden_size": 16}, picture(64), LOGITS),
    Family("swin", "SwinConfig", "SwinModel",
           {"image_size": 32, "patch_size": 4, "embed_dim": 16, "depths": [1, 1], "num_heads": [2, 2], "window_size": 4},
           picture(), old=False),
    Family("convnextv2", "ConvNextV2Config", "ConvNextV2Model", {"hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 1, 1]},
           picture()),
    Family("mobilevit", "MobileViTConfig", "MobileViTModel",
           {"image_size": 64, "hidden_sizes": [16, 24, 32], "neck_hidden_sizes": [8, 8, 16, 16, 24, 32, 64]}, picture(64),
           old=False),
    Family("resnet", "ResNetConfig", "ResNetModel",
           {"embedding_size": 8, "hidden_sizes": [8, 16, 16, 32], "depths": [1, 1, 1, 1]}, picture(64)),
    Family("wav2vec2", "Wav2Vec2Config", "Wav2Vec2ForCTC",
           {**COMMON, "vocab_size": 20, "conv_dim": [16, 16], "conv_stride": [5, 2], "conv_kernel": [10, 3],
            "num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 2, "num_feat_extract_layers": 2},
           lambda: {"input_values": drawn(BATCH, 400)}, LOGITS),
    Family("whisper", "WhisperConfig", "WhisperForConditionalGeneration",
           {"vocab_size": WORDS, "d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4,
            "decoder_attention_heads": 4, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48, "max_source_positions": 20,
            "max_target_positions": 20, "num_mel_bins": 8, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
            "decoder_start_token_id": 3},
           lambda: {"input_features": drawn(BATCH, 8, 40), "decoder_input_ids": tokens(BATCH, 5)}, LOGITS),
    Family("audio_spectrogram", "ASTConfig", "ASTModel", {**COMMON, "max_length": 64, "num_mel_bins": 32},
           lambda: {"input_values": drawn(BATCH, 64, 32)}),
    Family("time_series", "PatchTSTConfig", "PatchTSTForPrediction",
           {"num_input_channels": 3, "context_length": 32, "patch_length": 8, "patch_stride": 4, "d_model": 16,
            "num_hidden_layers": 1, "num_attention_heads": 2, "ffn_dim": 24, "prediction_length": 6},
           lambda: {"past_values": drawn(BATCH, 32, 3)}, ("prediction_outputs",), old=False),
)

HALF = ("bert", "gpt2", "llama", "vit", "whisper")
"""Those that are written in f16 as well."""

AXES = {
    "input_ids": {0: "batch", 1: "sequence"},
    "attention_mask": {0: "batch", 1: "sequence"},
    "decoder_input_ids": {0: "batch", 1: "decoder_sequence"},
    "pixel_values": {0: "batch"},
    "input_values": {0: "batch", 1: "samples"},
}
"""The axes that may vary in what the old exporter writes."""


def models() -> Iterator[tuple[str, Any]]:
    """Names of subjects, and what makes each."""
    for family in FAMILIES:
        yield f"transformers.{family.name}", lambda family=family: written(family, new=True)
        if family.old:
            yield f"transformers.{family.name}.old", lambda family=family: written(family, new=False)
        if family.name in HALF:
            yield f"transformers.{family.name}.f16", lambda family=family: written(family, new=True, half=True)
    for new in (True, False):
        suffix = "" if new else ".old"
        yield f"decoder.gpt2.past{suffix}", lambda new=new: decoder("gpt2", new)
        yield f"decoder.llama.past{suffix}", lambda new=new: decoder("llama", new)
    yield "decoder.llama.past.f16", lambda: decoder("llama", True, half=True)


def network(family: Family, attention: str = "sdpa") -> torch.nn.Module:
    """The network, which keeps no cache."""
    torch.manual_seed(1)
    options = {"attn_implementation": attention} if attention else {}
    config = getattr(transformers, family.config)(**family.options, **options)
    config.use_cache = False
    config.return_dict = True
    made = getattr(transformers, family.model)(config).eval()
    with torch.no_grad():
        # Fresh weights are so small that hardly anything happens.
        for name, parameter in made.named_parameters():
            if parameter.dim() >= 2 and "norm" not in name.lower():
                parameter.mul_(3.0)
    return made


def written(family: Family, *, new: bool, half: bool = False) -> Any:
    """A family by one of the exporters."""
    try:
        made = network(family, "sdpa")
    except ValueError:
        made = network(family, "eager")
    assert family.given is not None
    given = family.given()
    if half:
        made = made.half()
        given = {name: value.half() if value.is_floating_point() else value for name, value in given.items()}
    axes = None if new else {name: AXES[name] for name in given if name in AXES}
    module = named(made, list(given), family.keys)
    model = exported(module, given, list(family.keys), new=new, dynamic=axes)
    return f"{source(new)}, transformers {transformers.__version__}", model, arrays(given)


class WithPast(torch.nn.Module):
    """A step of a decoder: tokens and what it remembers in, logits and what it remembers then out."""

    def __init__(self, inner: torch.nn.Module, layers: int) -> None:
        super().__init__()
        self.inner, self.layers = inner, layers

    def forward(self, input_ids, attention_mask, k0, v0, k1, v1):  # noqa: ANN001, ANN201
        """The names stand for keys and values of two layers."""
        past = transformers.DynamicCache()
        for layer, (keys, values) in enumerate(((k0, v0), (k1, v1))):
            past.update(keys, values, layer)
        result = self.inner(
            input_ids=input_ids, attention_mask=attention_mask, past_key_values=past, use_cache=True
        )
        kept = []
        for layer in result.past_key_values.layers:
            kept += [layer.keys, layer.values]
        return (result.logits, *kept)


def decoder(name: str, new: bool, half: bool = False) -> Any:
    """A decoder as those who generate text export it, with past keys and values as inputs and outputs."""
    family = next(family for family in FAMILIES if family.name == name)
    made = network(family)
    heads = family.options.get("num_key_value_heads", 4)
    past = {f"{kind}{layer}": drawn(BATCH, heads, 6, 8) for layer in range(2) for kind in "kv"}
    mask = torch.ones(BATCH, 6 + 2, dtype=torch.int64)
    mask[1, :3] = 0
    given = {"input_ids": tokens(BATCH, 2), "attention_mask": mask, **past}
    if half:
        made = made.half()
        given = {name: value.half() if value.is_floating_point() else value for name, value in given.items()}
    outputs = ["logits", "present_k0", "present_v0", "present_k1", "present_v1"]
    axes: dict[str, dict[int, str]] = {
        "input_ids": {0: "batch", 1: "sequence"},
        "attention_mask": {0: "batch", 1: "all"},
        **{name: {0: "batch", 2: "past"} for name in past},
    }
    model = exported(WithPast(made, 2), given, outputs, new=new, dynamic=None if new else axes)
    return f"{source(new)}, transformers {transformers.__version__}", model, arrays(given)
