"""What tfgrec-serve can do besides, where it is asked to: recommend from an index, and log requests."""

import argparse
from typing import TYPE_CHECKING

from tfgrec.local_path import local_path

if TYPE_CHECKING:
    from tfgrec.graph.examples.example_service import ExampleService
    from tfgrec.serving.feature_service.recommend import Recommender
    from tfgrec.serving.feature_service.request_log import RequestLog
    from tfgrec.serving.feature_service.service_metrics import FeatureServiceMetrics


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds --index and --request-log with what belongs to it."""
    parser.add_argument(
        "--index",
        type=local_path,
        metavar="DIR",
        help="also answer /recommend, from the indexes that tfgrec-index wrote there",
    )
    parser.add_argument(
        "--request-log", type=local_path, metavar="DIR", help="log requests with examples and scores, for tfgrec-skew"
    )
    parser.add_argument(
        "--request-log-share", type=float, default=0.01, metavar="SHARE", help="of all requests (default: %(default)s)"
    )
    parser.add_argument(
        "--request-log-megabytes",
        type=int,
        default=1024,
        metavar="N",
        help="of all files there; the oldest are removed (default: %(default)s)",
    )


def open_recommender(parsed: argparse.Namespace, examples: "ExampleService") -> "Recommender | None":
    """What --index asks for.

    Raises:
      ConfigurationError: there is no index.
    """
    if parsed.index is None:
        return None
    from tfgrec.serving.feature_service.recommend import Recommender, open_indexes

    return Recommender(examples=examples, indexes=open_indexes(parsed.index))


def open_request_log(
    parsed: argparse.Namespace, *, model: str, version: int | str | None, to: "FeatureServiceMetrics"
) -> "RequestLog | None":
    """What --request-log asks for; the model's name and version are written beside each answer, and counted `to`.

    Raises:
      ConfigurationError: the share is none, or the folder holds other files.
    """
    if parsed.request_log is None:
        return None
    from tfgrec.serving.feature_service.request_log import RequestLog

    return RequestLog(
        parsed.request_log,
        share=parsed.request_log_share,
        most_bytes=parsed.request_log_megabytes << 20,
        model=model,
        version=version,
        count=lambda outcome: to.logged.labels(outcome).inc(),
    )
