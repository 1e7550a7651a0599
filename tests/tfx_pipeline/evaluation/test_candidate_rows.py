"""Rows read off Arrow are those that the records say, protobuf by protobuf, in the same order."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import small_records
import tensorflow as tf
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from tfgrec.config.model import TaskConfig
from tfgrec.config.pipeline import SliceConfig
from tfgrec.data.prediction_rows import PredictionRows
from tfgrec.errors import InputDataError
from tfgrec.graph.sampling.events_of_roots import events_of_roots
from tfgrec.graph.sampling.record_schema import record_schema
from tfgrec.graph.statistics import row_keys
from tfx_pipeline.evaluation.candidate_rows import CandidateRows
from tfx_pipeline.evaluation.row_layout import RowLayout

TASKS = {"click": TaskConfig(label="click"), "watch_time": TaskConfig(label="watch_ms", kind="regression")}
LAYOUT = RowLayout(
    tasks=TASKS,
    user_node_set="user",
    slices={
        "scenario": SliceConfig(feature="scenario"),
        "watched": SliceConfig(feature="user_watched", boundaries=[3]),
    },
    min_rows=1,
)


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    store = small_records.write_store(tmp_path_factory.mktemp("rows") / "graph")
    return small_records.make_records(store, num_requests=60, seed=5)[0]


def decoded(records: list[bytes]) -> pa.RecordBatch:
    return ExamplesToRecordBatchDecoder().DecodeBatch(records)


def expected_rows(records: list[bytes]) -> pd.DataFrame:
    """Each candidate of each record, read by hand."""
    rows = []
    for number, record in enumerate(records):
        features = tf.train.Example.FromString(record).features.feature
        users = features["nodes/user.#id"].int64_list.value
        sources, targets = (features[f"edges/_readout/user.{end}"].int64_list.value for end in ("#source", "#target"))
        tied = {target: users[source] for source, target in zip(sources, targets, strict=True)}
        for candidate in range(features["nodes/_readout.#size"].int64_list.value[0]):
            values = {name: features[f"nodes/_readout.{name}"] for name in ("click", "watch_ms", "user_watched")}
            row = {name: value.float_list.value[candidate] for name, value in values.items()}
            scenario = features["nodes/_readout.scenario"].bytes_list.value[candidate].decode()
            rows.append({**row, "scenario": scenario, "user": tied[candidate], "request": number})
    return pd.DataFrame(rows)


def test_ragged_candidates_of_two_domains_are_read_as_they_were_written(records: list[bytes]) -> None:
    rows, expected = CandidateRows.read(decoded(records), LAYOUT), expected_rows(records)
    assert len(expected) > len(records)
    np.testing.assert_array_equal(rows.labels["click"], expected["click"].to_numpy(np.float32))
    np.testing.assert_array_equal(rows.labels["watch_time"], expected["watch_ms"].to_numpy(np.float32))
    assert np.isnan(rows.labels["watch_time"]).any()
    np.testing.assert_array_equal(rows.users, row_keys(expected["user"].to_numpy()))
    np.testing.assert_array_equal(rows.requests, expected["request"])
    assert rows.slices["scenario"].tolist() == expected["scenario"].tolist()
    assert rows.slices["watched"].tolist() == [">= 3" if value >= 3 else "< 3" for value in expected["user_watched"]]


def test_a_part_of_a_batch_is_read_as_that_part(records: list[bytes]) -> None:
    """Arrow's slices share memory with the whole: what lies before them must not be read."""
    part, alone = (CandidateRows.read(batch, LAYOUT) for batch in (decoded(records)[20:40], decoded(records[20:40])))
    np.testing.assert_array_equal(part.users, alone.users)
    np.testing.assert_array_equal(part.labels["click"], alone.labels["click"])
    np.testing.assert_array_equal(part.slices["watched"], alone.slices["watched"])


def test_what_the_records_lack_is_named(records: list[bytes]) -> None:
    layout = LAYOUT.model_copy(update={"slices": {"place": SliceConfig(feature="place")}})
    with pytest.raises(InputDataError, match=r"no feature 'nodes/_readout\.place'"):
        CandidateRows.read(decoded(records), layout)


def test_a_label_with_fewer_values_than_candidates_is_refused(records: list[bytes]) -> None:
    example = tf.train.Example.FromString(records[0])
    del example.features.feature["nodes/_readout.click"].float_list.value[0]
    with pytest.raises(InputDataError, match=r"'nodes/_readout\.click' has \d+ values for \d+ candidates"):
        CandidateRows.read(decoded([example.SerializeToString(), *records[1:]]), LAYOUT)


def test_cold_slices_are_those_of_metrics_json(records: list[bytes]) -> None:
    schema = record_schema(small_records.SCHEMA, small_records.SAMPLING)
    events = events_of_roots(schema, small_records.SAMPLING)
    slices = {f"cold_{side}": SliceConfig(cold=side) for side in ("user", "item")}
    layout = RowLayout.model_validate_json(
        RowLayout(tasks=TASKS, user_node_set="user", slices=slices, min_rows=1, events=events).model_dump_json()
    )
    records = records + [
        small_records.without_events(record, side) for side in ("user", "item") for record in records[:9]
    ]
    expected = PredictionRows(schema, labels={}, scenario=None, events=events).read(tf.constant(records))
    rows = CandidateRows.read(decoded(records), layout)
    for name, texts in rows.slices.items():
        assert texts.tolist() == ["cold" if cold else "warm" for cold in expected[name]]
        assert set(texts) == {"cold", "warm"}
