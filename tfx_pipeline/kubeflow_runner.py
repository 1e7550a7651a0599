"""Compiles the pipeline for Kubeflow Pipelines v2 and Vertex AI: python -m tfx_pipeline.kubeflow_runner --config ..."""

import argparse
import sys
from collections.abc import Sequence

from tfgrec.entry_point import entry_point
from tfx_pipeline.inputs.run_arguments import add_pipeline_arguments


@entry_point
def main(arguments: Sequence[str] | None = None) -> None:
    """Writes the pipeline as a file that Kubeflow Pipelines v2 and Vertex AI run; its components run in --image."""
    parsed = _parser().parse_args(arguments)
    # Brings TFX, which takes many seconds that `--help` need not wait for.
    from tfx_pipeline.kubeflow.compilation import compile_pipeline

    compile_pipeline(parsed)


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
