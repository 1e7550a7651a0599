"""An export of a run's model before its training: how long it takes to answer does not depend on its weights."""

import os
from pathlib import Path

import tfgrec
from tfgrec.config import RunConfig
from tfgrec.graph.schema import GraphSchema
from tfgrec.run.run_directory import RunDirectory
from tfgrec.serving.exported.export import export_model
from tfgrec.training.run_model import RunModel


def export_untrained(
    config: RunConfig, arm: str, *, graph: str, examples: str, folder: Path
) -> tuple[Path, GraphSchema]:
    """Builds the model of an arm of a configuration and exports it.

    Args:
      config: the run's configuration.
      arm: the arm to build.
      graph: the graph store.
      examples: records that were sampled from it.
      folder: an empty one.

    Returns:
      The export, and what its requests hold.
    """
    os.symlink(os.path.abspath(graph), folder / "graph")
    run = RunDirectory.at(folder, examples=examples)
    run_model = RunModel(config.model_copy(update={"arm": arm}), run)
    schema = run_model.serving_schema
    path = export_model(
        run_model.model,
        schema=schema,
        folder=run.export,
        sample=run_model.sample("validation")[:8],
        extra={"tfgrec": tfgrec.__version__, "schema": schema.to_json()},
        combined=config.export.combined,
    )
    return path, schema
