"""Samples inside the pipeline: what SubgraphExampleGen runs."""

from typing import Any

from tfx.components.example_gen import utils as example_gen_properties
from tfx.components.util import examples_utils
from tfx.proto import example_gen_pb2
from tfx.types.artifact_utils import get_single_instance
from tfx.types.standard_artifacts import Examples

from beam_jobs.sample_subgraphs import sample_subgraphs
from tfgrec.generations import lay_flat
from tfx_pipeline.artifacts import Artifacts
from tfx_pipeline.job_executor import JobExecutor
from tfx_pipeline.local_copies import local_input

# The splits of a run's configuration -> those of TFX.
SPLITS = {"train": "train", "validation": "eval"}
# Readers take it for TFRecord files, and look at the names to tell which are compressed: ours are not.
_FILE_FORMAT = "tfrecords_gzip"


class Executor(JobExecutor):
    """An executor of the ExampleGen family: gives an `Examples` artifact that StatisticsGen, Trainer, Evaluator and
    `tfgrec.data.examples_directory.ExamplesDirectory` open alike.

    It is no subclass of BaseExampleGenExecutor, which writes what one PTransform gives by itself, record by record and
    in an order and in files of its own: no shards with checksums and without a user in two of them, no manifest.
    """

    def run_job(
        self, sources: dict[str, Any], inputs: Artifacts, outputs: Artifacts, properties: dict[str, Any]
    ) -> None:
        """Samples the requests of the splits."""
        graph, examples = get_single_instance(inputs["graph"]), get_single_instance(outputs["examples"])
        with local_input(graph.uri, shared_dir=properties["shared_dir"]) as graph_dir:
            manifest = sample_subgraphs(
                **sources,
                data_dir=properties["data"],
                graph_dir=str(graph_dir),
                output_dir=examples.uri,
                split_folders={split: f"Split-{of_tfx}" for split, of_tfx in SPLITS.items()},
                pipeline_args=self._beam_pipeline_args,
            )
        lay_flat(examples.uri)
        _describe(examples, properties["span"], properties["tables_fingerprint"], manifest)


def _describe(examples: Examples, span: int, fingerprint: str, manifest: dict[str, Any]) -> None:
    """Sets what TFX's ExampleGen sets, and the numbers of requests."""
    examples.splits = list(SPLITS.values())
    examples.span = span
    examples.set_int_custom_property(example_gen_properties.SPAN_PROPERTY_NAME, span)
    examples.set_string_custom_property(example_gen_properties.FINGERPRINT_PROPERTY_NAME, fingerprint)
    examples_utils.set_payload_format(examples, example_gen_pb2.FORMAT_TF_EXAMPLE)
    examples_utils.set_file_format(examples, _FILE_FORMAT)
    for split, of_tfx in SPLITS.items():
        examples.set_int_custom_property(f"requests_{of_tfx}", manifest["splits"][split]["num_requests"])
        examples.set_int_custom_property(f"candidates_{of_tfx}", manifest["splits"][split]["num_candidates"])
