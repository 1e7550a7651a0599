"""Builds the retrieval task from the configuration: which tower reads what."""

from collections.abc import Mapping, Sequence

from tfgrec.close_match import suggestion
from tfgrec.config.model import RetrievalConfig
from tfgrec.errors import ConfigurationError
from tfgrec.model.features.feature_specs import FeatureSpec
from tfgrec.model.retrieval.retrieval_task import RETRIEVAL, RetrievalTask

# Of the ranker's fields and of the encoder's.
_QUERY_FIELDS = {"user": "ranker", "graph_user": "graph"}
_ITEM_FIELDS = {"item": "ranker", "graph_item": "graph"}


def build_retrieval(
    *,
    config: RetrievalConfig,
    specs: Mapping[str, FeatureSpec],
    item_edge_sets: Sequence[str],
    fields: Sequence[str],
) -> RetrievalTask:
    """The retrieval task of a model.

    Args:
      config: `model.retrieval`, its names known to be in the records.
      specs: encodings of the `_readout` features, labels excluded.
      item_edge_sets: readout edge sets of the item node sets.
      fields: the fields that the model has: the ranker's, and with a graph the encoder's.

    Raises:
      ConfigurationError: a feature is not encoded, or a tower has nothing to read.
    """
    query = _inputs("query", _QUERY_FIELDS, config.query_features, config, specs, fields)
    item = _inputs("item", _ITEM_FIELDS, config.item_features, config, specs, fields)
    return RetrievalTask(
        query_fields=query[0],
        query_specs=query[1],
        item_fields=item[0],
        item_specs=item[1],
        item_edge_sets=item_edge_sets,
        config=config,
        name=RETRIEVAL,
    )


def _inputs(
    side: str,
    side_fields: Mapping[str, str],
    features: Sequence[str],
    config: RetrievalConfig,
    specs: Mapping[str, FeatureSpec],
    fields: Sequence[str],
) -> tuple[list[str], dict[str, FeatureSpec]]:
    """The fields and the features that one side's tower reads."""
    unwanted = () if config.ranker_fields else ("ranker",)
    read = [name for name, source in side_fields.items() if name in fields and source not in unwanted]
    for name in features:
        if name not in specs:
            hint = suggestion(name, specs)
            raise ConfigurationError(f"model.retrieval.{side}_features: the model does not encode '{name}': {hint}")
    if not read and not features:
        raise ConfigurationError(
            f"model.retrieval: the {side} tower has nothing to read: set ranker_fields or {side}_features"
        )
    return read, {name: specs[name] for name in features}
