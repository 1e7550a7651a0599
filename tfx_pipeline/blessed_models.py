"""Which blessed model a run compares with, and starts from."""

import logging
from collections.abc import Iterable

from ml_metadata import MetadataStore
from tfx.dsl.components.common.resolver import ResolverStrategy
from tfx.types import Artifact
from tfx.types.standard_artifacts import Model, ModelBlessing

from tfgrec.errors import InputDataError
from tfx_pipeline.training.trained_model import RunOfModel, read_run

_LOGGER = logging.getLogger(__name__)
# Custom properties that TFX's Evaluator gives to a blessing.
_BLESSED, _MODEL_ID = "blessed", "current_model_id"

Artifacts = dict[str, list[Artifact]]


class EarlierBlessedModelStrategy(ResolverStrategy):
    """Resolves the newest blessed model that an earlier run trained, on days not after this run's newest.

    TFX's LatestBlessedModelStrategy would give to a run that is repeated, or gone on with, the model that this very run
    has trained and blessed: another base model than its first attempt had, so that nothing is found in the cache and
    the training runs again. A run of the past, repeated with other settings, is not compared with models that know its
    future.

    Takes and gives one channel of models and one of their blessings, both empty where there is no such model.

    Args:
      fingerprint: of this run, see `tfx_pipeline.training.trained_model.RunOfModel`.
      span: its newest day.
    """

    def __init__(self, fingerprint: str, span: int):
        self._fingerprint = fingerprint
        self._span = span

    def resolve_artifacts(self, store: MetadataStore, input_dict: Artifacts) -> Artifacts:
        """Chooses among all models and blessings of the pipeline."""
        del store
        models, blessings = (_only(kind, input_dict.values()) for kind in (Model, ModelBlessing))
        candidates = newest_blessed_first(models, blessings)
        chosen = next((pair for pair in candidates if self._is_earlier(pair[0])), ())
        ids = {artifact.id for artifact in chosen}
        return {
            key: [artifact for artifact in artifacts if artifact.id in ids] for key, artifacts in input_dict.items()
        }

    def _is_earlier(self, model: Artifact) -> bool:
        try:
            run: RunOfModel = read_run(model.uri)
        except InputDataError as error:
            _LOGGER.warning("A blessed model is passed over: %s", error)
            return False
        return run.fingerprint != self._fingerprint and run.span <= self._span


def newest_blessed_first(models: Iterable[Artifact], blessings: Iterable[Artifact]) -> list[tuple[Artifact, Artifact]]:
    """Blessed models, each with its blessing; the one that was trained last comes first."""
    blessed = {
        blessing.get_int_custom_property(_MODEL_ID): blessing
        for blessing in blessings
        if blessing.get_int_custom_property(_BLESSED) == 1
    }
    pairs = [(model, blessed[model.id]) for model in models if model.id in blessed]
    return sorted(pairs, key=lambda pair: pair[0].id, reverse=True)


def _only(kind: type[Artifact], channels: Iterable[list[Artifact]]) -> list[Artifact]:
    return [artifact for artifacts in channels for artifact in artifacts if isinstance(artifact, kind)]
