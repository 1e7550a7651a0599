"""From a user to candidates: the index of retrieval finds what `rank` then scores."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tfgrec.close_match import suggestion
from tfgrec.errors import ConfigurationError, InputDataError
from tfgrec.graph.examples.example_service import ExampleService
from tfgrec.graph.examples.online_request import OnlineRequest
from tfgrec.model_versions import newest_version
from tfgrec.serving.clients.client import ModelClient
from tfgrec.serving.clients.saved_model_client import SavedModelClient
from tfgrec.serving.exported.saved_model import EXTRA_ASSETS
from tfgrec.serving.signatures.names import EXAMPLES, SIGNATURE

_K, _IDS = "k", "ids"


class Recommender:
    """Finds candidates. Several threads may ask one.

    Args:
      examples: makes the example of the user who asks.
      indexes: by the node set of what they find: `tfgrec.retrieval.index` says what they answer.
    """

    def __init__(self, *, examples: ExampleService, indexes: Mapping[str, ModelClient]) -> None:
        self._examples, self._indexes = examples, indexes

    def find(self, request: OnlineRequest, count: int) -> OnlineRequest:
        """The request with the candidates that the index has for it, best first; its own items are not read.

        There are `count`, or as many as the index has.

        Raises:
          InputDataError: the request is wrong, see `ExampleService.query_examples`, or there is no index of its node
            set.
          ModelServerError: the index can't be asked.
        """
        node_set = request.item_node_set
        if node_set is None and len(self._indexes) == 1:
            [node_set] = self._indexes
        asked = dataclasses.replace(request, item_node_set=node_set)
        [example] = self._examples.query_examples([asked])
        if node_set not in self._indexes:
            hint = suggestion(node_set or "", self._indexes)
            raise InputDataError(f"item_node_set '{node_set}': there is no index of it: {hint}")
        found = self._indexes[node_set].predict(SIGNATURE, {EXAMPLES: [example], _K: np.int32(count)})
        items = [item.decode() if isinstance(item, bytes) else item for item in found[_IDS][0].tolist()]
        return dataclasses.replace(asked, items=items)


def open_indexes(folder: Path) -> dict[str, ModelClient]:
    """The newest index of each node set in a folder, as tfgrec-index writes them: `<node set>/<version>/`.

    Raises:
      ConfigurationError: there is none, or it was built with ScaNN, which is not installed.
    """
    newest = {of_node_set.name: newest_version(of_node_set) for of_node_set in sorted(folder.glob("*"))}
    indexes = {name: _open_index(path) for name, path in newest.items() if path is not None}
    if not indexes:
        raise ConfigurationError(f"--index {folder}: has no index of retrieval, run tfgrec-index first")
    return indexes


def _open_index(path: Path) -> ModelClient:
    described = json.loads((path / EXTRA_ASSETS).read_text(encoding="utf-8"))
    if described.get("search") == "scann":
        try:
            # The operations that the index is made of.
            from scann import scann_ops  # noqa: F401
        except ImportError as error:
            raise ConfigurationError(f"{path}: takes ScaNN: pip install 'tfgrec[scann]'") from error
    return SavedModelClient(path)
