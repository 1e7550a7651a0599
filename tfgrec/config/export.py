"""What an exported model answers beside its tasks."""

from typing import Annotated

from pydantic import Field

from tfgrec.config.base import FrozenConfig

Weight = Annotated[float, Field(allow_inf_nan=False)]


class ExportConfig(FrozenConfig):
    """The section `export` of a run's YAML.

    `combined` are weights of the tasks, `{task: weight}`: the score `combined` of a candidate is the sum of the named
    tasks' scores, probabilities or label units, each times its weight. Without it: see
    `tfgrec.serving.combined_score`.
    """

    combined: dict[str, Weight] = {}
