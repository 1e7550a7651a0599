"""What a training consists of: phases of epochs, each with losses of its own."""

import dataclasses
from typing import Literal

from tfgrec.config.run import Arm
from tfgrec.config.training import TrainingConfig
from tfgrec.data.input_pipeline import TrainingData
from tfgrec.model.configuration_checks import PRETRAINED_ARMS


@dataclasses.dataclass(frozen=True)
class Phase:
    """Epochs with one set of losses: `pretraining` learns the encoder's alone, the others all of the arm's.

    Attributes:
      name: `ranking` makes the trained model; `selection` finds out how long it is to train.
      epochs: the most that there can be.
      stops_early: whether it leaves the cut of early stopping out, and stops when that says so.
      refits: whether it begins where the phase before began, and takes the steps that were best there.
    """

    name: Literal["pretraining", "selection", "ranking"]
    epochs: int
    stops_early: bool = False
    refits: bool = False

    @property
    def tables_learn_throughout(self) -> bool:
        """Whether tables of ids learn to the end, where the configuration does not say how long they do.

        Ranking over-fits by them after an epoch, and early stopping sees that. Pre-training draws anew what it hides.
        """
        return self.stops_early or self.refits or self.name == "pretraining"


def phases_of(arm: Arm, config: TrainingConfig) -> list[Phase]:
    """What an arm trains, in order."""
    if config.early_stopping is None:
        ranking = [Phase("ranking", config.epochs)]
    elif config.early_stopping.refit:
        selection = Phase("selection", config.epochs, stops_early=True)
        ranking = [selection, Phase("ranking", config.epochs, refits=True)]
    else:
        ranking = [Phase("ranking", config.epochs, stops_early=True)]
    return [Phase("pretraining", config.pretraining_epochs), *ranking] if arm in PRETRAINED_ARMS else ranking


@dataclasses.dataclass(frozen=True)
class PhaseSpan:
    """What a phase trains on, in which batches, and the most steps that it takes."""

    data: TrainingData
    batch_size: int
    steps: int

    @property
    def steps_per_epoch(self) -> int:
        """Batches of one pass."""
        return self.data.steps_per_epoch(self.batch_size)

    def requests_until(self, step: int) -> int:
        """Requests of the first `step` batches."""
        epochs, rest = divmod(step, self.steps_per_epoch)
        return epochs * self.data.num_requests + rest * self.batch_size
