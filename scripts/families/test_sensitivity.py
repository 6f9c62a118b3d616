"""Tests that the golden files can tell a wrong port:  python scripts/families/test_sensitivity.py

Each row misreads one entry of a family's configuration; transformers' logits must then differ from the
golden ones by more than the tolerance that the Rust side is held to.
"""

import json
import shutil
import tempfile
import unittest
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file

from make import EAGER, GOLDEN_DIRECTORY

TOLERANCE = 2e-5
FULL, SLIDING = "full_attention", "sliding_attention"

# Family, entries of the configuration, entries of rope_parameters ({layer type: entries} for Gemma 3).
MISREADINGS = [
    ("gpt2", {"layer_norm_epsilon": 1e-6}, {}),
    ("gpt2", {"activation_function": "gelu"}, {}),
    ("llama", {"rms_norm_eps": 1e-6}, {}),
    ("llama", {}, {"rope_theta": 20000.0}),
    ("llama3", {"rms_norm_eps": 1e-6}, {}),
    ("llama3", {}, {"rope_type": "default"}),
    ("llama3", {}, {"factor": 16.0}),
    ("llama3", {}, {"low_freq_factor": 2.0}),
    ("llama3", {}, {"high_freq_factor": 3.0}),
    ("llama3", {}, {"original_max_position_embeddings": 128}),
    ("mistral", {"sliding_window": None}, {}),
    ("mistral", {"sliding_window": 7}, {}),
    ("mistral", {"sliding_window": 9}, {}),
    ("qwen2", {"layer_types": [FULL, FULL]}, {}),
    ("qwen2", {"layer_types": [SLIDING, SLIDING]}, {}),
    ("qwen2", {"rms_norm_eps": 1e-5}, {}),
    ("qwen3", {"rms_norm_eps": 1e-5}, {}),
    ("qwen3", {}, {"rope_theta": 10000.0}),
    ("gemma2", {"attn_logit_softcapping": None}, {}),
    ("gemma2", {"final_logit_softcapping": None}, {}),
    ("gemma2", {"query_pre_attn_scalar": 16}, {}),
    ("gemma2", {"hidden_activation": "gelu"}, {}),
    ("gemma2", {"layer_types": [FULL, SLIDING]}, {}),
    ("gemma2", {"rms_norm_eps": 1e-5}, {}),
    ("gemma3_text", {}, {FULL: {"factor": 1.0}}),
    ("gemma3_text", {}, {SLIDING: {"rope_theta": 1000000.0}}),
    ("gemma3_text", {"layer_types": [SLIDING] * 3}, {}),
    ("gemma3_text", {"rms_norm_eps": 1e-5}, {}),
    ("phi3", {"sliding_window": None}, {}),
    ("phi3_longrope_short", {"max_position_embeddings": 512}, {}),
    ("phi3_longrope_short", {}, {"partial_rotary_factor": 1.0, "short_factor": [1.0] * 8, "long_factor": [1.0] * 8}),
    ("phi3_longrope_long", {"original_max_position_embeddings": 128}, {}),
    ("smollm", {"rms_norm_eps": 1e-6}, {}),
    ("smollm3", {"no_rope_layers": [1, 1, 1]}, {}),
    ("olmo2", {"rms_norm_eps": 1e-5}, {}),
    ("olmo2", {}, {"rope_theta": 10000.0}),
    ("mixtral", {"num_experts_per_tok": 1}, {}),
    ("mixtral", {"rms_norm_eps": 1e-6}, {}),
    ("qwen3_moe", {"norm_topk_prob": False}, {}),
    ("qwen3_moe", {"rms_norm_eps": 1e-5}, {}),
]


def difference(family, entries, rope):
    """The largest difference of the prompt's logits from the golden ones."""
    folder = GOLDEN_DIRECTORY / family
    config = json.loads((folder / "config.json").read_text()) | entries
    for key, value in rope.items():
        if isinstance(value, dict):
            config["rope_parameters"][key] |= value
        else:
            config["rope_parameters"][key] = value
    with tempfile.TemporaryDirectory() as temporary:
        (Path(temporary) / "config.json").write_text(json.dumps(config))
        shutil.copy(folder / "model.safetensors", temporary)
        model = transformers.AutoModelForCausalLM.from_pretrained(temporary, **EAGER).eval()
    golden = load_file(folder / "golden.safetensors")
    with torch.no_grad():
        logits = model(golden["tokens"][None], use_cache=False).logits[0]
    return (logits - golden["logits"]).abs().max().item()


class Sensitivity(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        torch.set_num_threads(1)
        transformers.logging.set_verbosity_error()
        transformers.utils.logging.disable_progress_bar()

    def test_read_right_the_logits_are_the_golden_ones(self):
        for family in sorted({family for family, _, _ in MISREADINGS}):
            self.assertLess(difference(family, {}, {}), TOLERANCE / 4, family)

    def test_misread_they_are_not(self):
        for family, entries, rope in MISREADINGS:
            with self.subTest(family=family, entries=entries, rope=rope):
                self.assertGreater(difference(family, entries, rope), 1.5 * TOLERANCE)


if __name__ == "__main__":
    unittest.main()
