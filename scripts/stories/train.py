"""Trains an embedded model on the stories of `grammar.py`.

    python scripts/stories/train.py gpt2|rwkv7 [--steps N] [--threads 1] [--work target/stories]

In: `models/stories-gpt2/tokenizer.json` and seeds. Out: `WORK/NAME.pt`, the parameters, the optimiser's state and the
losses, written anew every `SAVE_EVERY` steps. A run that finds it goes on from there, so that a killed one
loses little. `export.py` makes the checkpoint folders from it.

Invariants: a batch depends on the seed and its step alone. A window starts with a story's first word, since
that is where a prompt starts; `<|endoftext|>` and other stories follow. No story is shown twice; the held-out
ones have another seed.
"""

import argparse
import os
import time
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch.nn import functional

import gpt2
import grammar
import rwkv7
from tokenizer import END, MODELS, VOCABULARY

SHAPES = {"gpt2": gpt2, "rwkv7": rwkv7}
STEPS = {"gpt2": 1200, "rwkv7": 900}
BATCH = {"gpt2": 32, "rwkv7": 16}
PEAK_RATE = 3e-3
WORK = Path(__file__).resolve().parents[2] / "target" / "stories"
LENGTH = 256
WARM_UP_STEPS = 60
WEIGHT_DECAY = 0.05
LARGEST_GRADIENT = 1.0
SAVE_EVERY = 50
# The held-out stories: how many windows, and their seed.
HELD_OUT = 32
HELD_OUT_SEED = grammar.SEED + 1
# Stories that a window takes at most: the shortest have some 130 tokens.
STORIES_PER_WINDOW = 3


def window(tokenizer, seed, number):
    """LENGTH + 1 tokens from the start of a story on."""
    tokens, end = [], tokenizer.token_to_id(END)
    first = number * STORIES_PER_WINDOW
    for story in range(first, first + STORIES_PER_WINDOW):
        tokens += [*tokenizer.encode(grammar.write_story(seed, story)).ids, end]
        if len(tokens) > LENGTH:
            break
    return tokens[: LENGTH + 1]


def batch(tokenizer, size, seed, step):
    """Inputs and targets of one step, both i64[size, LENGTH]."""
    rows = torch.tensor([window(tokenizer, seed, step * size + row) for row in range(size)])
    return rows[:, :-1], rows[:, 1:]


def loss_of(shape, parameters, inputs, targets):
    """Mean cross entropy in nats a token."""
    logits = shape.logits(parameters, inputs)
    return functional.cross_entropy(logits.reshape(-1, logits.shape[-1]), targets.reshape(-1))


def rate_at(step, steps):
    """Linear warm-up, then a half cosine down to a hundredth of the peak."""
    if step < WARM_UP_STEPS:
        return PEAK_RATE * (step + 1) / WARM_UP_STEPS
    progress = torch.tensor((step - WARM_UP_STEPS) / max(1, steps - WARM_UP_STEPS))
    return PEAK_RATE * (0.01 + 0.99 * 0.5 * (1.0 + torch.cos(torch.pi * progress).item()))


def optimiser_for(parameters):
    """AdamW, with decay on matrices only."""
    matrices = [value for value in parameters.values() if value.squeeze().dim() == 2]
    others = [value for value in parameters.values() if value.squeeze().dim() != 2]
    groups = [{"params": matrices, "weight_decay": WEIGHT_DECAY}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, betas=(0.9, 0.98))


def save_whole(path, content):
    """Writes beside `path`, then renames: a killed run leaves the old file or the new one."""
    temporary = path.with_suffix(".part")
    torch.save(content, temporary)
    os.replace(temporary, path)


def train(name, steps, path):
    """Trains or goes on training, and returns the content of `path`."""
    shape = SHAPES[name]
    tokenizer = Tokenizer.from_file(str(MODELS / "stories-gpt2" / "tokenizer.json"))
    parameters = {key: value.requires_grad_() for key, value in shape.first_parameters(VOCABULARY, 1).items()}
    optimiser = optimiser_for(parameters)
    done, seconds, losses = 0, 0.0, []
    if path.exists():
        saved = torch.load(path)
        if saved["steps"] != steps:
            raise SystemExit(f"{path} is of a run of {saved['steps']} steps; delete it or give --steps {saved['steps']}")
        for key, value in saved["parameters"].items():
            parameters[key].data.copy_(value)
        optimiser.load_state_dict(saved["optimiser"])
        done, seconds, losses = saved["done"], saved["seconds"], saved["losses"]
        print(f"going on after step {done}")
    else:
        print(f"{sum(value.numel() for value in parameters.values())} parameters")
    held_out = batch(tokenizer, HELD_OUT, HELD_OUT_SEED, 0)
    while done < steps:
        started = time.monotonic()
        for group in optimiser.param_groups:
            group["lr"] = rate_at(done, steps)
        loss = loss_of(shape, parameters, *batch(tokenizer, BATCH[name], grammar.SEED, done))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters.values(), LARGEST_GRADIENT)
        optimiser.step()
        if not torch.isfinite(loss):
            raise FloatingPointError(f"the loss of step {done} is {loss}; lower PEAK_RATE")
        done += 1
        seconds += time.monotonic() - started
        if done % SAVE_EVERY == 0 or done == steps:
            with torch.no_grad():
                held_out_loss = loss_of(shape, parameters, *held_out).item()
            losses.append((done, loss.item(), held_out_loss))
            save_whole(path, {
                "parameters": {key: value.detach() for key, value in parameters.items()},
                "optimiser": optimiser.state_dict(),
                "steps": steps, "done": done, "seconds": seconds, "losses": losses,
            })
            print(f"step {done:5} of {steps}  loss {loss.item():.4f}  held out {held_out_loss:.4f}  {seconds:.0f} s",
                  flush=True)


def main():
    parser = argparse.ArgumentParser(description="Trains an embedded model on generated stories.")
    parser.add_argument("name", choices=SHAPES)
    parser.add_argument("--steps", type=int, help="batches (default: enough)")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--work", type=Path, default=WORK)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    arguments.work.mkdir(parents=True, exist_ok=True)
    train(arguments.name, arguments.steps or STEPS[arguments.name], arguments.work / f"{arguments.name}.pt")


if __name__ == "__main__":
    main()
