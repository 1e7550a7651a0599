"""The configuration of the small records with a section `pipeline`."""

from collections.abc import Callable

import pytest
import small_records
import yaml

from tfgrec.config import RunConfig
from tfgrec.graph.schema import Feature

_DTYPES = {"int64": "DT_INT64", "float32": "DT_FLOAT", "string": "DT_STRING"}


@pytest.fixture(scope="session")
def pipeline_config(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., RunConfig]:
    folder = tmp_path_factory.mktemp("schema")
    (folder / "tables.yaml").write_text(yaml.safe_dump(small_records.TABLES))
    (folder / "graph.pbtxt").write_text(_schema_text())

    def make(**pipeline: object) -> RunConfig:
        return RunConfig.model_validate({**small_records.CONFIG, "schema_dir": str(folder), "pipeline": pipeline})

    return make


def _schema_text() -> str:
    schema = small_records.SCHEMA
    lines = [f"context {{ {_features_text(schema.context)} }}"]
    lines += [
        f'node_sets {{ key: "{name}" value {{ {_features_text(nodes.features)} }} }}'
        for name, nodes in schema.node_sets.items()
    ]
    lines += [
        f'edge_sets {{ key: "{name}" value {{ source: "{edges.source}" target: "{edges.target}" '
        f"{_features_text(edges.features)} }} }}"
        for name, edges in schema.edge_sets.items()
    ]
    return "\n".join(lines)


def _features_text(features: dict[str, Feature]) -> str:
    return " ".join(
        f'features {{ key: "{name}" value {{ dtype: {_DTYPES[feature.dtype]} '
        f"{'shape { dim { size: -1 } }' if feature.multi_valued else ''} }} }}"
        for name, feature in features.items()
    )
