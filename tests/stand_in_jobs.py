"""What stands in for the Beam jobs where a test looks at the stages around them."""

import shutil
from pathlib import Path

import small_records

from tfgrec.simulation import WorldSettings, create_world, simulate_interactions, write_tables


class Jobs:
    """Stands in for the Beam jobs: copies finished outputs, and counts."""

    def __init__(self, outputs: Path) -> None:
        self.done: list[str] = []
        self._outputs = outputs

    def __call__(self, module: str, *arguments: str) -> None:
        self.done.append(module)
        folder = Path(arguments[arguments.index("--examples" if "audit" in module else "--output") + 1])
        if module == "beam_jobs.audit":
            (folder / "audit.json").write_text("{}")
            return
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self._outputs / folder.name, folder)


def write_outputs(folder: Path) -> Path:
    """What Jobs copies, and tables of a world that is none of theirs in `data`."""
    store = small_records.write_store(folder / "graph")
    small_records.write_examples(folder / "examples", store, {"train": 20, "validation": 10})
    world = create_world(WorldSettings(users=20, videos=20, live_rooms=20, authors=5, days=2, impressions=100))
    write_tables(world, simulate_interactions(world), folder / "data")
    return folder
