"""Components as Kubeflow starts them: by the compiled pipeline's own command lines, one after the other."""

import json
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest
from daily_app import ANY_MODEL, TINY
from daily_world import copy_days, write_config, write_world
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from tfgrec.data.examples_directory import ExamplesDirectory
from tfx_pipeline.kubeflow_runner import main

pytestmark = pytest.mark.slow
ENTRY_POINT = "tfx.orchestration.kubeflow.v2.container.kubeflow_v2_run_executor"


class Cluster:
    """Stands in for Kubeflow: gives each task's container its inputs, and keeps its outputs in a folder."""

    def __init__(self, spec: pipeline_spec_pb2.PipelineSpec, folder: Path, monkeypatch: pytest.MonkeyPatch):
        self._spec, self._folder, self._monkeypatch = spec, folder, monkeypatch
        self._artifacts: dict[tuple[str, str], pipeline_spec_pb2.RuntimeArtifact] = {}

    def run_all(self) -> dict[str, dict[str, str]]:
        """Runs all tasks that have a container, each after those that it needs; the folders of their outputs."""
        tasks, outputs = dict(self._spec.root.dag.tasks), {}
        while tasks:
            ready = [name for name, task in tasks.items() if not _needed(task) & tasks.keys()]
            assert ready, f"tasks wait for each other: {list(tasks)}"
            for name in ready:
                del tasks[name]
                if "container" in self._executor(name):
                    outputs[name] = self._run(name)
        return outputs

    def _executor(self, name: str) -> Any:
        return self._spec.deployment_spec["executors"][self._spec.components[name].executor_label]

    def _run(self, name: str) -> dict[str, str]:
        definition, task = self._spec.components[name], self._spec.root.dag.tasks[name]
        given = pipeline_spec_pb2.ExecutorInput()
        for key, parameter in task.inputs.parameters.items():
            given.inputs.parameters[key].CopyFrom(parameter.runtime_value.constant_value)
        for key, artifact in task.inputs.artifacts.items():
            made = artifact.task_output_artifact
            # What a resolver gives where there is nothing to find is left out.
            if (made.producer_task, made.output_artifact_key) in self._artifacts:
                given.inputs.artifacts[key].artifacts.add().CopyFrom(
                    self._artifacts[made.producer_task, made.output_artifact_key]
                )
        for key, output in definition.output_definitions.artifacts.items():
            artifact = given.outputs.artifacts[key].artifacts.add()
            artifact.type.CopyFrom(output.artifact_type)
            artifact.uri = str(self._folder / name / key)
            artifact.name = f"{name}/{key}"
            Path(artifact.uri).mkdir(parents=True)
        given.outputs.output_file = str(self._folder / name / "executor_output.json")
        self._start(name, json_format.MessageToJson(given))
        self._keep(name, given)
        return {key: of_key.artifacts[0].uri for key, of_key in given.outputs.artifacts.items()}

    def _start(self, name: str, invocation: str) -> None:
        container = self._executor(name)["container"]
        assert list(container["command"]) == ["python", "-m", ENTRY_POINT]
        arguments = [argument.replace("{{$}}", invocation) for argument in container["args"]]
        self._monkeypatch.setattr(sys, "argv", [ENTRY_POINT, *arguments])
        with pytest.raises(SystemExit) as ended:
            runpy.run_module(ENTRY_POINT, run_name="__main__")
        assert not ended.value.code

    def _keep(self, name: str, given: pipeline_spec_pb2.ExecutorInput) -> None:
        told = pipeline_spec_pb2.ExecutorOutput()
        json_format.Parse(Path(given.outputs.output_file).read_text(), told)
        for key, of_key in given.outputs.artifacts.items():
            artifact = of_key.artifacts[0]
            artifact.metadata.CopyFrom(told.artifacts[key].artifacts[0].metadata)
            self._artifacts[name, key] = artifact


def _needed(task: pipeline_spec_pb2.PipelineTaskSpec) -> set[str]:
    made = {artifact.task_output_artifact.producer_task for artifact in task.inputs.artifacts.values()}
    return made | set(task.dependent_tasks)


@pytest.fixture
def cluster(tmp_path, monkeypatch) -> Cluster:
    write_config(tmp_path)
    copy_days(write_world(tmp_path / "world"), tmp_path / "data", range(5))
    output = tmp_path / "pipeline.json"
    places = {"data": tmp_path / "data", "pipeline-root": tmp_path / "root", "output": output}
    options = ["--config=configs/demo.yaml", "--image=tfgrec", *(f"--{name}={path}" for name, path in places.items())]
    assert main([*options, "--set", f"schema_dir={tmp_path / 'schema'}", *TINY, ANY_MODEL]) == 0
    spec = json_format.ParseDict(json.loads(output.read_text())["pipelineSpec"], pipeline_spec_pb2.PipelineSpec())
    return Cluster(spec, tmp_path / "artifacts", monkeypatch)


def test_containers_pass_our_artifacts_on(cluster, tmp_path):
    """From tables to a pushed model; no model was blessed before."""
    outputs = cluster.run_all()
    examples = ExamplesDirectory.open(outputs["SubgraphExampleGen"]["examples"])
    assert examples.split("train").num_requests and examples.split("validation").num_requests
    audit = json.loads((Path(outputs["LeakageAudit"]["report"]) / "audit.json").read_text())
    assert audit["passed"] and audit["records"] >= audit["recounted"]["records"] > 0
    pairs = list(Path(outputs["DriftValidator"]["anomalies"]).rglob("SchemaDiff.pb"))
    assert [path.parent.name for path in pairs] == ["SplitPair-eval_train"]
    assert (Path(outputs["ModelReport"]["pages"]) / "evaluation.html").exists()
    (version,) = (tmp_path / "root" / "serving" / "demo").iterdir()
    assert (version / "saved_model.pb").exists()
