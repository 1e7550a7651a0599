"""The spec of records is the one that TF-GNN itself makes of graph.pbtxt."""

from pathlib import Path

import pytest
import tensorflow_gnn as tfgnn

from tfgrec.data.graph_spec import graph_schema_proto, graph_tensor_spec
from tfgrec.data.schema_file import read_graph_schema

PATHS = sorted((Path(__file__).parents[2] / "schemas").glob("*/graph.pbtxt"))


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.parent.name)
def test_spec_is_tf_gnns_own(path: Path) -> None:
    own = tfgnn.read_schema(str(path))
    assert graph_tensor_spec(read_graph_schema(path)) == tfgnn.create_graph_spec_from_schema_pb(own)
    assert graph_schema_proto(read_graph_schema(path)) == own
