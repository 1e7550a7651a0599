"""A run's retrieval: measured on its validation split, and exported as indexes."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tensorflow as tf

import tfgrec
from tfgrec.config import TablesConfig, load_tables_config
from tfgrec.config.model import RetrievalConfig
from tfgrec.errors import ConfigurationError
from tfgrec.graph.examples.solo_examples import Side, SoloExamples
from tfgrec.graph.store.graph_store import GraphStore
from tfgrec.retrieval.evaluation import RetrievalEvaluation
from tfgrec.retrieval.index import Search, export_index
from tfgrec.retrieval.item_vectors import encode_items
from tfgrec.retrieval.queries import Queries, read_queries
from tfgrec.retrieval.solo_vectors import make_vector_function

if TYPE_CHECKING:
    from tfgrec.training.run_model import RunModel


class RunRetrieval:
    """What a trained run with `model.retrieval` finds.

    Args:
      run_model: the run's model and records.

    Raises:
      ConfigurationError: the run's model has no retrieval task.
    """

    def __init__(self, run_model: "RunModel") -> None:
        if run_model.config.model.retrieval is None:
            raise ConfigurationError(f"{run_model.run.root}: was trained without model.retrieval")
        self._run_model = run_model
        self._config: RetrievalConfig = run_model.config.model.retrieval
        self._batch_size = run_model.config.training.evaluation_batch_size

    @cached_property
    def _store(self) -> GraphStore:
        return GraphStore.open(self._run_model.run.graph, checked=True)

    @cached_property
    def _tables(self) -> TablesConfig:
        return load_tables_config(self._run_model.config.schema_dir)

    @cached_property
    def _examples(self) -> SoloExamples:
        sampling = self._run_model.config.sampling
        return SoloExamples(store=self._store, sampling=sampling, requests=self._tables.requests)

    @cached_property
    def _encode_user(self) -> Callable[[tf.Tensor], tf.Tensor]:
        return self._vector_function("user")

    @cached_property
    def _encode_item(self) -> Callable[[tf.Tensor], tf.Tensor]:
        return self._vector_function("item")

    def _vector_function(self, side: Side) -> Callable[[tf.Tensor], tf.Tensor]:
        return make_vector_function(self._run_model.trained, self._run_model.serving_schema, side)

    def _queries(self, split: str) -> dict[str, Queries]:
        return read_queries(
            self._run_model.examples.split(split),
            schema=self._run_model.examples.schema,
            store=self._store,
            user_node_set=self._tables.requests.user_node_set,
            features=list(self._tables.requests.features),
            positive=self._config.positive,
            batch_size=self._batch_size,
        )

    def evaluate(self, split: str = "validation") -> dict[str, Any]:
        """Measures the trained model on a split, see `tfgrec.retrieval.evaluation`."""
        evaluation = RetrievalEvaluation(
            encode_user=self._encode_user,
            encode_item=self._encode_item,
            store=self._store,
            examples=self._examples,
            config=self._run_model.config.evaluation.retrieval,
            batch_size=self._batch_size,
        )
        return evaluation.run(self._queries(split))

    def export_indexes(self, *, time: int, search: Search) -> list[Path]:
        """Encodes all items as of `time` (milliseconds since 1970); writes an index of each item node set as the next
        version in `index/<node set>/` of the run, see `tfgrec.retrieval.index`."""
        return [self._export_index(node_set, time, search) for node_set in sorted(self._store.schema.item_readouts())]

    def _export_index(self, node_set: str, time: int, search: Search) -> Path:
        items = encode_items(
            self._encode_item,
            store=self._store,
            examples=self._examples,
            node_set=node_set,
            time=time,
            batch_size=self._batch_size,
        )
        run_model = self._run_model
        described = {"item_node_set": node_set, "time": time, "items": len(items.ids), "search": search}
        return export_index(
            run_model.trained,
            items,
            schema=run_model.serving_schema,
            folder=run_model.run.index / node_set,
            search=search,
            sample=run_model.sample("validation"),
            extra={"tfgrec": tfgrec.__version__, **described, "config": run_model.config.model_dump(mode="json")},
        )


def evaluate_retrieval(run_model: "RunModel", split: str) -> dict[str, Any]:
    """`{"retrieval": metrics}` of a trained model on a split; nothing for a model without retrieval."""
    if run_model.config.model.retrieval is None:
        return {}
    return {"retrieval": RunRetrieval(run_model).evaluate(split)}
