"""A drawn request shows each node and each sampled edge of its record once."""

from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import small_records
import tensorflow_gnn as tfgnn

from tfgrec.data.graph_spec import graph_tensor_spec
from tfgrec.graph.sampling.record_schema import record_schema
from tfgrec.report.graph_drawing import draw_graph

SVG = "{http://www.w3.org/2000/svg}"


def test_a_request_is_drawn_node_by_node(tmp_path: Path) -> None:
    store = small_records.write_store(tmp_path / "graph")
    records, _ = small_records.make_records(store, num_requests=10, seed=4)
    spec = graph_tensor_spec(record_schema(small_records.SCHEMA, small_records.SAMPLING))
    for record in records:
        graph = tfgnn.parse_single_example(spec, record)
        picture = ElementTree.fromstring(draw_graph(graph).svg)
        edge_sets = {name: of.adjacency for name, of in graph.edge_sets.items()}
        sampled = {name: len(of.source) for name, of in edge_sets.items() if of.target_name != "_readout"}
        drawn = Counter(path.find(f"{SVG}title").text for path in picture.iter(f"{SVG}path"))
        assert drawn == {name: count for name, count in sampled.items() if count}

        # Of a legend's circles none has a title.
        nodes = [circle for circle in picture.iter(f"{SVG}circle") if len(circle)]
        places = {(circle.get("cx"), circle.get("cy")) for circle in nodes}
        stored = sum(int(graph.node_sets[name].total_size) for name in ("user", "video", "room"))
        assert len(nodes) == len(places) == stored
        candidates = {
            f"{of.source_name} {graph.node_sets[of.source_name]['#id'][node].numpy()}".replace("b'", "").rstrip("'")
            for name, of in edge_sets.items()
            if name.startswith("_readout/item")
            for node in of.source.numpy()
        }
        ringed = {circle.find(f"{SVG}title").text for circle in nodes if circle.get("stroke")}
        assert ringed == candidates
