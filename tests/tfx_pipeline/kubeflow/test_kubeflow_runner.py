"""The pipeline as Kubeflow Pipelines v2 and Vertex AI read it."""

import json
from pathlib import Path

import pytest
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2
from tfx.utils.import_utils import import_class_by_path

from tfx_pipeline.artifacts import GraphStore, HtmlPages, LeakageReport
from tfx_pipeline.kubeflow_runner import main

BUCKET = "gs://bucket"
OPTIONS = [
    "--config=configs/kuairand.yaml",
    f"--data={BUCKET}/tables",
    f"--pipeline-root={BUCKET}/pipeline/",
    f"--serving-examples={BUCKET}/served",
    "--image=registry/tfgrec:1",
    "--day=20220506",
    "--data-version=20220506",
    "--compile-only",
]
BEAM = "pipeline.beam={default: [--runner=DirectRunner], SubgraphExampleGen: [--runner=DataflowRunner, --region=r]}"


@pytest.fixture(scope="module")
def compiled(tmp_path_factory) -> dict:
    output = tmp_path_factory.mktemp("kubeflow") / "pipeline.json"
    assert main([*OPTIONS, f"--output={output}", "--set", BEAM]) == 0
    return json.loads(output.read_text())


@pytest.fixture(scope="module")
def spec(compiled) -> pipeline_spec_pb2.PipelineSpec:
    # Refuses what Kubeflow's own message does not know.
    return json_format.ParseDict(compiled["pipelineSpec"], pipeline_spec_pb2.PipelineSpec())


def arguments(spec, component: str) -> list[str]:
    label = spec.components[component].executor_label
    return list(spec.deployment_spec["executors"][label]["container"]["args"])


def test_all_components_are_there_and_run_in_the_image(spec):
    tasks = set(spec.root.dag.tasks)
    assert tasks >= {
        "GraphBuilder",
        "SubgraphExampleGen",
        "LeakageAudit",
        "StatisticsGen",
        "ImportSchemaGen",
        "ExampleValidator",
        "DriftValidator",
        "ServingExamples",
        "ServingStatistics",
        "SkewValidator",
        "DataReport",
        "DataGate",
        "Trainer",
        "Evaluator",
        "ModelReport",
        "Pusher",
    }
    containers = [
        executor["container"] for executor in spec.deployment_spec["executors"].values() if "container" in executor
    ]
    assert {container["image"] for container in containers} == {"registry/tfgrec:1"}


@pytest.mark.parametrize("kind", [GraphStore, HtmlPages, LeakageReport])
def test_containers_find_our_types_of_artifacts_by_their_names(kind):
    assert import_class_by_path(kind.TYPE_NAME) is kind


def test_training_waits_for_the_audit_and_the_gate(spec):
    assert {"LeakageAudit", "DataGate"} <= set(spec.root.dag.tasks["Trainer"].dependent_tasks)


def test_each_component_has_its_own_beam_options(spec):
    assert "--runner=DataflowRunner" in " ".join(arguments(spec, "SubgraphExampleGen"))
    for component in ("GraphBuilder", "LeakageAudit", "StatisticsGen", "Evaluator"):
        assert "--runner=DirectRunner" in " ".join(arguments(spec, component))


def test_nothing_in_it_is_of_this_machine(compiled):
    text = json.dumps(compiled)
    assert str(Path.cwd()) not in text and str(Path.home()) not in text and "/tmp/" not in text
    assert f"{BUCKET}/pipeline/schemas/" in text and f"{BUCKET}/pipeline/serving/kuairand" in text


def test_the_same_call_compiles_to_the_same(compiled, tmp_path):
    output = tmp_path / "again.json"
    assert main([*OPTIONS, f"--output={output}", "--set", BEAM]) == 0
    again = json.loads(output.read_text())
    assert again["pipelineSpec"]["root"] == compiled["pipelineSpec"]["root"]


def test_it_says_what_to_copy(tmp_path, capsys):
    assert main([*OPTIONS, f"--output={tmp_path / 'pipeline.json'}"]) == 0
    assert f"examples.pbtxt to {BUCKET}/pipeline/schemas/" in capsys.readouterr().out


def test_options_for_a_component_that_is_none_are_refused(tmp_path, capsys):
    options = [
        *OPTIONS,
        f"--output={tmp_path / 'pipeline.json'}",
        "--set",
        "pipeline.beam={SubgraphExampelGen: [--a=b]}",
    ]
    assert main(options) == 2
    assert "did you mean 'SubgraphExampleGen'" in capsys.readouterr().err
