"""Each layer and balancer that `import tfgrec` offers has an example in its docstring, and does what it says."""

import doctest

import pytest
import tensorflow as tf

import tfgrec
from tfgrec.model.balancing.balancer import Balancer
from tfgrec.model.joint_model import JointModel
from tfgrec.offered import OFFERED

OF_MODEL = [getattr(tfgrec, name) for name, module in OFFERED.items() if module.startswith("tfgrec.model.")]
PARTS = [
    part
    for part in OF_MODEL
    # The whole model is made by `build_joint_model`, of a run's records.
    if isinstance(part, type)
    and issubclass(part, tf.keras.layers.Layer | Balancer)
    and not issubclass(part, JointModel)
]


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_the_example_does_what_it_says(part: type) -> None:
    [example] = doctest.DocTestFinder(recurse=False).find(part, part.__name__, globs={})
    assert example.examples
    told: list[str] = []
    results = doctest.DocTestRunner().run(example, out=told.append)
    assert results.failed == 0, "".join(told)


def test_no_part_is_left_out() -> None:
    assert {part.__name__ for part in PARTS} >= {"GraphEncoder", "CandidateMatch", "GradNorm", "FixedWeights"}
