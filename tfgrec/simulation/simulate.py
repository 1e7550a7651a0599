"""A synthetic short-video app in one call: its tables in a folder."""

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tfgrec.config.world import WorldSettings
from tfgrec.errors import ConfigurationError
from tfgrec.simulation.interactions import simulate_interactions
from tfgrec.simulation.tables import write_tables
from tfgrec.simulation.world import create_world


def simulate(output: str | Path, **settings: Any) -> dict[str, int]:
    """Writes the tables that configs/demo.yaml trains on, as tfgrec-simulate; returns their rows by file name.

    Args:
      output: the folder; an earlier simulation's tables in it are replaced.
      **settings: those of `tfgrec.simulation.WorldSettings`: `users`, `videos`, `days`, `impressions`, `seed` ...

    Raises:
      ConfigurationError: names the setting that does not fit.
      InputDataError: `output` has files that no simulation wrote.
    """
    try:
        checked = WorldSettings(**settings)
    except ValidationError as error:
        problems = [(f"--{problem['loc'][0]}".replace("_", "-"), problem) for problem in error.errors()]
        raise ConfigurationError(
            "\n".join(f"{option} {problem['input']}: {problem['msg']}" for option, problem in problems)
        ) from error
    world = create_world(checked)
    return write_tables(world, simulate_interactions(world), output)
