"""Writes a trained model as a checkpoint folder, with what torch computes with it.

    python scripts/stories/export.py gpt2|rwkv7 [--work target/stories]

In: `WORK/NAME.pt` of `train.py`. Out: `models/stories-NAME/` with config.json, model.safetensors in bf16,
tokenizer.json, expected.json and README.md.

expected.json: `prompts`, each with `prompt`, `tokens`, `greedy` (64 token ids), `margins` (best minus second-best
logit at each step) and `text`; `held_out`, a text, its tokens and the mean negative log likelihood in nats of
all but the first. Computed in f32 from the weights as they are in the file, rounded to bf16.

Invariants: GPT-2 is read back and run by transformers, RWKV-7 by the step-by-step script of `scripts/families`,
so neither by the code that trained it. Every margin is above `LEAST_MARGIN`.

Refuses: a run that isn't finished; a prompt list of which fewer than two are clear.
"""

import argparse
import importlib.util
import json
import sys
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

import grammar
import train
from tokenizer import END, MODELS

FAMILIES = Path(__file__).resolve().parents[1] / "families"
PROMPTS = (
    "Once upon a time",
    "One day a little mouse",
    "Along came a wise old owl",
    '"I only want to see the sea," said Lily.',
    "Tom and his grandmother",
    "Long ago there lived a brave rabbit named Poppy.",
)
STEPS = 64
LEAST_MARGIN = 3e-4
NAMES = {"gpt2": "GPT-2", "rwkv7": "RWKV-7"}


def step_by_step():
    """The plain RWKV-7. Loaded by path, since it has the same name as ours."""
    spec = importlib.util.spec_from_file_location("families_rwkv7", FAMILIES / "rwkv7.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def reader(name, folder):
    """A function from token ids to the logits of every position, f32[T, V], by other code than the training's."""
    if name == "gpt2":
        model = transformers.GPT2LMHeadModel.from_pretrained(
            folder, dtype=torch.float32, attn_implementation="eager"
        ).eval()
        return lambda tokens: model(torch.tensor([tokens]), use_cache=False).logits[0]
    parameters = {key: value.float() for key, value in load_file(folder / "model.safetensors").items()}
    module = step_by_step()
    return lambda tokens: module.read(parameters, tokens)[0]


def continue_from(read, tokens, choose):
    """STEPS tokens, each chosen from its logits; and the margins."""
    tokens, start, margins = list(tokens), len(tokens), []
    for _ in range(STEPS):
        logits = read(tokens)[-1]
        best = logits.topk(2).values
        margins.append(round((best[0] - best[1]).item(), 5))
        tokens.append(choose(logits))
    return tokens[start:], margins


def expected_values(read, tokenizer):
    """The content of expected.json."""
    prompts = []
    for prompt in PROMPTS:
        tokens = tokenizer.encode(prompt).ids
        greedy, margins = continue_from(read, tokens, lambda logits: logits.argmax().item())
        if min(margins) > LEAST_MARGIN:
            text = tokenizer.decode(greedy, skip_special_tokens=False)
            prompts.append({"prompt": prompt, "tokens": tokens, "greedy": greedy, "margins": margins, "text": text})
        else:
            print(f"left out {prompt!r}: its least margin is {min(margins)}")
    if len(prompts) < 2:
        sys.exit("fewer than two prompts have a clear continuation; give other ones in PROMPTS")
    text = grammar.write_story(train.HELD_OUT_SEED, 0)
    tokens = tokenizer.encode(text).ids[: train.LENGTH]
    text = tokenizer.decode(tokens)
    assert tokenizer.encode(text).ids == tokens
    logits = read(tokens)[:-1].double()
    loss = torch.nn.functional.cross_entropy(logits, torch.tensor(tokens[1:])).item()
    return {"prompts": prompts[:3], "held_out": {"text": text, "tokens": tokens, "mean_nll": round(loss, 6)}}


def sample(read, tokenizer, prompt, seed, temperature=0.7):
    """A story drawn at a temperature, until its end or 250 tokens."""
    generator = torch.Generator().manual_seed(seed)
    tokens, end = tokenizer.encode(prompt).ids, tokenizer.token_to_id(END)
    while len(tokens) < 250:
        chances = torch.softmax(read(tokens)[-1] / temperature, -1)
        tokens.append(torch.multinomial(chances, 1, generator=generator).item())
        if tokens[-1] == end:
            break
    return tokenizer.decode(tokens)


def readme(name, saved, parameters, size, expected, story, note):
    """The text of README.md."""
    shape = train.SHAPES[name]
    tokens = saved["done"] * train.BATCH[name] * train.LENGTH
    first = expected["prompts"][0]
    return f"""# stories-{name}

A small {NAMES[name]} that tells stories: {shape.LAYERS} layers, {shape.HEADS} heads, {shape.CHANNELS} channels, {parameters:,} parameters,
its own vocabulary of {train.VOCABULARY} entries (byte-level BPE). Weights in bf16, {size / 1e6:.1f} MB.

| file | what |
| --- | --- |
| `config.json`, `model.safetensors`, `tokenizer.json` | the model |
| `expected.json` | prompts with the greedy continuations torch computes in f32, how clear each choice was, and the loss of one held-out story |

Made from nothing but the scripts in `scripts/stories/` (versions in its `requirements.txt`):

```
python scripts/stories/tokenizer.py
python scripts/stories/train.py {name}
python scripts/stories/export.py {name}
```

The stories come from a grammar (`grammar.py`, `lexicon.py`); {saved["done"]} steps showed it {tokens / 1e6:.1f} M tokens, none twice. Training took
{saved["seconds"] / 60:.0f} minutes on one core of a machine that had other work. Cross entropy at the end: {saved["losses"][-1][1]:.3f} nats a token in
training, {saved["losses"][-1][2]:.3f} on stories it has not seen.{" " + note if note else ""}

Greedy, after "{first["prompt"]}":

> {first["prompt"]}{first["text"]}

At temperature 0.7:

> {story}
"""


def main():
    parser = argparse.ArgumentParser(description="Writes a trained model as a checkpoint folder.")
    parser.add_argument("name", choices=train.SHAPES)
    parser.add_argument("--work", type=Path, default=train.WORK)
    parser.add_argument("--unfinished", action="store_true", help="export a run that isn't finished")
    parser.add_argument("--note", default="", help="a sentence for README.md about the run")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    name, folder = arguments.name, MODELS / f"stories-{arguments.name}"
    saved = torch.load(arguments.work / f"{name}.pt")
    if saved["done"] < saved["steps"] and not arguments.unfinished:
        sys.exit(f"the run has done {saved['done']} of {saved['steps']} steps; run train.py again, it goes on from there")
    rounded = {key: value.to(torch.bfloat16) for key, value in saved["parameters"].items()}
    # The metadata is what transformers itself writes, and asks for.
    save_file(rounded, folder / "model.safetensors", metadata={"format": "pt"})
    config = train.SHAPES[name].config(train.VOCABULARY)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    read = reader(name, folder)
    expected = expected_values(read, tokenizer)
    (folder / "expected.json").write_text(json.dumps(expected, ensure_ascii=False, indent=1) + "\n")
    story = sample(read, tokenizer, "Once upon a time", seed=1).removesuffix(END)
    size = (folder / "model.safetensors").stat().st_size
    parameters = sum(value.numel() for value in rounded.values())
    (folder / "README.md").write_text(readme(name, saved, parameters, size, expected, story, arguments.note))
    for file in folder.iterdir():
        file.chmod(0o644)
    print((folder / "README.md").read_text())


if __name__ == "__main__":
    main()
