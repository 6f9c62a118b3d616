#!/usr/bin/env python3
"""Prepares what the tests need beside the source tree, under `$GLASSBOX_CACHE`.

The folder (default `~/.cache/glassbox`) gets:

- `venv/`: a virtual environment with the packages of `requirements.txt`;
- `language/`: random programs of the `graph!` language and what they must give, by `language/generate.py`;
- `peers/`: models with inputs and a peer's outputs, by `peer_models.py`;
- `conformance/`: the official ONNX backend tests, by `conformance_cases.py`;
- `contrib/`: tests of ops outside of that suite with what onnxruntime gives for them, by `contrib_cases.py`;
- `venv-torch/`, only when it is asked for: a second environment with torch and transformers (6 GB), which the
  tests of the scripts that train models and make golden files need, and the models in which faults are planted;
- `venv-bench/`, only when it is asked for: the engines that are timed beside ours (650 MB);
- `venv-exports/` and `venv-tensorflow/` (1.6 GB), only when they are asked for: what models of others are made with.

The environment comes first; the data is made two parts at a time.

A part is made again only when it is missing or when what it was made from has changed: each holds a `.stamp`,
written last, with a hash of the script and of the modules beside it that it imports, of its arguments, of the
pinned packages and of Python's version. Data folders are made beside their place and renamed into it; a virtual
environment cannot be moved, so one without a valid stamp is removed and made again. One run works at a time (a
lock file), others wait for it.

Needs only the standard library and a POSIX system, and runs under Python 3.10 or newer.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent
STAMP = ".stamp"
OLDEST_PYTHON = (3, 11)
"""The oldest Python that the pinned packages install on."""
CANDIDATES = ("python3", "python3.14", "python3.13", "python3.12", "python3.11")
"""Interpreters tried, in this order, when the running one is too old for the packages."""
AT_A_TIME = 2
"""How many parts of the data are made at a time."""


class SetupError(Exception):
    """A step that could not be done; the message says which, why and what to do."""


@dataclass(frozen=True)
class Environment:
    """A virtual environment with the packages of these files."""

    name: str
    requirements: tuple[Path, ...]
    above: Environment | None = None
    """One whose packages it sees beside its own, which are installed alone then, without what they depend on."""

    def stamp(self) -> str:
        """What decides which packages it has."""
        above = [self.above.stamp().encode()] if self.above else []
        return hash_of(*(file.read_bytes() for file in self.requirements), *above)


PACKAGES = Environment("venv", (SCRIPTS / "requirements.txt",))
TORCH = Environment("venv-torch", tuple(SCRIPTS / f"{name}/requirements.txt" for name in ("families", "hunts", "stories")))
BENCH = Environment("venv-bench", (SCRIPTS / "bench/requirements.txt",))
EXPORTS = Environment("venv-exports", (SCRIPTS / "models/requirements.txt",), TORCH)
TENSORFLOW = Environment("venv-tensorflow", (SCRIPTS / "models/exports/tensorflow_requirements.txt",))
ON_DEMAND = {environment.name: environment for environment in (TORCH, BENCH, EXPORTS, TENSORFLOW)}


@dataclass(frozen=True)
class DataPart:
    """A folder of test data, the script that writes it, and its arguments before the folder."""

    name: str
    script: str
    arguments: tuple[str, ...] = ()

    def stamp(self, python: str) -> str:
        """What the data is made from, with this version of Python."""
        sources = [*modules_of(SCRIPTS / self.script), *PACKAGES.requirements]
        return hash_of(*(source.read_bytes() for source in sources), *map(str.encode, (python, *self.arguments)))


DATA_PARTS = (
    # What takes longest comes first.
    DataPart("language", "language/generate.py", ("--count", "2000", "--seed", "1", "--check-coverage")),
    DataPart("peers", "peer_models.py"),
    DataPart("conformance", "conformance_cases.py"),
    DataPart("contrib", "contrib_cases.py"),
)


def modules_of(script: Path) -> list[Path]:
    """The script and the modules of its folder that it imports, they that those import, and so on; sorted."""
    found, waiting = {script}, [script]
    while waiting:
        names = set()
        for node in ast.walk(ast.parse(waiting.pop().read_bytes())):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module)
        beside = {script.parent / f"{name.split('.')[0]}.py" for name in names}
        new = {path for path in beside if path.is_file()} - found
        found |= new
        waiting += new
    return sorted(found)


def say(step: str, message: str) -> None:
    """Prints one line about a step, before anything that a child process prints."""
    print(f"setup: {step}: {message}", flush=True)


def hash_of(*contents: bytes) -> str:
    """A hash over these contents, in the given order."""
    digest = hashlib.sha256()
    for content in contents:
        digest.update(len(content).to_bytes(8, "little"))
        digest.update(content)
    return digest.hexdigest()


def is_fresh(directory: Path, stamp: str) -> bool:
    """Whether the folder was completed from the sources that the stamp stands for."""
    try:
        return (directory / STAMP).read_text() == stamp
    except (FileNotFoundError, NotADirectoryError):
        return False


def remove(path: Path) -> None:
    """Removes a folder if it is there."""
    if path.exists():
        shutil.rmtree(path)


def run(command: list[str], what: str) -> None:
    """Runs a command, passing its output on; a failure is a `SetupError`.

    The command inherits the lock, the only descriptor that can be: should this process be killed,
    the next run waits for the command to end before it removes what that was writing.
    """
    status = subprocess.run(command, check=False, close_fds=False).returncode
    if status != 0:
        raise SetupError(f"{what} failed with status {status}: {' '.join(command)}")


def base_interpreter() -> str:
    """A Python that can make the virtual environment: the running one if it is new enough."""
    oldest = ".".join(map(str, OLDEST_PYTHON))
    if sys.version_info >= OLDEST_PYTHON:
        candidates: tuple[str, ...] = (sys.executable,)
    else:
        candidates = CANDIDATES
    probe = f"import sys; sys.exit(sys.version_info < {OLDEST_PYTHON})"
    found = [
        candidate
        for candidate in candidates
        if shutil.which(candidate) and succeeds([candidate, "-c", probe])
    ]
    if not found:
        raise SetupError(
            f"the pinned packages need Python {oldest} or newer; this is "
            f"{sys.version.split()[0]}, and none of {', '.join(candidates)} on PATH is newer. "
            f"Install one and run this script with it."
        )
    for candidate in found:
        if succeeds([candidate, "-c", "import venv, ensurepip"]):
            return candidate
    raise SetupError(
        f"{', '.join(found)} cannot make a virtual environment: the module venv or ensurepip is "
        f"missing. On Debian and Ubuntu install the package python3-venv, then run this again."
    )


def succeeds(command: list[str]) -> bool:
    """Whether a command can be started and exits with status 0; its output is discarded."""
    try:
        return subprocess.run(command, check=False, capture_output=True).returncode == 0
    except OSError:
        return False


def prepare_environment(cache: Path, environment: Environment) -> Path:
    """Makes a virtual environment if it is missing, half made or outdated; gives its Python."""
    name, stamp = environment.name, environment.stamp()
    venv = cache / name
    python = venv / "bin" / "python"
    if environment.above:
        prepare_environment(cache, environment.above)
    if is_fresh(venv, stamp) and succeeds([str(python), "-c", ""]):
        say(name, f"up to date: {venv}")
        return python
    base = base_interpreter()
    started = time.monotonic()
    if venv.exists():
        say(name, f"removing {venv}: it is outdated or was never completed")
        remove(venv)
    say(name, f"making {venv} with {base}")
    run([base, "-m", "venv", str(venv)], "making the virtual environment")
    files = list(map(str, environment.requirements))
    say(name, f"installing the packages of {' and '.join(files)}")
    install = ["-m", "pip", "install", "--quiet", "--no-input"]
    if environment.above:
        # A line of a .pth file is one more folder of packages.
        for site in venv.glob("lib/python*/site-packages"):
            above = cache / environment.above.name / site.relative_to(venv)
            (site / "above.pth").write_text(f"{above}\n")
        install.append("--no-deps")
    install += [argument for file in files for argument in ("--requirement", file)]
    run([str(python), *install], "installing the packages")
    (venv / STAMP).write_text(stamp)
    say(name, f"made in {time.monotonic() - started:.1f} s")
    return python


def version_of(venv: Path) -> str:
    """The version of Python that an environment was made with, without its last part."""
    for line in (venv / "pyvenv.cfg").read_text().splitlines():
        key, _, value = line.partition("=")
        if key.strip() == "version":
            return ".".join(value.strip().split(".")[:2])
    raise SetupError(f"{venv / 'pyvenv.cfg'} tells no version; remove {venv} and run this again")


def prepare_data(cache: Path, part: DataPart, python: Path) -> None:
    """Makes a data folder if it is missing or outdated, and clears what a killed run left."""
    target = cache / part.name
    unfinished = cache / f"{part.name}.unfinished"
    previous = cache / f"{part.name}.previous"
    remove(unfinished)
    remove(previous)
    script = SCRIPTS / part.script
    stamp = part.stamp(version_of(cache / PACKAGES.name))
    if is_fresh(target, stamp):
        say(part.name, f"up to date: {target}")
        return
    started = time.monotonic()
    say(part.name, f"making {target} with {script}")
    run([str(python), str(script), *part.arguments, str(unfinished)], f"making {part.name}")
    (unfinished / STAMP).write_text(stamp)
    if target.exists():
        target.rename(previous)
    unfinished.rename(target)
    remove(previous)
    say(part.name, f"made in {time.monotonic() - started:.1f} s")


def prepare_all_data(cache: Path, parts: list[DataPart], python: Path) -> None:
    """Makes the data, some parts at a time. A part that fails doesn't keep others from being made."""
    with ThreadPoolExecutor(AT_A_TIME) as workers:
        made = [(part, workers.submit(prepare_data, cache, part, python)) for part in parts]
    errors = {part.name: done.exception() for part, done in made}
    failed = {name: error for name, error in errors.items() if error is not None}
    for error in failed.values():
        if not isinstance(error, (SetupError, OSError)):
            raise error
    if failed:
        raise SetupError("; ".join(f"{name}: {error}" for name, error in failed.items()))


@contextlib.contextmanager
def locked(cache: Path) -> Iterator[None]:
    """Holds the cache's lock; the system frees it when this process and its children end."""
    with (cache / "setup.lock").open("w") as lock:
        os.set_inheritable(lock.fileno(), True)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("lock", f"waiting for another run that holds {lock.name}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def cache_directory() -> Path:
    """The folder named by `GLASSBOX_CACHE`, or the default one."""
    named = os.environ.get("GLASSBOX_CACHE")
    return Path(named).absolute() if named else Path.home() / ".cache" / "glassbox"


def parse_arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description="Prepares the tests' packages and data.")
    parser.add_argument(
        "--only",
        choices=[PACKAGES.name, *(part.name for part in DATA_PARTS), *ON_DEMAND],
        help=f"prepare this part alone (data includes the {PACKAGES.name} that it is made with); "
        f"{' and '.join(ON_DEMAND)} are made only so",
    )
    return parser.parse_args()


def main() -> int:
    """Prepares the parts asked for; gives the exit status."""
    only = parse_arguments().only
    try:
        if sys.version_info < (3, 10):
            raise SetupError(f"needs Python 3.10 or newer; this is {sys.version.split()[0]}")
        cache = cache_directory()
        cache.mkdir(parents=True, exist_ok=True)
        with locked(cache):
            if only in ON_DEMAND:
                prepare_environment(cache, ON_DEMAND[only])
                return 0
            python = prepare_environment(cache, PACKAGES)
            prepare_all_data(cache, [part for part in DATA_PARTS if only in (None, part.name)], python)
    except (SetupError, OSError) as error:
        print(f"setup: error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
