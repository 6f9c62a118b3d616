"""Tests of the models that learn the stories:  python scripts/stories/test_models.py

Each compares with something else: the RWKV-7 that works in chunks with the one that goes step by step, the
GPT-2 with transformers. Needs torch and transformers (requirements.txt).
"""

import importlib.util
import unittest
from pathlib import Path

import torch
import transformers

import gpt2
import rwkv7

FAMILIES = Path(__file__).resolve().parents[1] / "families"


def load_steps():
    """The step-by-step RWKV-7. Loaded by path, since it has the same name as ours."""
    spec = importlib.util.spec_from_file_location("families_rwkv7", FAMILIES / "rwkv7.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def roughened(parameters):
    """Parameters with noise, so that none is zero."""
    generator = torch.Generator().manual_seed(5)
    return {name: value + 0.1 * torch.randn(value.shape, generator=generator) for name, value in parameters.items()}


class Models(unittest.TestCase):
    def setUp(self):
        torch.set_num_threads(1)

    def test_chunks_give_what_steps_give(self):
        parameters = roughened(rwkv7.first_parameters(50, 3))
        for length in (1, 16, 37, 64):
            tokens = torch.randint(0, 50, (2, length), generator=torch.Generator().manual_seed(length))
            chunked = rwkv7.logits(parameters, tokens)
            for row in range(2):
                stepped, _ = load_steps().read(parameters, tokens[row].tolist())
                self.assertLess((chunked[row] - stepped).abs().max().item(), 2e-4 * stepped.abs().max().item())

    def test_chunks_have_the_gradients_of_steps(self):
        start = {name: value.double() for name, value in roughened(rwkv7.first_parameters(50, 3)).items()}
        tokens = torch.randint(0, 50, (1, 24), generator=torch.Generator().manual_seed(1))

        def gradients(run):
            parameters = {name: value.clone().requires_grad_() for name, value in start.items()}
            run(parameters).logsumexp(-1).sum().backward()
            return {name: value.grad for name, value in parameters.items()}

        steps = load_steps()

        def stepped(parameters):
            state = [{key: value.double() for key, value in layer.items()} for layer in steps.zero_state(parameters)]
            return steps.read(parameters, tokens[0].tolist(), state)[0]

        ours, theirs = gradients(lambda parameters: rwkv7.logits(parameters, tokens)), gradients(stepped)
        for name, gradient in theirs.items():
            self.assertTrue(torch.allclose(ours[name], gradient, rtol=1e-7, atol=1e-9), name)

    def test_gpt2_is_that_of_transformers(self):
        parameters = roughened(gpt2.first_parameters(50, 3))
        model = transformers.GPT2LMHeadModel(transformers.GPT2Config(**gpt2.config(50))).float().eval()
        missing, unexpected = model.load_state_dict(parameters, strict=False)
        self.assertEqual((missing, unexpected), (["lm_head.weight"], []))
        model.tie_weights()
        tokens = torch.randint(0, 50, (2, 70), generator=torch.Generator().manual_seed(1))
        with torch.no_grad():
            theirs, ours = model(tokens).logits, gpt2.logits(parameters, tokens)
        self.assertLess((ours - theirs).abs().max().item(), 1e-5 * theirs.abs().max().item())


if __name__ == "__main__":
    unittest.main()
