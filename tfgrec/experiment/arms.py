"""The arms that an experiment may have."""

from collections.abc import Sequence
from typing import get_args

from tfgrec.close_match import suggestion
from tfgrec.config.run import Arm
from tfgrec.errors import ConfigurationError

MODEL_ARMS: tuple[str, ...] = get_args(Arm)
"""Arms whose models are trained and served."""
PLAIN_ARMS = ("popular", "random", "oracle")
"""Arms that need no training."""
ARMS = (*MODEL_ARMS, *PLAIN_ARMS)


def check_arms(arms: Sequence[str], baseline: str | None) -> str:
    """Returns the baseline, by default the first arm.

    Raises:
      ConfigurationError: an arm is unknown or named twice, there are fewer than two, or the baseline is none of them.
    """
    for arm in arms:
        if arm not in ARMS:
            raise ConfigurationError(f"--arms {arm}: is no arm: {suggestion(arm, ARMS)}")
    if len(arms) < 2 or len(set(arms)) < len(arms):
        raise ConfigurationError(f"--arms {' '.join(arms)}: expected two arms or more, each once")
    if baseline is not None and baseline not in arms:
        raise ConfigurationError(f"--baseline {baseline}: is not among --arms: {suggestion(baseline, arms)}")
    return baseline or arms[0]
