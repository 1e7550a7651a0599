"""The configurations of configs/ and the schemas that they name, wherever tfgrec is installed."""

from pathlib import Path

from tfgrec.close_match import suggestion
from tfgrec.errors import ConfigurationError

# In a checkout, links to configs/ and schemas/; a wheel holds their files.
EXAMPLES = Path(__file__).parent


def example_config(name: str) -> Path:
    """The path of a run's YAML that comes with tfgrec, `demo` for example; its schema folder lies beside it.

    Raises:
      ConfigurationError: there is none of that name.
    """
    runs = {path.stem: path for path in sorted((EXAMPLES / "configs").glob("*.yaml")) if _is_run(path)}
    if name not in runs:
        raise ConfigurationError(f"example configuration '{name}' is unknown: {suggestion(name, runs)}")
    return runs[name]


def _is_run(path: Path) -> bool:
    """Whether a YAML is a run's: others lie beside them."""
    return "\nschema_dir: " in path.read_text(encoding="utf-8")
