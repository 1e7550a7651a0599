"""The arrows between the packages go one way: read from the import statements of all source files."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TENSORFLOW = ("tensorflow", "tensorflow_gnn", "tensorflow_recommenders", "tf_keras", "keras")
BEAM_AND_TFX = ("apache_beam", "tfx", "tensorflow_model_analysis", "tensorflow_transform")


def imported_modules(source: str) -> set[str]:
    """Returns the full names of all modules that a source imports anywhere, functions included."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.update([node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)])
    return names


@pytest.mark.parametrize(
    ("package", "forbidden"),
    [
        ("tfgrec", [*BEAM_AND_TFX, "beam_jobs", "tfx_pipeline", "benchmarks", "tools"]),
        ("tfgrec/graph", [*TENSORFLOW, "tfgrec.model", "tfgrec.training", "tfgrec.commands"]),
        ("tfgrec/config", [*TENSORFLOW, "tfgrec.model", "tfgrec.training", "tfgrec.commands"]),
        ("tfgrec/model", [*BEAM_AND_TFX, "tfgrec.retrieval", "tfgrec.training", "tfgrec.commands"]),
        ("beam_jobs", ["tfx_pipeline", "tfx", "benchmarks"]),
        ("tfx_pipeline", ["benchmarks", "tools"]),
        ("tools", ["tfgrec", "beam_jobs"]),
    ],
)
def test_imports(package, forbidden):
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in files
        for module in imported_modules(path.read_text(encoding="utf-8"))
        for name in forbidden
        if module == name or module.startswith(f"{name}.")
    ]
    assert wrong == []


def test_the_pipeline_knows_the_jobs_by_their_entry_points():
    """What is below beam_jobs' packages is its own."""
    jobs = {"beam_jobs.build_graph", "beam_jobs.sample_subgraphs", "beam_jobs.audit"}
    sources = (path.read_text(encoding="utf-8") for path in (ROOT / "tfx_pipeline").rglob("*.py"))
    imported = {".".join(name.split(".")[:2]) for source in sources for name in imported_modules(source)}
    assert {name for name in imported if name.split(".")[0] == "beam_jobs"} == jobs | {"beam_jobs.worker_errors"}


def test_nothing_imports_keras_itself():
    """`import keras` is Keras 3 whatever TF_USE_LEGACY_KERAS says."""
    folders = ("tfgrec", "beam_jobs", "tfx_pipeline", "benchmarks", "tests")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    wrong = [
        path for path in files if any(m.split(".")[0] == "keras" for m in imported_modules(path.read_text("utf-8")))
    ]
    assert wrong == []
