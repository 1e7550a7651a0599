"""A model made ready for a phase of training: its optimizers, clipping, precision and XLA, as configured."""

from typing import TYPE_CHECKING

from tfgrec.config.training import TrainingConfig
from tfgrec.training.precision import with_loss_scale
from tfgrec.training.schedules import make_embedding_optimizer, make_optimizer

if TYPE_CHECKING:
    from tfgrec.model.joint_model import JointModel


def compile_model(
    model: "JointModel", config: TrainingConfig, *, total_steps: int, steps_per_epoch: int, until_stopped: bool = False
) -> None:
    """Gives a model fresh optimizers for a phase; to be called in the scope of its replicas.

    Args:
      model: a built model, with the losses of the phase.
      config: rates, clipping, precision, and whether XLA compiles.
      total_steps: of the phase; rates fall until then.
      steps_per_epoch: batches of an epoch.
      until_stopped: whether early stopping decides how long tables learn, unless the configuration does.
    """
    optimizer = config.optimizer
    undecayed = [variable for variable in model.trainable_variables if variable.shape.rank < 2]
    of_tables = make_embedding_optimizer(
        optimizer, total_steps=total_steps, steps_per_epoch=steps_per_epoch, until_stopped=until_stopped
    )
    of_others = make_optimizer(optimizer, total_steps=total_steps, undecayed=undecayed)
    model.compile(
        optimizer=with_loss_scale(of_others, config.mixed_precision),
        embedding_optimizer=with_loss_scale(of_tables, config.mixed_precision),
        clip_norm=optimizer.clip_norm,
        jit_compile=config.jit_compile,
    )
