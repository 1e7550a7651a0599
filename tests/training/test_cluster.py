"""What TF_CONFIG says is understood, or refused with a message that says what is wrong."""

import json

import pytest

from tfgrec.errors import ConfigurationError
from tfgrec.training.cluster import Cluster


def place(cluster: object, kind: str = "worker", index: int = 0) -> dict[str, str]:
    return {"TF_CONFIG": json.dumps({"cluster": cluster, "task": {"type": kind, "index": index}})}


def test_worker_zero_is_chief_unless_there_is_one() -> None:
    workers = {"worker": ["a:1", "b:1"]}
    assert [Cluster.from_environment(place(workers, index=index)).is_chief for index in (0, 1)] == [True, False]
    with_chief = {"chief": ["c:1"], **workers}
    assert Cluster.from_environment(place(with_chief, "chief")).is_chief
    assert [Cluster.from_environment(place(with_chief, index=index)).number for index in (0, 1)] == [1, 2]


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({}, "needs the environment variable TF_CONFIG, such as .*mirrored"),
        ({"TF_CONFIG": "{"}, "TF_CONFIG: is not like .*received {"),
        ({"TF_CONFIG": "[]"}, "is not like"),
        ({"TF_CONFIG": "{}"}, "is not like"),
        ({"TF_CONFIG": '{"cluster": {"worker": ["a:1"]}}'}, "is not like"),
        (place({"worker": "a:1"}), "is not like"),
        (place({"worker": ["a:1"]}, index=1), "has task index 1 among 1 of type worker"),
        (place({"worker": ["a:1"]}, "evaluator"), "has task type 'evaluator', it must be worker"),
        (place({"worker": ["a:1"], "ps": ["b:1"]}), "has ps in its cluster"),
    ],
)
def test_what_is_wrong_is_said(environment: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Cluster.from_environment(environment)
