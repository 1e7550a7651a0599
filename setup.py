"""Packaging of tfgrec; what is locked for `make setup` stands in requirements/ (made from here by `make lock`)."""

import re
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent

# The two stacks, told apart by Python's version: docs/compatibility.md says why there are two and what each needs.
STACK_A = [
    "tensorflow>=2.16.2,<2.17",
    "tf-keras>=2.16,<2.17",
    # Brings dill, which tfx-bsl 1.16 imports without declaring it, and has a Flink runner of the same version.
    "apache-beam==2.56.0",
    "tfx-bsl>=1.16.1,<1.17",
]
STACK_B = [
    "tensorflow>=2.21,<2.22",
    "tf-keras>=2.21,<2.22",
    "apache-beam>=2.77,<3",
    "tfx-bsl>=1.21,<1.22",
]
BOTH_STACKS = [
    "tensorflow-gnn>=1.0.3,<1.1",
    "tensorflow-recommenders>=0.7.7,<0.8",
    "google-crc32c>=1.1",
    "numpy>=1.26",
    "packaging>=22",
    "pandas>=1.5.3",
    "plotly>=5.18",
    "pyarrow>=10.0.1",
    "pydantic>=2.6,<3",
    "PyYAML>=6",
    "rich>=13",
    "scipy>=1.12",
    # TensorFlow itself brings it on stack A alone.
    "tensorboard>=2.16",
]
# What the runner for Kubeflow writes; its generated code goes with one release line of protobuf.
TFX_A = ["tfx>=1.16,<1.17", "kfp-pipeline-spec>=0.2.2,<0.3"]
TFX_B = ["tfx>=1.21,<1.22", "kfp-pipeline-spec>=2.14,<3"]
# Approximate search of large catalogues (docs/retrieval.md). Its operations are built for one TensorFlow: of stack A's
# there is a release, of stack B's none.
SCANN = ["scann>=1.3.1,<1.3.3; python_version < '3.11'"]
# The client of a model server and the feature service (docs/feature_service.md). tensorflow-serving-api comes with
# tfx-bsl, in the release that goes with each stack's protobuf.
SERVING = [
    "grpcio>=1.60",
    "grpcio-health-checking>=1.48.2",
    "httpx>=0.27,<1",
    "prometheus-client>=0.22,<1",
    "starlette>=0.40,<2",
    "tensorflow-serving-api>=2.16.1,<3",
    "uvicorn>=0.30,<1",
]
# What benchmarks.movielens compares with.
BENCHMARKS = ["lightgbm>=4.5,<5", "scikit-learn>=1.5"]
# The site that `make docs` builds.
DOCS = ["mkdocs-material>=9.6,<10", "mkdocstrings[python]>=0.29,<2", "pymdown-extensions>=10,<11"]
# The object store that tests talk to is moto's; moto[server] would bring what no test of storage needs.
TEST = [
    "flask>=3",
    "flask-cors>=5",
    "hypothesis>=6.100",
    "moto[s3]>=5",
    "pytest>=8",
    "pytest-xdist>=3.7",
    "ruff>=0.9",
    "scikit-learn>=1.5",
]

COMMANDS = (
    "check",
    "compare",
    "convert",
    "doctor",
    "evaluate",
    "experiment",
    "export",
    "index",
    "init",
    "serve",
    "simulate",
    "skew",
    "train",
)


def by_python_version(stack_a: list[str], stack_b: list[str]) -> list[str]:
    """Marks each requirement with the Python versions of its stack."""
    return [f"{requirement}; python_version < '3.11'" for requirement in stack_a] + [
        f"{requirement}; python_version >= '3.11'" for requirement in stack_b
    ]


def read_version() -> str:
    """Reads `__version__` without importing tfgrec, whose dependencies are not there yet."""
    text = (ROOT / "tfgrec" / "__init__.py").read_text(encoding="utf-8")
    return re.search(r'^__version__ = "([^"]+)"$', text, flags=re.MULTILINE).group(1)


setup(
    name="tfgrec",
    version=read_version(),
    description="Trains a graph neural network and a recommender as one model, on TensorFlow, TF-GNN and TFX",
    license="Apache-2.0",
    license_files=["LICENSE"],
    packages=find_packages(include=["tfgrec*", "beam_jobs*", "tfx_pipeline*"]),
    package_data={
        "tfgrec": ["py.typed"],
        "tfgrec.examples": ["configs/*.yaml", "schemas/*/*"],
        "tfgrec.report": ["assets/*"],
        "tfgrec.serving.feature_service": ["*.proto"],
    },
    python_requires=">=3.10,<3.14",
    install_requires=BOTH_STACKS + by_python_version(STACK_A, STACK_B),
    extras_require={
        "tfx": by_python_version(TFX_A, TFX_B),
        "scann": SCANN,
        "serving": SERVING,
        "benchmarks": BENCHMARKS,
        "docs": DOCS,
        "test": TEST,
    },
    entry_points={"console_scripts": [f"tfgrec-{name} = tfgrec.commands.{name}:main" for name in COMMANDS]},
)
