"""What an exported model answers beside its tasks."""

from typing import Annotated

from pydantic import Field

from tfgrec.config.base import FrozenConfig

Weight = Annotated[float, Field(allow_inf_nan=False)]


class ExportConfig(FrozenConfig):
    """The section `export` of a run's YAML.

    Attributes:
      combined: weights of the tasks, `{task: weight}`: the score `combined` of a candidate is the sum of the named
        tasks' scores, probabilities or label units, each times its weight. Without it: see
        `tfgrec.serving.signatures.combined_score`.
      warm_up_requests: how many requests of the validation split an export carries for TensorFlow Serving to warm up
        with; 0: none, so that it holds no user's request.
    """

    combined: dict[str, Weight] = {}
    warm_up_requests: int = Field(default=4, ge=0, le=32)
