"""How a run of the pipeline ended, in sentences."""

from pathlib import Path

from tfgrec.errors import TfgrecError
from tfx_pipeline.evaluation.results import blessing_failures
from tfx_pipeline.local.run_record import RunRecord


def told_outcome(run: RunRecord, error: BaseException | None) -> list[str]:
    """What stopped the run, or why its model was not pushed, or where it was pushed to."""
    if error is not None:
        lines = str(error).splitlines() if isinstance(error, TfgrecError) else [f"The run ended with {error!r}"]
        return [*lines, "The served model is as it was."]
    evaluation = run.find("Evaluator")
    failures = blessing_failures(evaluation.outputs["evaluation"]) if evaluation else []
    if failures:
        return ["The model was not blessed, the served one stays:", *failures]
    pusher = run.find("Pusher")
    pushed = Path(pusher.outputs["pushed_model"]) if pusher else None
    if pushed is None or not any(pushed.iterdir()):
        return ["The model was not pushed, the served one stays."]
    if pusher.state == "cached":
        return ["Nothing has changed since an earlier run: the model that it pushed stays."]
    return ["The model was blessed and pushed."]
