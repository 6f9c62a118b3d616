"""Tests of setup.py:  python scripts/test_setup.py

Parts of the data are made by small scripts in a temporary folder, some of which fail or are wrong.
"""

from __future__ import annotations

import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import setup

MAKES = "import pathlib, sys\nout = pathlib.Path(sys.argv[-1])\nout.mkdir()\n(out / 'data').write_text({text!r})\n"


class Parts(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.scripts, self.cache = Path(folder.name) / "scripts", Path(folder.name) / "cache"
        for path in (self.scripts, self.cache / "venv"):
            path.mkdir(parents=True)
        (self.cache / "venv" / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.12.1\n")
        (self.scripts / "requirements.txt").write_text("numpy==1.0\n")
        packages = setup.Environment("venv", (self.scripts / "requirements.txt",))
        for name, value in {"SCRIPTS": self.scripts, "PACKAGES": packages, "say": lambda *_: None}.items():
            patch = mock.patch.object(setup, name, value)
            patch.start()
            self.addCleanup(patch.stop)

    def script(self, text: str, name: str = "make.py") -> setup.DataPart:
        (self.scripts / name).write_text(text)
        return setup.DataPart(name.removesuffix(".py"), name)

    def prepare(self, part: setup.DataPart) -> None:
        setup.prepare_data(self.cache, part, Path(sys.executable))

    def made(self) -> str:
        return (self.cache / "make" / "data").read_text()

    def test_a_part_is_made_again_only_when_what_it_is_made_of_changes(self):
        part = self.script(MAKES.format(text="one"))
        self.prepare(part)
        (self.cache / "make" / "data").write_text("touched")
        self.prepare(part)
        self.assertEqual(self.made(), "touched")
        self.prepare(self.script(MAKES.format(text="two")))
        self.assertEqual(self.made(), "two")

    def test_a_stamp_is_about_modules_arguments_packages_and_python(self):
        self.script("import helper\n", "make.py")
        (self.scripts / "helper.py").write_text("from deeper import a\n")
        (self.scripts / "deeper.py").write_text("a = 1\n")
        (self.scripts / "other.py").write_text("b = 1\n")
        part = setup.DataPart("make", "make.py", ("--seed", "1"))
        stamps = [part.stamp("3.12")]
        (self.scripts / "other.py").write_text("b = 2\n")
        self.assertEqual(part.stamp("3.12"), stamps[0], "it doesn't import this one")
        (self.scripts / "deeper.py").write_text("a = 2\n")
        stamps.append(part.stamp("3.12"))
        stamps.append(part.stamp("3.13"))
        stamps.append(setup.DataPart("make", "make.py", ("--seed", "2")).stamp("3.13"))
        (self.scripts / "requirements.txt").write_text("numpy==2.0\n")
        stamps.append(setup.DataPart("make", "make.py", ("--seed", "2")).stamp("3.13"))
        self.assertEqual(len(set(stamps)), len(stamps))

    def test_what_fails_half_way_leaves_the_old_data_and_is_made_again(self):
        self.prepare(self.script(MAKES.format(text="old")))
        failing = self.script(MAKES.format(text="half") + "sys.exit(3)\n")
        with self.assertRaisesRegex(setup.SetupError, "status 3"):
            self.prepare(failing)
        self.assertEqual(self.made(), "old")
        self.prepare(self.script(MAKES.format(text="new")))
        self.assertEqual(self.made(), "new")
        self.assertEqual(sorted(path.name for path in self.cache.iterdir()), ["make", "venv"])

    def test_a_killed_run_between_the_renames_leaves_nothing_that_looks_complete(self):
        part = self.script(MAKES.format(text="one"))
        self.prepare(part)
        (self.cache / "make").rename(self.cache / "make.previous")
        self.prepare(part)
        self.assertEqual(self.made(), "one")

    def test_a_part_that_fails_keeps_no_other_from_being_made(self):
        parts = [self.script("raise SystemExit(3)\n", "a.py"), self.script("raise SystemExit(4)\n", "b.py")]
        parts.append(self.script(MAKES.format(text="c"), "c.py"))
        with self.assertRaisesRegex(setup.SetupError, "a: .*status 3.*; b: .*status 4"):
            setup.prepare_all_data(self.cache, parts, Path(sys.executable))
        self.assertEqual((self.cache / "c" / "data").read_text(), "c")

    def test_an_environment_without_a_version_is_refused(self):
        (self.cache / "venv" / "pyvenv.cfg").write_text("home = /usr/bin\n")
        with self.assertRaisesRegex(setup.SetupError, "tells no version"):
            self.prepare(self.script(MAKES.format(text="one")))


if __name__ == "__main__":
    unittest.main()
