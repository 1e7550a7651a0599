"""From tables to validated examples under TFX's local runner, with its metadata in SQLite: today, again, tomorrow."""

from pathlib import Path

import pytest
from daily_world import copy_days, write_config, write_world
from ml_metadata import MetadataStore
from ml_metadata.proto.metadata_store_pb2 import Artifact, Execution
from tensorflow_metadata.proto.v0.anomalies_pb2 import Anomalies
from tfx.components import ExampleValidator, StatisticsGen
from tfx.components.schema_gen.import_schema_gen.component import ImportSchemaGen
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.metadata import sqlite_metadata_connection_config
from tfx.orchestration.pipeline import Pipeline

from tfgrec.config import RunConfig, load_tables_config
from tfx_pipeline.artifacts import GraphStore
from tfx_pipeline.beam_options import without_package
from tfx_pipeline.graph_builder.component import GraphBuilder
from tfx_pipeline.inputs.data_fingerprint import fingerprint_tables
from tfx_pipeline.inputs.run_spec import RunSpec
from tfx_pipeline.leakage_audit.component import LeakageAudit
from tfx_pipeline.subgraph_example_gen.component import SubgraphExampleGen

pytestmark = pytest.mark.slow


class Chain:
    """A pipeline up to ExampleValidator in a folder of its own."""

    def __init__(self, folder: Path, config: RunConfig) -> None:
        self._folder, self._config = folder, config
        self._metadata = sqlite_metadata_connection_config(str(folder / "metadata.sqlite"))

    def run(self, span: int) -> None:
        data = str(self._folder / "data")
        fingerprint = fingerprint_tables(load_tables_config(self._config.schema_dir), data)
        sources = {"data": data, "tables_fingerprint": fingerprint, "span": span}
        graph = GraphBuilder(spec=self._spec("build"), **sources)
        examples = SubgraphExampleGen(
            graph=graph.outputs["graph"], spec=self._spec("split", "sampling", "build", "training"), **sources
        ).with_beam_pipeline_args(without_package(["--direct_num_workers=1"]))
        audit = LeakageAudit(examples=examples.outputs["examples"], graph=graph.outputs["graph"], spec=self._spec())
        statistics = StatisticsGen(examples=examples.outputs["examples"])
        schema = ImportSchemaGen(schema_file=f"{self._config.schema_dir}/examples.pbtxt")
        validator = ExampleValidator(statistics=statistics.outputs["statistics"], schema=schema.outputs["schema"])
        LocalDagRunner().run(
            Pipeline(
                pipeline_name="chain",
                pipeline_root=str(self._folder / "root"),
                components=[graph, examples, audit, statistics, schema, validator],
                enable_cache=True,
                metadata_connection_config=self._metadata,
            )
        )

    def artifacts(self, type_name: str) -> list[Artifact]:
        """Of one type, the oldest first."""
        return sorted(MetadataStore(self._metadata).get_artifacts_by_type(type_name), key=lambda of: of.id)

    def states(self, component: str) -> list[str]:
        """How a component's executions ended, the oldest first."""
        store = MetadataStore(self._metadata)
        (kind,) = (kind.name for kind in store.get_execution_types() if kind.name.endswith(f".{component}"))
        executions = sorted(store.get_executions_by_type(kind), key=lambda of: of.id)
        return [Execution.State.Name(execution.last_known_state) for execution in executions]

    def _spec(self, *sections: str) -> str:
        return RunSpec.of(self._config, sections).to_json()


def test_a_day_is_done_once_and_the_next_one_added(tmp_path: Path) -> None:
    world, chain = write_world(tmp_path / "world"), Chain(tmp_path, write_config(tmp_path))
    copy_days(world, tmp_path / "data", range(5))
    chain.run(4)
    chain.run(4)
    components = ("GraphBuilder", "SubgraphExampleGen", "LeakageAudit", "ExampleValidator")
    assert {tuple(chain.states(name)) for name in components} == {("COMPLETE", "CACHED")}

    (graph,), (examples,) = chain.artifacts(GraphStore.TYPE_NAME), chain.artifacts("Examples")
    assert graph.custom_properties["span"].int_value == examples.properties["span"].int_value == 4
    assert graph.custom_properties["node_sets.user"].int_value == 150
    assert examples.properties["split_names"].string_value == '["train", "eval"]'
    assert examples.custom_properties["requests_eval"].int_value > 50
    (anomalies,) = chain.artifacts("ExampleAnomalies")
    for split in ("train", "eval"):
        found = Anomalies.FromString((Path(anomalies.uri) / f"Split-{split}" / "SchemaDiff.pb").read_bytes())
        assert found.HasField("baseline") and not found.anomaly_info and not found.data_missing

    copy_days(world, tmp_path / "data", range(5, 6))
    chain.run(5)
    assert {tuple(chain.states(name)) for name in components} == {("COMPLETE", "CACHED", "COMPLETE")}
    assert chain.artifacts(GraphStore.TYPE_NAME)[1].custom_properties["added_to"].string_value == graph.uri
    assert [of.properties["span"].int_value for of in chain.artifacts("Examples")] == [4, 5]
