"""What is installed is what the project has; the locks agree with setup.py."""

import ast
import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from test_layers import imported_modules

import tfgrec
from tools.python_stacks import STACKS

ROOT = Path(__file__).parents[1]
PACKAGES = ("tfgrec", "beam_jobs", "tfx_pipeline")
STACKS_AND_PYTHONS = [(stack, version) for stack in STACKS for version in stack.pythons]


def marker_environment(version, extra=""):
    short = f"{version[0]}.{version[1]}"
    return {
        "python_version": short,
        "python_full_version": f"{short}.5",
        "sys_platform": "linux",
        "platform_machine": "x86_64",
        "extra": extra,
    }


def locked_versions(stack, version):
    """Returns the packages that a lock file has for one Python."""
    lines = [line for line in (ROOT / stack.lock).read_text().splitlines() if re.match(r"\w", line)]
    requirements = [Requirement(line) for line in lines]
    held = [r for r in requirements if r.marker is None or r.marker.evaluate(marker_environment(version))]
    versions = {canonicalize_name(r.name): next(iter(r.specifier)).version for r in held}
    assert len(versions) == len(held), "a package is locked twice for one Python"
    return versions


@pytest.mark.parametrize(("stack", "version"), STACKS_AND_PYTHONS)
def test_locks_hold_all_that_setup_py_requires(stack, version):
    locked = locked_versions(stack, version)
    requirements = [Requirement(line) for line in importlib.metadata.requires("tfgrec")]
    extras = ["", *importlib.metadata.metadata("tfgrec").get_all("Provides-Extra")]
    checked = set()
    for requirement in requirements:
        environments = [marker_environment(version, extra) for extra in extras]
        if requirement.marker is None or any(requirement.marker.evaluate(values) for values in environments):
            name = canonicalize_name(requirement.name)
            assert locked.get(name), f"{name} is not in {stack.lock}: run `make lock`"
            assert requirement.specifier.contains(locked[name]), f"{stack.lock} is older than setup.py: run `make lock`"
            checked.add(name)
    assert {"tensorflow", "tf-keras", "tensorflow-gnn", "apache-beam", "tfx-bsl", "tfx", "pytest", "ruff"} <= checked


def test_the_stack_of_ci_is_the_one_that_was_measured():
    locked = locked_versions(STACKS[-1], (3, 10))
    expected = {"apache-beam": "2.56.0", "dill": "0.3.1.1", "protobuf": "3.20.3", "pyarrow": "10.0.1"}
    assert {name: locked[name] for name in expected} == expected


@pytest.mark.parametrize("stack", STACKS, ids=lambda stack: stack.name)
def test_locks_name_no_address(stack):
    text = (ROOT / stack.lock).read_text()
    assert not re.search(r"://|--?(extra-)?index|--find-links|@ ", text)


# Modules whose package has another name.
PACKAGE_OF = {
    "google": "tensorflow",
    "grpc": "grpcio",
    "grpc_health": "grpcio-health-checking",
    "tensorflow_serving": "tensorflow-serving-api",
    "yaml": "pyyaml",
}


def test_setup_py_requires_all_that_tfgrec_imports():
    """Not for the tests' sake alone: who installs tfgrec has no extra of theirs."""
    modules = set().union(*(imported_modules(path.read_text("utf-8")) for path in (ROOT / "tfgrec").rglob("*.py")))
    imported = {module.split(".")[0] for module in modules} - {"", "tfgrec"} - sys.stdlib_module_names
    requirements = [Requirement(line) for line in importlib.metadata.requires("tfgrec")]
    own = [of for of in requirements if not re.search("extra == ['\"](test|benchmarks|docs)", str(of.marker))]
    names = {canonicalize_name(of.name) for of in own}
    assert {canonicalize_name(PACKAGE_OF.get(module, module)) for module in imported} <= names


def test_every_folder_of_modules_is_a_package():
    folders = {path.parent for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    assert [str(folder.relative_to(ROOT)) for folder in folders if not (folder / "__init__.py").exists()] == []


def test_commands_exist():
    scripts = importlib.metadata.distribution("tfgrec").entry_points.select(group="console_scripts")
    assert {script.name for script in scripts} == {
        f"tfgrec-{name}"
        for name in (
            *("train", "evaluate", "export", "index", "compare", "convert", "serve", "skew", "simulate", "doctor"),
            *("experiment", "check", "init"),
        )
    }
    for script in scripts:
        specification = importlib.util.find_spec(script.module)
        assert specification, f"{script.name}: there is no module {script.module}"
        tree = ast.parse(Path(specification.origin).read_text(encoding="utf-8"))
        assert any(isinstance(node, ast.FunctionDef) and node.name == script.attr for node in tree.body), script.value


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `python -m build` makes: a wheel of a source distribution."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    ignore = shutil.ignore_patterns("__pycache__")
    for name in (*PACKAGES, "configs", "schemas"):
        shutil.copytree(ROOT / name, source / name, ignore=ignore, symlinks=True)
    for name in ("setup.py", "pyproject.toml", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    call_backend("build_sdist", source, folder)
    [archive] = folder.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        opened.extractall(folder / "unpacked")
    [unpacked] = (folder / "unpacked").iterdir()
    call_backend("build_wheel", unpacked, folder)
    [built] = folder.glob("*.whl")
    return built


def call_backend(hook: str, source: Path, output: Path) -> None:
    call = f"import setuptools.build_meta as b, sys; b.{hook}(sys.argv[1])"
    subprocess.run([sys.executable, "-c", call, str(output)], cwd=source, check=True, capture_output=True)


def test_wheel_holds_every_module_and_asset_and_nothing_else(wheel: Path) -> None:
    assert wheel.name == f"tfgrec-{tfgrec.__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        inside = {name for name in archive.namelist() if ".dist-info/" not in name}
    source = wheel.parent / "source"
    files = {path for package in PACKAGES for path in (source / package).rglob("*") if path.is_file()}
    # In a checkout the examples are links.
    files |= {source / "tfgrec/examples" / path.relative_to(source) for path in source.glob("configs/*")}
    files |= {source / "tfgrec/examples" / path.relative_to(source) for path in source.glob("schemas/*/*")}
    assert inside == {str(path.relative_to(source)) for path in files}


WORLD = "--users 60 --videos 40 --live-rooms 20 --authors 10 --impressions 1200"
TINY = [
    "build.shards=1",
    "sampling.output_shards=1",
    "sampling.hops=[{viewed: 2, made_by: 1}]",
    "model.towers={bottom_units: [8], task_units: [4], cross_layers: 0}",
    "training.diagnostics_every_steps=1000",
]
WHERE = "import tfgrec, beam_jobs, tfx_pipeline; print(*{m.__path__[0] for m in (tfgrec, beam_jobs, tfx_pipeline)})"


@pytest.mark.slow
def test_an_installed_wheel_works_in_any_folder(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    install = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-compile", "--target", site, wheel]
    subprocess.run([sys.executable, *install], check=True, capture_output=True)
    (tmp_path / "empty").mkdir()

    def run(*command: object) -> str:
        # What this environment has of others' packages; of ours, what the wheel brought.
        environment = {**os.environ, "PYTHONPATH": str(site)}
        done = subprocess.run(
            [str(part) for part in command], cwd=tmp_path / "empty", env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert set(run(sys.executable, "-c", WHERE).split()) == {str(site / package) for package in PACKAGES}
    assert "Nothing to mend." in run(site / "bin" / "tfgrec-doctor")
    run(site / "bin" / "tfgrec-simulate", "--output", "data", *WORLD.split())
    run(site / "bin" / "tfgrec-init", "demo", "--example", "demo")
    options = ["--config", "demo/run.yaml", "--data", "data", "--run-dir", "run", "--arm", "no_graph", "--set", *TINY]
    run(site / "bin" / "tfgrec-train", *options)
    assert (tmp_path / "empty" / "run" / "export" / "1" / "saved_model.pb").exists()
