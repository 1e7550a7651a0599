"""What a served model calls its signature, inputs and outputs, and tasks that can't be called so."""

from collections.abc import Collection

from tfgrec.close_match import suggestion

SIGNATURE, EXAMPLES = "serving_default", "examples"
COMBINED, CANDIDATES_PER_REQUEST = "combined", "candidates_per_request"


def output_problems(tasks: Collection[str], combined: Collection[str]) -> list[str]:
    """Tasks with the name of another output, and weights of the combined score that are of no task."""
    taken = [
        f"model.tasks.{name}: a served model has another output of that name: choose another one"
        for name in (COMBINED, CANDIDATES_PER_REQUEST)
        if name in tasks
    ]
    unknown = [
        f"export.combined.{name}: there is no task '{name}': {suggestion(name, tasks)}"
        for name in combined
        if name not in tasks
    ]
    return [*taken, *unknown]
