"""A synthetic short-video app with a graph signal planted in it: for the demo, tests and benchmarks."""

from tfgrec.config.world import DOMAINS, WorldSettings
from tfgrec.simulation.interactions import Interactions, simulate_interactions
from tfgrec.simulation.tables import write_tables
from tfgrec.simulation.world import Catalogue, World, create_world

__all__ = [
    "DOMAINS",
    "Catalogue",
    "Interactions",
    "World",
    "WorldSettings",
    "create_world",
    "simulate_interactions",
    "write_tables",
]
