"""Runs a model in another engine, and times it when it is told to.

    python bench_peer.py REQUEST.json

The request names the engine, the model, the number of threads, what is timed and a folder for outputs. Answers are
lines of JSON on standard output: first `ready`, then one for each line of standard input: `values` runs once and
writes the outputs as .npy files, `run N` gives the seconds of N runs. It ends with its input. What libraries print
goes to standard error.

Work is `run` (on the arrays of the request), `prefill` (a language model reads tokens) or `decode` (it reads one
token after those). An ONNX model that remembers takes `input_ids`, may take `attention_mask` and `position_ids`, and
has an input of four dims for each key and value, in the order of the outputs that follow the logits; a step is timed
with the past that reading the tokens gave, so each is of the same size.

Exit status: 4 where a module is missing, 5 where memory is, 1 where the request can't be carried out.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import_error: ImportError | None = None
try:
    import numpy
except ImportError as error:
    import_error = error

Request = Mapping[str, Any]
Arrays = dict[str, Any]


class RequestError(Exception):
    """A request that can't be carried out; the message says why."""


# Inputs of ONNX models.


def feeds_of(request: Request) -> Arrays:
    """The arrays of the request, by the names of inputs."""
    return {entry["name"]: numpy.load(entry["file"], allow_pickle=False) for entry in request["inputs"]}


def token_feeds(inputs: Mapping[str, tuple[Any, ...]], tokens: list[int], past: Arrays) -> Arrays:
    """What a language model takes that reads tokens after a past, which is empty where there is none.

    `inputs` has the dims of each input; those that aren't numbers are symbols.
    """
    caches = {name: dims for name, dims in inputs.items() if len(dims) == 4}
    feeds: Arrays = {}
    for name, dims in caches.items():
        heads, size = dims[1], dims[3]
        if not isinstance(heads, int) or not isinstance(size, int):
            raise RequestError(f"input {name} has dims {dims}: the second and the last are to be numbers")
        feeds[name] = past.get(name, numpy.zeros((1, heads, 0, size), dtype=numpy.float32))
    read = next(iter(feeds.values())).shape[2] if feeds else 0
    for name in inputs:
        if name in caches:
            continue
        if name == "input_ids":
            feeds[name] = numpy.array([tokens], dtype=numpy.int64)
        elif name == "attention_mask":
            feeds[name] = numpy.ones((1, read + len(tokens)), dtype=numpy.int64)
        elif name == "position_ids":
            feeds[name] = numpy.arange(read, read + len(tokens), dtype=numpy.int64)[None]
        else:
            raise RequestError(f"nothing is known of input {name} of a language model")
    return feeds


def past_of(inputs: Mapping[str, tuple[Any, ...]], outputs: Arrays) -> Arrays:
    """What a model gave of keys and values, under the names by which it takes them."""
    caches = [name for name, dims in inputs.items() if len(dims) == 4]
    given = list(outputs.values())[1:]
    if len(given) != len(caches):
        raise RequestError(f"it takes {len(caches)} keys and values, and gives {len(given)}")
    return dict(zip(caches, given, strict=True))


class OnnxEngine:
    """What engines for ONNX files share: they open a file for feeds of some sizes, and run it on them."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.threads = int(request["threads"])
        self.model = request["model"]
        inputs = self.inspect()
        if request["work"] == "run":
            self.open(feeds_of(request))
            return
        feeds = token_feeds(inputs, request["tokens"], {})
        if request["work"] == "decode":
            self.open(feeds)
            past = past_of(inputs, self.run())
            feeds = token_feeds(inputs, [request["next"]], past)
        self.open(feeds)

    def inspect(self) -> Mapping[str, tuple[Any, ...]]:
        """The dims of the inputs."""
        raise NotImplementedError

    def open(self, feeds: Arrays) -> None:
        """Makes what runs on these feeds."""
        raise NotImplementedError

    def run(self) -> Arrays:
        """Runs once; the outputs by name, in order."""
        raise NotImplementedError

    def time(self, count: int) -> list[float]:
        """The seconds of each of so many runs."""
        times = []
        for _ in range(count):
            started = time.perf_counter()
            self.once()
            times.append(time.perf_counter() - started)
        return times

    def once(self) -> None:
        """Runs once, and leaves the outputs where they are."""
        raise NotImplementedError

    def values(self) -> Arrays:
        """Runs once; the outputs that are compared: of a language model the logits after the last token."""
        outputs = self.run()
        if self.request["work"] == "run":
            return outputs
        name, logits = next(iter(outputs.items()))
        return {name: logits.reshape(-1, logits.shape[-1])[-1]}


class OnnxRuntime(OnnxEngine):
    """onnxruntime with all that it optimises; its threads spin while a run goes on."""

    session = None

    def inspect(self) -> Mapping[str, tuple[Any, ...]]:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors
        options.add_session_config_entry("session.intra_op.allow_spinning", "1")
        self.session = onnxruntime.InferenceSession(self.model, options, providers=["CPUExecutionProvider"])
        self.names = [output.name for output in self.session.get_outputs()]
        self.versions = {"onnxruntime": onnxruntime.__version__}
        self.settings = "all optimisations, spinning threads, CPU provider"
        return {value.name: tuple(value.shape) for value in self.session.get_inputs()}

    def open(self, feeds: Arrays) -> None:
        import onnxruntime

        make = onnxruntime.OrtValue.ortvalue_from_numpy
        self.feeds = {name: make(numpy.ascontiguousarray(array)) for name, array in feeds.items()}

    def once(self) -> Any:
        return self.session.run_with_ort_values(self.names, self.feeds)

    def run(self) -> Arrays:
        return dict(zip(self.names, [value.numpy() for value in self.once()], strict=True))


class OpenVino(OnnxEngine):
    """OpenVINO, set for the shortest time of one run, with the sizes of the inputs known when it compiles."""

    def inspect(self) -> Mapping[str, tuple[Any, ...]]:
        import openvino

        self.core = openvino.Core()
        self.versions = {"openvino": openvino.__version__.split("-")[0]}
        model = self.core.read_model(self.model)
        dims = {}
        for port in model.inputs:
            shape = port.partial_shape
            dims[port.any_name] = tuple(dim.get_length() if dim.is_static else str(dim) for dim in shape)
        return dims

    def open(self, feeds: Arrays) -> None:
        precision = "bf16" if self.request["engine"] == "openvino-bf16" else "f32"
        model = self.core.read_model(self.model)
        model.reshape({name: list(array.shape) for name, array in feeds.items()})
        config = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": self.threads,
            "INFERENCE_PRECISION_HINT": precision,
            "NUM_STREAMS": 1,
        }
        compiled = self.core.compile_model(model, "CPU", config)
        self.settings = f"LATENCY, one stream, inference precision {precision}, static sizes"
        self.infer = compiled.create_infer_request()
        self.names = [port.any_name for port in compiled.outputs]
        self.feeds = {name: numpy.ascontiguousarray(array) for name, array in feeds.items()}
        # Inputs are handed over once; a run is then only the run.
        self.infer.infer(self.feeds, share_inputs=True, share_outputs=True)

    def once(self) -> None:
        self.infer.start_async()
        self.infer.wait()

    def run(self) -> Arrays:
        self.once()
        tensors = self.infer.output_tensors
        return {name: tensor.data.copy() for name, tensor in zip(self.names, tensors, strict=True)}


class LlamaCpp:
    """llama.cpp on a GGUF file."""

    def __init__(self, request: Request) -> None:
        import llama_cpp

        self.api = llama_cpp
        self.request = request
        llama_cpp.llama_backend_init()
        callback = llama_cpp.llama_log_callback(lambda level, text, data: None)
        self.callback = callback
        llama_cpp.llama_log_set(callback, None)
        self.versions = {"llama-cpp-python": llama_cpp.__version__}
        self.tokens = list(request.get("tokens") or [])
        if request["work"] == "run":
            raise RequestError("llama.cpp runs language models: use --prefill or --decode")
        params = llama_cpp.llama_model_default_params()
        params.n_gpu_layers = 0
        self.model = llama_cpp.llama_model_load_from_file(str(request["model"]).encode(), params)
        if not self.model:
            raise RequestError(f"llama.cpp can't load {request['model']}")
        settings = llama_cpp.llama_context_default_params()
        room = len(self.tokens) + 8
        settings.n_ctx, settings.n_batch, settings.n_ubatch = room, room, room
        settings.n_threads = settings.n_threads_batch = int(request["threads"])
        settings.no_perf = True
        self.context = llama_cpp.llama_init_from_model(self.model, settings)
        if not self.context:
            raise RequestError("llama.cpp can't make a context")
        self.vocabulary = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(self.model))
        info = llama_cpp.llama_print_system_info().decode().replace(" = 1", "").replace("CPU : ", "")
        self.settings = "one batch; " + ", ".join(part.strip() for part in info.split("|") if part.strip())
        self.all_logits = request["work"] == "prefill"
        if request["work"] == "decode":
            self.decode(self.tokens, 0, False)

    def decode(self, tokens: list[int], place: int, all_logits: bool) -> None:
        """Reads tokens from this place on."""
        batch = self.api.llama_batch_init(len(tokens), 0, 1)
        batch.n_tokens = len(tokens)
        for index, token in enumerate(tokens):
            batch.token[index] = token
            batch.pos[index] = place + index
            batch.n_seq_id[index] = 1
            batch.seq_id[index][0] = 0
            batch.logits[index] = all_logits or index + 1 == len(tokens)
        started = time.perf_counter()
        status = self.api.llama_decode(self.context, batch)
        self.api.llama_synchronize(self.context)
        self.seconds = time.perf_counter() - started
        self.api.llama_batch_free(batch)
        if status != 0:
            raise RequestError(f"llama.cpp can't read the tokens: status {status}")

    def once(self) -> None:
        """Reads what is timed, after what isn't."""
        memory = self.api.llama_get_memory(self.context)
        if self.request["work"] == "prefill":
            self.api.llama_memory_clear(memory, False)
            # The logits of the last token are what those who write text ask for.
            self.decode(self.tokens, 0, False)
        else:
            self.api.llama_memory_seq_rm(memory, 0, len(self.tokens), -1)
            self.decode([self.request["next"]], len(self.tokens), False)

    def time(self, count: int) -> list[float]:
        """The seconds of each of so many runs."""
        times = []
        for _ in range(count):
            self.once()
            times.append(self.seconds)
        return times

    def values(self) -> Arrays:
        """The logits after the last token."""
        self.once()
        logits = self.api.llama_get_logits_ith(self.context, -1)
        return {"logits": numpy.ctypeslib.as_array(logits, shape=(self.vocabulary,)).copy()}


class CTranslate2:
    """CTranslate2 on a folder with its own form of a language model."""

    def __init__(self, request: Request) -> None:
        import ctranslate2

        self.api = ctranslate2
        self.request = request
        if request["work"] == "run":
            raise RequestError("ctranslate2 runs language models: use --prefill or --decode")
        self.tokens = list(request["tokens"])
        precision = "int8" if request["engine"].endswith("-int8") else "float32"
        threads = int(request["threads"])
        self.generator = ctranslate2.Generator(
            str(request["model"]), device="cpu", compute_type=precision, intra_threads=threads, inter_threads=1
        )
        self.versions = {"ctranslate2": ctranslate2.__version__}
        self.settings = f"compute type {precision}"
        vocabulary = Path(request["model"]) / "vocabulary.json"
        self.names = json.loads(vocabulary.read_text()) if vocabulary.exists() else []

    def logits(self, tokens: list[int]) -> Any:
        """The logits after each token."""
        return self.generator.forward_batch([tokens], return_log_probs=False)

    def values(self) -> Arrays:
        """The logits after the last token."""
        tokens = self.tokens if self.request["work"] == "prefill" else [*self.tokens, self.request["next"]]
        return {"logits": numpy.array(self.logits(tokens)).astype(numpy.float32)[0, -1]}

    def time(self, count: int) -> list[float]:
        """The seconds of each of so many runs."""
        if self.request["work"] == "decode":
            return self.steps(count)
        times = []
        for _ in range(count):
            started = time.perf_counter()
            self.logits(self.tokens)
            times.append(time.perf_counter() - started)
        return times

    def steps(self, count: int) -> list[float]:
        """The seconds between the tokens that it writes after those that it read; the past grows by one each time."""
        moments: list[float] = []

        def note(step: Any) -> bool:
            moments.append(time.perf_counter())
            return False

        prompt = [self.names[token] for token in self.tokens]
        self.generator.generate_batch(
            [prompt],
            max_length=count + 1,
            min_length=count + 1,
            include_prompt_in_result=False,
            sampling_topk=1,
            beam_size=1,
            callback=note,
        )
        return [after - before for before, after in zip(moments, moments[1:], strict=False)]


ENGINES: Mapping[str, Any] = {
    "onnxruntime": OnnxRuntime,
    "openvino": OpenVino,
    "openvino-bf16": OpenVino,
    "llama.cpp": LlamaCpp,
    "ctranslate2": CTranslate2,
    "ctranslate2-int8": CTranslate2,
}


def peak_bytes() -> int:
    """The most bytes that were resident."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def write_values(values: Arrays, folder: Path) -> list[dict[str, str]]:
    """Writes outputs, and gives their names and files."""
    entries = []
    for place, (name, array) in enumerate(values.items()):
        file = f"output-{place}.npy"
        numpy.save(folder / file, numpy.ascontiguousarray(array), allow_pickle=False)
        entries.append({"name": name, "file": file})
    return entries


def serve(request: Request, answers: Any) -> None:
    """Loads the model, and answers every line."""

    def answer(**fields: Any) -> None:
        answers.write(json.dumps({**fields, "peak_bytes": peak_bytes()}) + "\n")
        answers.flush()

    started = time.perf_counter()
    engine = ENGINES[request["engine"]](request)
    versions = {**engine.versions, "python": sys.version.split()[0], "numpy": numpy.__version__}
    answer(ready=True, versions=versions, settings=engine.settings, load_s=time.perf_counter() - started)
    for line in sys.stdin:
        match line.split():
            case ["values"]:
                started = time.perf_counter()
                values = engine.values()
                seconds = time.perf_counter() - started
                answer(values=write_values(values, Path(request["output"])), seconds=seconds)
            case ["run", count]:
                answer(times=engine.time(int(count)))
            case _:
                raise RequestError(f"{line!r} is neither `values` nor `run N`")


def main() -> int:
    """Serves the request whose path is the first argument; gives the exit status."""
    if len(sys.argv) != 2:
        print("usage: bench_peer.py REQUEST.json", file=sys.stderr)
        return 2
    # Libraries print to standard output too: what they print goes where messages go.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    try:
        if import_error is not None:
            raise import_error
        serve(json.loads(Path(sys.argv[1]).read_text()), answers)
    except ImportError as error:
        print(error, file=sys.stderr)
        return 4
    except RequestError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except MemoryError as error:
        print(f"out of memory: {error}", file=sys.stderr)
        return 5
    return 0


if __name__ == "__main__":
    sys.exit(main())
