"""What an arm must not break while it is better: latency, errors, calibration; and what it costs."""

from typing import Any

from tfgrec.experiment.online_experiment import OnlineExperiment
from tfgrec.files import read_json

CALIBRATED = "is_click"


def guard_rails(experiment: OnlineExperiment) -> dict[str, Any]:
    """`cost` and `guard_rails` by arm, of arms with a model; requests a second are of sampling and ranking alone."""
    cost, rails = {}, {}
    limits = experiment.config.guard_rails
    for group, arms in experiment.groups.items():
        nights = [day for day in range(experiment.days.stop) if experiment.nights.is_due(day)]
        for arm in arms:
            days = [experiment.cost(day)["arms"][arm] for day in experiment.days]
            requests, failed = (sum(day[name] for day in days) for name in ("requests", "failed"))
            latency = max(day["latency_ms"]["p99"] for day in days)
            ratios = [_calibration(experiment, night, group, arm) for night in nights]
            known = [ratio for ratio in ratios if ratio is not None]
            worst = max(known, key=lambda ratio: abs(ratio - 1), default=None)
            trained = [experiment.nights.seconds(night, group) for night in nights]
            seconds = {
                "sampling_seconds": sum(day["sampling_seconds"] for day in days),
                "model_seconds": sum(day["model_seconds"] for day in days),
                "training_seconds": sum(seconds[arm] for seconds in trained),
                "graph_and_records_seconds": sum(seconds["graph and records"] for seconds in trained),
            }
            cost[arm] = {
                "requests": requests,
                "candidates": sum(day["candidates"] for day in days),
                "requests_per_second": requests / max(seconds["sampling_seconds"] + seconds["model_seconds"], 1e-9),
                **seconds,
                "dominated_by": max(seconds, key=seconds.get).removesuffix("_seconds").replace("_", " "),
            }
            rails[arm] = {
                "latency_ms": {"value": latency, "limit": limits.latency_ms, "kept": latency <= limits.latency_ms},
                "error_share": {
                    "value": failed / max(requests, 1),
                    "limit": limits.error_share,
                    "kept": failed <= limits.error_share * requests,
                },
                "calibration": {
                    "value": worst,
                    "limit": limits.calibration,
                    "kept": worst is None or abs(worst - 1) <= limits.calibration,
                },
            }
    return {"cost": cost, "guard_rails": rails}


def _calibration(experiment: OnlineExperiment, night: int, group: str, arm: str) -> float | None:
    """Predicted clicks over clicks, of the hours that a night's training left out."""
    metrics = read_json(experiment.directory.training(night, group, arm).metrics)
    return metrics.get("validation", {}).get(CALIBRATED, {}).get("calibration")
