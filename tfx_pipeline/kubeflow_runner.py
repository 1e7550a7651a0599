"""Compiles the pipeline for Kubeflow Pipelines v2 and Vertex AI: python -m tfx_pipeline.kubeflow_runner --config ..."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tfx.orchestration.kubeflow.v2.kubeflow_v2_dag_runner import KubeflowV2DagRunner, KubeflowV2DagRunnerConfig

from tfgrec.commands.entry_point import entry_point
from tfgrec.config import load_tables_config
from tfx_pipeline.data_fingerprint import fingerprint_tables
from tfx_pipeline.pipeline import Places, create_pipeline
from tfx_pipeline.run_arguments import CuratedSchema, add_pipeline_arguments, read_pipeline_config


@entry_point
def main(arguments: Sequence[str] | None = None) -> None:
    """Writes the pipeline as a file that Kubeflow Pipelines v2 and Vertex AI run; its components run in --image."""
    parsed = _parser().parse_args(arguments)
    config = read_pipeline_config(parsed)
    root = parsed.pipeline_root.rstrip("/")
    schema = CuratedSchema.of(config, root)
    if not parsed.compile_only:
        schema.write()
    pipeline = create_pipeline(
        config=config,
        places=Places(
            data=parsed.data,
            root=root,
            schema_file=schema.path,
            serving=parsed.serving_dir or f"{root}/serving/{config.name}",
            shared=parsed.shared_dir,
            serving_examples=parsed.serving_examples or "",
        ),
        tables_fingerprint=parsed.data_version
        or fingerprint_tables(load_tables_config(config.schema_dir), parsed.data),
        resumable=False,
    )
    options = KubeflowV2DagRunnerConfig(default_image=parsed.image)
    output = Path(parsed.output)
    KubeflowV2DagRunner(options, output_dir=str(output.parent), output_filename=output.name).run(pipeline)
    print(output)
    if parsed.compile_only:
        print(f"copy {Path(config.schema_dir) / 'examples.pbtxt'} to {schema.path}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tfx_pipeline.kubeflow_runner", description=main.__doc__)
    add_pipeline_arguments(parser, path=str)
    parser.add_argument("--image", required=True, help="the container image, see the Dockerfile")
    parser.add_argument("--output", required=True, metavar="FILE", help="what to write: .json, or .yaml")
    parser.add_argument(
        "--compile-only", action="store_true", help="write nothing below --pipeline-root; tells what to copy there"
    )
    parser.add_argument(
        "--data-version",
        default="",
        metavar="TEXT",
        help="changes when the tables do, for example the newest day; else their sizes and times are looked at",
    )
    parser.add_argument(
        "--shared-dir", default="", metavar="DIR", help="a folder that all Beam workers see, for the graph store"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
