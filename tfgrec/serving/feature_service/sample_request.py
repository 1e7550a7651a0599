"""A request of a run's validation days, as the feature service is asked it: to try a service with."""

from pathlib import Path
from typing import Any

from tfgrec.config.tables import Requests
from tfgrec.data.examples_directory import ExamplesDirectory
from tfgrec.data.parsed_records import read_records
from tfgrec.data.recorded_requests import RecordedRequests
from tfgrec.errors import ConfigurationError
from tfgrec.graph.examples.online_request import OnlineRequest

_LOOKED_AT = 64


def logged_request(examples: str | Path, requests: Requests) -> dict[str, Any]:
    """The body of POST /rank for the request with most candidates among the first of the validation split.

    Args:
      examples: the run's examples directory.
      requests: the requests of tables.yaml.

    Raises:
      ConfigurationError: the split has no requests.
      InputDataError: see `RecordedRequests.read`.
    """
    directory = ExamplesDirectory.open(examples)
    recorded = RecordedRequests(directory.schema, requests)
    records = read_records(directory.split("validation").records).take(_LOOKED_AT)
    asked = [recorded.read(record) for record in records.as_numpy_iterator()]
    if not asked:
        raise ConfigurationError(f"{examples}: the validation split has no requests")
    return _body(max(asked, key=lambda request: len(request.items)))


def _body(request: OnlineRequest) -> dict[str, Any]:
    return {
        "user": request.user,
        "time": request.time,
        "item_node_set": request.item_node_set,
        "items": list(request.items),
        # One value stands for all candidates.
        "features": {
            name: cells[0] if cells.count(cells[0]) == len(cells) else cells for name, cells in request.features.items()
        },
    }
