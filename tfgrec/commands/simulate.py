"""tfgrec-simulate: writes the tables of a synthetic short-video app, to try everything on."""

import argparse
import sys
from collections.abc import Sequence

from rich.console import Console

from tfgrec.entry_point import entry_point
from tfgrec.local_path import local_path
from tfgrec.simulation import WorldSettings
from tfgrec.simulation.simulate import simulate

_ARGUMENTS = {
    "seed": (int, "the same seed gives the same tables"),
    "users": (int, "users, of whom a share join on later days"),
    "videos": (int, "videos"),
    "live_rooms": (int, "live rooms"),
    "authors": (int, "authors, who make videos and hold live rooms"),
    "days": (int, "days of the logs"),
    "impressions": (int, "expected rows of both logs together"),
    "taste_strength": (float, "logit of a click per unit of latent affinity: the signal that only the graph carries"),
    "graph_signal": (
        float,
        "1: tastes decide who watches what, and the graph can tell them; 0: chance does, and the graph tells nothing "
        "that tables and counts do not; between: as often as that",
    ),
    "feature_fidelity": (float, "how often a table tells the truth about an item's genre or a user's interest"),
}


@entry_point
def main(arguments: Sequence[str] | None = None) -> int:
    """Writes the tables that configs/demo.yaml trains on, and beside them truth.parquet, which no training reads."""
    options = vars(_parser().parse_args(arguments))
    output = options.pop("output")
    rows = simulate(output, **options)
    console = Console(highlight=False)
    for name, count in rows.items():
        console.print(f"{count:>10,}  {output}/{name}", soft_wrap=True, markup=False)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tfgrec-simulate", description=main.__doc__)
    folder = "folder to write; an earlier simulation's tables in it are replaced, a folder of other files is refused"
    parser.add_argument("--output", required=True, type=local_path, metavar="DIR", help=folder)
    defaults = WorldSettings()
    for name, (kind, meaning) in _ARGUMENTS.items():
        default = getattr(defaults, name)
        parser.add_argument(
            f"--{name.replace('_', '-')}", type=kind, default=default, help=f"{meaning} (default: {default:,})"
        )
    return parser


if __name__ == "__main__":
    sys.exit(main())
