"""The benchmark of signatures on the small export: it asks every signature by both ways, and tells ratios of them."""

from pathlib import Path

import pytest
from model_server_stand_in import StandIn, grpc_server
from test_feature_service import GOOD

from benchmarks import serving_signatures
from tfgrec.config import load_tables_config
from tfgrec.graph.examples.online_request import OnlineRequest


@pytest.mark.slow
def test_every_signature_is_asked(served, monkeypatch: pytest.MonkeyPatch) -> None:
    arms = []

    def export_untrained(config, arm: str, *, folder: Path, **options) -> Path:
        arms.append(arm)
        (folder / "export").mkdir()
        return served.path, served.run_model.serving_schema

    monkeypatch.setattr(serving_signatures, "export_untrained", export_untrained)
    monkeypatch.setattr(serving_signatures, "stand_in", lambda path: grpc_server(StandIn(path)))
    run_model = served.run_model
    features = {name: [value] * 3 for name, value in (("scenario", "feed"), ("hour", 21))}
    told = serving_signatures.measure_signatures(
        run_model.config,
        load_tables_config(run_model.config.schema_dir),
        str(run_model.run.graph),
        str(run_model.run.examples),
        [OnlineRequest(**{**GOOD, "features": features})] * 4,
        candidates=[1, 3],
        rounds=4,
    )
    assert arms == ["joint", "no_graph"]
    ratios = ("rank_100_over_no_graph", "cached_over_full", "dense_over_examples", "parsing_share_of_rank")
    assert all(told[name] > 0 for name in ratios) and told["requests_per_second"] > 0
    asked = {"rank", "rank_dense", "rank_cached", "encode_user", "encode_item"}
    assert told["signatures"].keys() == {1, 3}
    for of_count in told["signatures"].values():
        assert of_count.keys() >= {*asked, *(f"{name} by gRPC" for name in asked)}
        assert all(0 < of["ms_median"] <= of["ms_p99"] for of in of_count.values())
