"""Typed, frozen configuration: one YAML a run (configs/), one tables.yaml a data set (schemas/)."""

from tfgrec.config.loading import dump_config, load_run_config, load_tables_config
from tfgrec.config.run import RunConfig
from tfgrec.config.tables import TablesConfig

__all__ = ["RunConfig", "TablesConfig", "dump_config", "load_run_config", "load_tables_config"]
