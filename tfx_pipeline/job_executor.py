"""What executors that run one of beam_jobs share: a run's configuration and schema, read from what they are told."""

import abc
import tempfile
from pathlib import Path
from typing import Any

from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor

from tfx_pipeline.artifacts import Artifacts
from tfx_pipeline.inputs.run_spec import RunSpec, read_schema


class JobExecutor(BaseBeamExecutor):
    """An executor that is told a `RunSpec`, as JSON in `spec`."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        """Called by TFX: runs the job.

        Raises:
          TfgrecError: of the job.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        with tempfile.TemporaryDirectory() as folder:
            config = RunSpec.from_json(exec_properties["spec"]).write_sections(Path(folder))
            tables, schema = read_schema(config)
            sources = {"config": config, "tables": tables, "schema": schema}
            self.run_job(sources, input_dict, output_dict, exec_properties)

    @abc.abstractmethod
    def run_job(
        self, sources: dict[str, Any], inputs: Artifacts, outputs: Artifacts, properties: dict[str, Any]
    ) -> None:
        """Runs the job.

        Args:
          sources: `config`, `tables` and `schema`, as the jobs take them.
          inputs: of the component.
          outputs: of the component; the job's results go there.
          properties: what the component is told.
        """
