"""The arrows between the packages go one way: read from the import statements of all source files."""

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TENSORFLOW = ("tensorflow", "tensorflow_gnn", "tensorflow_recommenders", "tf_keras", "keras")
PACKAGES = ("tfgrec", "beam_jobs", "tfx_pipeline")
BEAM_AND_TFX = ("apache_beam", "tfx", "tensorflow_model_analysis", "tensorflow_transform")
CLIENTS_AND_SERVICE = ["tfgrec.serving.clients", "tfgrec.serving.feature_service"]


@cache
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
        ("tfgrec/checks", [*TENSORFLOW, "tfgrec.training", "tfgrec.stages", "tfgrec.commands"]),
        ("tfgrec/model", [*BEAM_AND_TFX, "tfgrec.retrieval", "tfgrec.training", "tfgrec.commands"]),
        ("tfgrec/serving/signatures", ["tfgrec.serving.exported", *CLIENTS_AND_SERVICE]),
        ("tfgrec/serving/exported", CLIENTS_AND_SERVICE),
        ("tfgrec/serving/clients", ["tfgrec.serving.feature_service"]),
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


def package_of(module: str) -> str:
    """The package of a module at depth two, such as tfgrec.graph; a module beside the packages stands for itself."""
    return ".".join(module.split(".")[:2])


def package_imports() -> dict[str, dict[str, list[str]]]:
    """By package the packages it imports from, anywhere, and in which files."""
    found: dict[str, dict[str, list[str]]] = {}
    for path in (path for folder in PACKAGES for path in sorted((ROOT / folder).rglob("*.py"))):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        of_package = found.setdefault(package_of(module), {})
        for name in imported_modules(path.read_text(encoding="utf-8")):
            other = package_of(name)
            if other != package_of(module) and name.split(".")[0] in PACKAGES and is_module(other):
                of_package.setdefault(other, []).append(str(path.relative_to(ROOT)))
    return found


def is_module(name: str) -> bool:
    """Whether a name is a package's, or that of a module beside the packages."""
    path = ROOT / name.replace(".", "/")
    return "." in name and (path.is_dir() or path.with_suffix(".py").exists())


def test_no_packages_import_one_another_in_a_circle():
    """Functions' imports, and those for the type checker, count as well."""
    left = package_imports()
    assert {"tfgrec.graph", "beam_jobs.tables", "tfx_pipeline.local", "tfgrec.files"} <= set(left)
    while free := [name for name, imports in left.items() if not imports.keys() & left.keys()]:
        for name in free:
            del left[name]
    assert {name: {other: files for other, files in of.items() if other in left} for name, of in left.items()} == {}


def test_nothing_imports_keras_itself():
    """`import keras` is Keras 3 whatever TF_USE_LEGACY_KERAS says."""
    folders = ("tfgrec", "beam_jobs", "tfx_pipeline", "benchmarks", "tests")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    wrong = [
        path for path in files if any(m.split(".")[0] == "keras" for m in imported_modules(path.read_text("utf-8")))
    ]
    assert wrong == []


FIRST_PARTY = ("tfgrec", "beam_jobs", "tfx_pipeline", "benchmarks", "tools")


def bound_names(statements: list[ast.stmt]) -> set[str]:
    """Returns the names that a module's statements bind at its top, branches and blocks included."""
    names: set[str] = set()
    for statement in statements:
        if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
            names.add(statement.name)
        elif isinstance(statement, (ast.Import, ast.ImportFrom)):
            names.update(alias.asname or alias.name.split(".")[0] for alias in statement.names)
        else:
            names.update(node.id for node in ast.walk(statement) if isinstance(node, ast.Name))
            names |= bound_names([node for node in ast.iter_child_nodes(statement) if isinstance(node, ast.stmt)])
    return names


@cache
def importable_names(name: str) -> set[str]:
    """Returns what may be imported from one of our modules: what it binds, and the modules in it."""
    module = ROOT / name.replace(".", "/")
    source = module / "__init__.py" if module.is_dir() else module.with_suffix(".py")
    bound = bound_names(ast.parse(source.read_text(encoding="utf-8")).body) if source.exists() else set()
    return bound | {entry.stem for entry in module.glob("*")}


def missing_names(path: Path) -> list[str]:
    """Returns the names that a file imports from our own modules, and that those don't have."""
    missing = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom) or (node.module or "").split(".")[0] not in FIRST_PARTY:
            continue
        names = importable_names(node.module)
        missing += [f"{node.module}.{alias.name}" for alias in node.names if alias.name not in names]
    return missing


def test_every_imported_name_is_there():
    """An import inside a function, or for the type checker alone, fails long after the name has moved."""
    files = [path for folder in (*FIRST_PARTY, "tests") for path in (ROOT / folder).rglob("*.py")]
    assert {str(path.relative_to(ROOT)): names for path in files if (names := missing_names(path))} == {}


def test_a_module_that_is_run_has_nothing_behind_that():
    """`python -m` would run its main before what is defined there."""
    for folder in (*PACKAGES, "benchmarks", "tools", "tests", "docs"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            body = ast.parse(path.read_text(encoding="utf-8")).body
            guards = [place for place, node in enumerate(body) if ast.unparse(node).startswith("if __name__ ==")]
            assert guards in ([], [len(body) - 1]), path
