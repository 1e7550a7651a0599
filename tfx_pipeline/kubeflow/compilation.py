"""The pipeline as a file that Kubeflow Pipelines v2 and Vertex AI run."""

import argparse
from pathlib import Path

from tfx.orchestration.kubeflow.v2.kubeflow_v2_dag_runner import KubeflowV2DagRunner, KubeflowV2DagRunnerConfig

from tfgrec.config import load_tables_config
from tfx_pipeline.inputs.data_fingerprint import fingerprint_tables
from tfx_pipeline.inputs.run_inputs import CuratedSchema, read_pipeline_config
from tfx_pipeline.pipeline import Places, create_pipeline


def compile_pipeline(arguments: argparse.Namespace) -> None:
    """Writes what the arguments of `tfx_pipeline.kubeflow_runner` ask for.

    Raises:
      ConfigurationError: names file and key.
    """
    config = read_pipeline_config(arguments)
    root = arguments.pipeline_root.rstrip("/")
    schema = CuratedSchema.of(config, root)
    if not arguments.compile_only:
        schema.write()
    pipeline = create_pipeline(
        config=config,
        places=Places(
            data=arguments.data,
            root=root,
            schema_file=schema.path,
            serving=arguments.serving_dir or f"{root}/serving/{config.name}",
            shared=arguments.shared_dir,
            serving_examples=arguments.serving_examples or "",
        ),
        tables_fingerprint=arguments.data_version
        or fingerprint_tables(load_tables_config(config.schema_dir), arguments.data),
        resumable=False,
    )
    options = KubeflowV2DagRunnerConfig(default_image=arguments.image)
    output = Path(arguments.output)
    KubeflowV2DagRunner(options, output_dir=str(output.parent), output_filename=output.name).run(pipeline)
    print(output)
    if arguments.compile_only:
        print(f"copy {Path(config.schema_dir) / 'examples.pbtxt'} to {schema.path}")
