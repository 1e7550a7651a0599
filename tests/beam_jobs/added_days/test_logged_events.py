"""A log of events taken in by a store: what is built from both is what is built from all rows at once."""

from pathlib import Path

import pyarrow as pa
import pytest
from shop_tables import SCHEMA, make_frames, run_config, tables_config, write_frames

from beam_jobs.build_graph import build_graph
from tfgrec.errors import ConfigurationError, GraphStoreError
from tfgrec.graph.examples.example_service import ExampleService
from tfgrec.graph.examples.online_request import OnlineRequest
from tfgrec.graph.log import event_log
from tfgrec.graph.log.event_log import EventLog
from tfgrec.graph.store.graph_store import GraphStore


def test_a_log_goes_with_a_store_that_it_is_added_to() -> None:
    with pytest.raises(ConfigurationError, match="--log goes with --add-to"):
        build_graph(
            config=run_config(), tables=tables_config(), schema=SCHEMA, data_dir="d", output_dir="o", log="o.log"
        )


@pytest.mark.slow
def test_what_is_added_is_what_is_built_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_log, "_SEGMENT_BYTES", 4_000)
    config, tables, frames = run_config(), tables_config(), make_frames(rows=200)
    common = {"config": config, "tables": tables, "schema": SCHEMA}
    data = write_frames(frames, tmp_path / "data")
    build_graph(**common, data_dir=data, output_dir=tmp_path / "all")
    (data / "log-2.csv").unlink()
    events = frames["log"].iloc[100:]
    store, log = tmp_path / "store", tmp_path / "store.log"
    build_graph(**common, data_dir=data, output_dir=store)
    service = ExampleService.open_live(store, sampling=config.sampling, tables=tables)
    for start in range(0, 80, 20):
        service.append({"log": events.iloc[start : start + 20]})
    assert len(EventLog(log).segments()) > 1
    manifest = build_graph(**common, data_dir=data, output_dir=store, add_to=str(store), log=str(log))
    position = manifest["extra"]["log"]["position"]
    assert EventLog(log).segments()[-1][0] <= position, "the log is cut up to what was taken in"
    assert len(EventLog(log).segments()) == 1
    service.append({"log": pa.RecordBatch.from_pandas(events.iloc[80:], preserve_index=False)})
    newer = ExampleService.open_live(store, sampling=config.sampling, tables=tables)
    whole = ExampleService(store=GraphStore.open(tmp_path / "all"), sampling=config.sampling, requests=tables.requests)
    last = int(frames["log"]["time_ms"].max()) + 60_000
    requests = [
        OnlineRequest(user, last, frames["videos"]["video"].tolist(), {"tab": 1}, item_node_set="video")
        for user in frames["users"]["user"].tolist()
    ]
    expected = whole.examples(requests)
    assert newer.examples(requests) == expected
    assert service.examples(requests) == expected, "who still has the older store goes on"
    service._store.close()
    final = build_graph(**common, data_dir=data, output_dir=tmp_path / "final", add_to=str(store), log=str(log))
    built = GraphStore.open(tmp_path / "all").manifest
    assert (final["node_sets"], final["edge_sets"]) == (built["node_sets"], built["edge_sets"])
    if position:
        with pytest.raises(GraphStoreError, match="open the newer store"):
            list(EventLog(log).read(0))
