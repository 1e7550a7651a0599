"""What components that read tables are told of them."""

from tfx.types.component_spec import ExecutionParameter


def source_parameters() -> dict[str, ExecutionParameter]:
    """Execution parameters of a ComponentSpec, alike for GraphBuilder and SubgraphExampleGen.

    spec: sections of a `RunSpec`, as JSON.
    data: the folder of the tables, on any file system that Beam knows.
    tables_fingerprint: changes when the tables do.
    span: the newest day.
    shared_dir: a local folder that all workers of a Beam runner elsewhere see; "": none is needed.
    """
    kinds = {"spec": str, "data": str, "tables_fingerprint": str, "span": int, "shared_dir": str}
    return {name: ExecutionParameter(type=kind) for name, kind in kinds.items()}
