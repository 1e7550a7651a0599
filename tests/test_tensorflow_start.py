"""A command's own lines come through TensorFlow's import, its start-up lines do not; what it brings is no garbage."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# As TensorFlow 2.21 writes them, in C++: not by way of sys.stderr.
TENSORFLOW = r"""
import os, sys
os.write(2, b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n")
os.write(2, b"I0000 00:00:1796073974.691425    8325 port.cc:153] oneDNN custom operations are on.\n")
os.write(2, b"F0000 00:00:1796073974.691425    8325 cpu.cc:1] was compiled to use AVX instructions\n")
print("a traceback", file=sys.stderr)
kept = {"list": []}
"""
PROGRAM = """
from tfgrec.tensorflow_start import keep_start_quiet
keep_start_quiet()
import gc, os, tensorflow
frozen = not any(one is tensorflow.kept for one in gc.get_objects())
os.write(2, b"E0000 00:00:1796073974.7 8325 later.cc:1] no start-up line\\n")
print(tensorflow.__name__, tensorflow.__loader__.name, gc.isenabled(), frozen)
"""


@pytest.mark.parametrize("asked", [None, "0"])
def test_only_start_up_lines_are_held_back(asked: str | None, tmp_path: Path) -> None:
    (tmp_path / "tensorflow").mkdir()
    (tmp_path / "tensorflow" / "__init__.py").write_text(TENSORFLOW)
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    environment |= {"PYTHONPATH": f"{tmp_path}:{ROOT}"} | ({} if asked is None else {"TF_CPP_MIN_LOG_LEVEL": asked})
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stdout) == (0, f"tensorflow tensorflow True {asked is None}\n"), done.stderr
    starts = [line.partition(" ")[0] for line in done.stderr.splitlines()]
    assert starts == (["F0000", "a", "E0000"] if asked is None else ["WARNING:", "I0000", "F0000", "a", "E0000"])
