"""Tests of the generator of random programs:  python scripts/language/test_generate.py"""

from __future__ import annotations

import contextlib
import io
import sys
import tempfile
import unittest
import zipfile
from pathlib import Path
from unittest import mock

import generate


def files(*arguments: str) -> dict[str, bytes]:
    """What the generator writes with these arguments, in batches of four programs."""
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(generate, "BATCH", 4):
        with mock.patch.object(sys, "argv", ["generate.py", *arguments, folder]):
            with contextlib.redirect_stdout(io.StringIO()):
                assert generate.main() == 0
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


class Files(unittest.TestCase):
    def test_the_number_of_jobs_changes_no_byte(self):
        alone = files("--count", "10", "--seed", "7", "--jobs", "1")
        self.assertEqual(sorted(alone), ["batch-00.npz", "batch-01.npz", "batch-02.npz"])
        self.assertEqual(files("--count", "10", "--seed", "7", "--jobs", "3"), alone)

    def test_another_seed_gives_other_programs(self):
        one, other = (files("--count", "4", "--seed", seed, "--jobs", "1") for seed in ("7", "8"))
        self.assertNotEqual(one, other)

    def test_a_batch_is_a_zip_file_with_every_program_of_its_numbers(self):
        written = files("--count", "6", "--seed", "7", "--jobs", "1")
        with zipfile.ZipFile(io.BytesIO(written["batch-01.npz"])) as batch:
            self.assertIsNone(batch.testzip())
            programs = [name for name in batch.namelist() if name.endswith("/program.gbp")]
        self.assertEqual(programs, ["0004/program.gbp", "0005/program.gbp"])

    def test_a_program_that_nobody_can_judge_is_named(self):
        def discards(seed: int):
            raise generate.Discarded("never")

        with mock.patch.object(generate, "make", discards):
            drawn = generate.make_batch(1, range(3, 5), Path("unused"))
        self.assertEqual(drawn.fault, "program 3: every draw was discarded")
        self.assertEqual(drawn.discarded["never"], generate.MAX_ATTEMPTS)


if __name__ == "__main__":
    unittest.main()
