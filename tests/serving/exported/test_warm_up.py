"""The warm-up records of an export, asked as TensorFlow Serving asks them: all signatures answer."""

import json
import sys

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from tfgrec.serving.exported.warm_up import WARM_UP_REQUESTS, warm_up_records


@pytest.mark.slow
def test_each_signature_answers_its_records(served, signatures) -> None:
    file = served.path / WARM_UP_REQUESTS
    records = list(tf.data.TFRecordDataset([str(file)]).as_numpy_iterator())
    said = json.loads((served.path / "assets.extra" / "tfgrec.json").read_text())
    assert said["warm_up_records"] == len(records) <= 1000
    asked: dict[str, list[int]] = {}
    for record in records:
        log = prediction_log_pb2.PredictionLog.FromString(record)
        assert log.WhichOneof("log_type") == "predict_log"
        request = log.predict_log.request
        inputs = {name: tf.make_ndarray(tensor) for name, tensor in request.inputs.items()}
        # A server looks at names and types itself.
        specs = said["serving"]["signatures"][request.model_spec.signature_name]["inputs"]
        assert inputs.keys() == specs.keys()
        given = {name: tf.constant(of, tf.as_dtype(specs[name].partition("[")[0])) for name, of in inputs.items()}
        answer = signatures[request.model_spec.signature_name](**given)
        assert all(np.isfinite(values).all() for values in answer.values())
        sizes = answer.get("candidates_per_request")
        asked.setdefault(request.model_spec.signature_name, []).append(-1 if sizes is None else len(sizes))
    assert asked.keys() == signatures.keys()
    assert asked["rank"] == asked["serving_default"] == asked["rank_dense"] == asked["rank_cached"] == [1, 4]


def test_without_the_messages_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "tfgrec.serving.exported.prediction_logs", raising=False)
    monkeypatch.setitem(sys.modules, "tensorflow_serving", None)
    for name in [name for name in sys.modules if name.startswith("tensorflow_serving.")]:
        monkeypatch.setitem(sys.modules, name, None)
    assert warm_up_records([{"rank": {"examples": tf.constant([b"x"])}}]) == []
