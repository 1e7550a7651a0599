"""Audits examples inside the pipeline: what LeakageAudit runs."""

import contextlib
from collections.abc import Iterator
from typing import Any

from tfx.types.artifact_utils import get_single_instance

from beam_jobs.audit import audit
from tfx_pipeline.artifacts import Artifacts
from tfx_pipeline.job_executor import JobExecutor
from tfx_pipeline.local_copies import local_input


class Executor(JobExecutor):
    """Runs `beam_jobs.audit`; the report goes into its own artifact, since those of others are never changed."""

    def run_job(
        self, sources: dict[str, Any], inputs: Artifacts, outputs: Artifacts, properties: dict[str, Any]
    ) -> None:
        """Checks all records; counts the temporal degrees of some of them again where there is a graph.

        Raises:
          LeakageError: names the first records with edges of the future, or with values that the graph does not give.
          InputDataError: records are missing or damaged.
          GraphStoreError: the graph store is.
        """
        examples, report = get_single_instance(inputs["examples"]), get_single_instance(outputs["report"])
        with _local_graph(inputs, properties["shared_dir"]) as graph:
            found = audit(
                tables=sources["tables"],
                examples_dir=examples.uri,
                graph_dir=graph,
                report_dir=report.uri,
                pipeline_args=self._beam_pipeline_args,
            )
        report.set_int_custom_property("records", found["records"])
        report.set_int_custom_property("edges", sum(found["edges"].values()))
        report.set_int_custom_property("recounted_records", found["recounted"]["records"])


@contextlib.contextmanager
def _local_graph(inputs: Artifacts, shared_dir: str) -> Iterator[str | None]:
    """The folder of the graph store, which is mapped into memory; None where none was given."""
    if not inputs.get("graph"):
        yield None
        return
    with local_input(get_single_instance(inputs["graph"]).uri, shared_dir=shared_dir) as graph:
        yield str(graph)
