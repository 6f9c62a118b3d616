"""Writes the tiny checkpoints of every family, and what torch computes with them.

    python scripts/families/make.py [--output crates/glassbox-models/tests/golden] [--only llama gpt2]
    python scripts/families/make.py --full-gpt2 DIRECTORY

In: nothing but `RECIPES` and seeds. Out: for each family a folder with
  config.json         as transformers saves it
  config_older.json   the same model as checkpoints published before transformers 5 spell it (most families)
  model.safetensors   as transformers saves it; f32 values that bf16 holds exactly
  golden.safetensors  tokens i64[P], logits f32[P, V], greedy i64[64], margins f32[64], last_logits f32[V]
`greedy[i]` is the best token after the prompt and `greedy[..i]`, `margins[i]` how far its logit lies above
the second. `last_logits` are those that chose the last token of `greedy`. RWKV-7 also has its state after
the prompt: att_x and ffn_x f32[L, C], att_s f32[L, H, N, N]; and model.pth with the same weights in bf16.

Invariants: every margin is above `LEAST_MARGIN`, so that rounding can't decide a token; for a mixture of
experts every router's choice is that clear too. The continuation computed with transformers' cache is the
same as the one computed by reading everything anew each step. Same versions, same bytes.

Refuses: a family for which no seed of the first `SEEDS` gives a clear and lively continuation.
"""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file

import rwkv7
from recipes import RECIPES, Recipe

GOLDEN_DIRECTORY = Path(__file__).resolve().parents[2] / "crates" / "glassbox-models" / "tests" / "golden"
STEPS = 64
LEAST_MARGIN = 1e-3
# How far the probability of the last chosen expert must lie above that of the first not chosen.
LEAST_ROUTER_GAP = 1e-4
LEAST_DISTINCT = 20
SEEDS = 200
# The plain code of transformers, not a fused kernel.
EAGER = {"attn_implementation": "eager", "experts_implementation": "eager"}


def fill(model, recipe, generator):
    """Gives every parameter random values that bf16 holds exactly, large enough that logits vary."""
    done = set()
    for name, parameter in model.named_parameters():
        if parameter.data_ptr() in done:
            continue
        done.add(parameter.data_ptr())
        values = torch.randn(parameter.shape, generator=generator)
        if parameter.dim() == 1:
            is_norm = "norm" in name or ".ln_" in name
            values *= 0.2
            if is_norm and name.endswith("weight"):
                values += recipe.norm_centre
        elif "embed_tokens" in name or "wte" in name:
            values *= recipe.embedding_scale
        elif "wpe" in name:
            values *= 0.3
        else:
            # GPT-2 stores [in, out]; all others [.., out, in].
            transposed = isinstance(owner(model, name), transformers.pytorch_utils.Conv1D)
            values *= recipe.gain / parameter.shape[0 if transposed else -1] ** 0.5
        parameter.data.copy_(values.to(torch.bfloat16).to(torch.float32))


def owner(model, name):
    return model.get_submodule(name.rpartition(".")[0])


def build(recipe, seed):
    """The model with the parameters of this seed."""
    for suffix in ("ForCausalLM", "LMHeadModel"):
        model_class = getattr(transformers, recipe.model + suffix, None)
        if model_class is not None:
            break
    config = model_class.config_class(**recipe.config, dtype="float32", **EAGER)
    model = model_class(config).eval()
    fill(model, recipe, torch.Generator().manual_seed(seed))
    return model


def router_gap(model, output):
    """The least difference in probability between an expert that was chosen and one that was not."""
    layers = getattr(output, "router_logits", None)
    if layers is None:
        return float("inf")
    chosen = model.config.num_experts_per_tok
    ranked = torch.cat([torch.softmax(logits, -1) for logits in layers]).sort(-1, descending=True).values
    return (ranked[:, chosen - 1] - ranked[:, chosen]).min().item()


def continue_greedily(model, prompt):
    """Returns logits of the prompt, tokens, margins, logits of the last position, and the least router gap.

    Reads everything anew at every step: no cache takes part.
    """
    options = {"output_router_logits": True} if "num_experts_per_tok" in model.config.to_dict() else {}
    tokens, margins, prompt_logits, gap = list(prompt), [], None, float("inf")
    for _ in range(STEPS):
        output = model(torch.tensor([tokens]), use_cache=False, **options)
        logits = output.logits[0]
        gap = min(gap, router_gap(model, output))
        if prompt_logits is None:
            prompt_logits = logits.clone()
        best = logits[-1].topk(2)
        margins.append((best.values[0] - best.values[1]).item())
        tokens.append(best.indices[0].item())
    return prompt_logits, tokens[len(prompt):], margins, logits[-1].clone(), gap


def continue_with_cache(model, prompt):
    """The continuation computed with transformers' own cache."""
    output = model(torch.tensor([prompt]), use_cache=True)
    tokens = [output.logits[0, -1].argmax().item()]
    while len(tokens) < STEPS:
        output = model(torch.tensor([tokens[-1:]]), past_key_values=output.past_key_values, use_cache=True)
        tokens.append(output.logits[0, -1].argmax().item())
    return tokens


def is_lively(tokens):
    """Whether a continuation has many tokens and doesn't end in a short cycle."""
    tail = tokens[-24:]
    return len(set(tokens)) >= LEAST_DISTINCT and all(tail[period:] != tail[:-period] for period in range(1, 9))


def make_prompt(recipe, vocabulary, seed):
    generator = torch.Generator().manual_seed(1_000_000 + seed)
    return torch.randint(3, vocabulary, (recipe.prompt,), generator=generator).tolist()


def find(recipe):
    """The first seed whose continuation is lively and clear; returns its model and golden values."""
    for seed in range(SEEDS):
        model = build(recipe, seed)
        prompt = make_prompt(recipe, model.config.vocab_size, seed)
        logits, greedy, margins, last, gap = continue_greedily(model, prompt)
        if is_lively(greedy) and min(margins) > LEAST_MARGIN and gap > LEAST_ROUTER_GAP:
            return seed, model, prompt, logits, greedy, margins, last, gap
    sys.exit(f"no seed below {SEEDS} gives a clear continuation; change the recipe's scales")


def rounding(model, prompt, logits):
    """How far the f32 logits of the prompt lie from those computed in f64."""
    double = model.double()
    exact = double(torch.tensor([prompt]), use_cache=False).logits[0]
    model.float()
    return (exact - logits.double()).abs().max().item()


def write_golden(folder, prompt, logits, greedy, margins, last, states=()):
    tensors = {
        "tokens": torch.tensor(prompt, dtype=torch.int64),
        "logits": logits.float().contiguous(),
        "greedy": torch.tensor(greedy, dtype=torch.int64),
        "margins": torch.tensor(margins, dtype=torch.float32),
        "last_logits": last.float().contiguous(),
        **dict(states),
    }
    save_file(tensors, folder / "golden.safetensors")


def write_older_config(folder, recipe, prompt, logits):
    """Writes config_older.json, once transformers itself has read it as the same model."""
    config = json.loads((folder / "config.json").read_text())
    for name in ("rope_parameters", "layer_types"):
        config.pop(name, None)
    config.update({name: value for name, value in recipe.older.items() if name != "layer_types"})
    config["torch_dtype"] = config.pop("dtype")
    text = json.dumps(config, indent=2, sort_keys=True) + "\n"
    with tempfile.TemporaryDirectory() as temporary:
        (Path(temporary) / "config.json").write_text(text)
        shutil.copy(folder / "model.safetensors", temporary)
        model = transformers.AutoModelForCausalLM.from_pretrained(temporary, **EAGER).eval()
    if not torch.equal(model(torch.tensor([prompt]), use_cache=False).logits[0], logits):
        sys.exit(f"{folder.name}: transformers reads config_older.json as another model")
    (folder / "config_older.json").write_text(text)


def make(name, recipe, output):
    """Writes one family's folder and prints a line about it."""
    seed, model, prompt, logits, greedy, margins, last, gap = find(recipe)
    cached = continue_with_cache(model, prompt)
    folder = output / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    loaded = transformers.AutoModelForCausalLM.from_pretrained(folder, **EAGER).eval()
    if not torch.equal(loaded(torch.tensor([prompt]), use_cache=False).logits[0], logits):
        sys.exit(f"{name}: the saved checkpoint doesn't give the same logits")
    write_golden(folder, prompt, logits, greedy, margins, last)
    if recipe.older is not None:
        write_older_config(folder, recipe, prompt, logits)
    size = sum(file.stat().st_size for file in folder.iterdir())
    print(
        f"{name:20} seed {seed:3}  least margin {min(margins):.4f}  largest logit {logits.abs().max():.2f}  "
        f"f32 off by {rounding(model, prompt, logits):.1e}  distinct {len(set(greedy)):2}  "
        f"router gap {gap:.1e}  {size / 1000:.0f} kB" + ("" if cached == greedy else "  DIFFERS WITH CACHE"),
        flush=True,
    )
    if cached != greedy:
        sys.exit(f"{name}: transformers' cache gives {cached}, reading anew {greedy}")


def make_full_gpt2(folder):
    """A random GPT-2 of 124M parameters, with the same golden values, for timing and for parity at size."""
    recipe = Recipe("GPT2", {}, prompt=64, embedding_scale=0.03, gain=1.8)
    model = build(recipe, 0)
    prompt = make_prompt(recipe, model.config.vocab_size, 0)
    logits, greedy, margins, last, _ = continue_greedily(model, prompt)
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    write_golden(folder, prompt, logits, greedy, margins, last)
    print(f"full gpt2: least margin {min(margins):.4f}, f32 off by {rounding(model, prompt, logits):.1e}, "
          f"largest logit {logits.abs().max():.2f}, distinct {len(set(greedy))}")


def main():
    parser = argparse.ArgumentParser(description="Writes tiny checkpoints and what torch computes with them.")
    parser.add_argument("--output", type=Path, default=GOLDEN_DIRECTORY)
    parser.add_argument("--only", nargs="+", choices=[*RECIPES, rwkv7.NAME], help="these families alone")
    parser.add_argument("--full-gpt2", type=Path, metavar="DIRECTORY", help="write a 124M GPT-2 there, nothing else")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    with torch.no_grad():
        if arguments.full_gpt2 is not None:
            make_full_gpt2(arguments.full_gpt2)
            return
        chosen = arguments.only or [*RECIPES, rwkv7.NAME]
        for name in chosen:
            if name == rwkv7.NAME:
                rwkv7.make(arguments.output, is_lively, write_golden)
            else:
                make(name, RECIPES[name], arguments.output)
            for file in (arguments.output / name).iterdir():
                file.chmod(0o644)


if __name__ == "__main__":
    main()
