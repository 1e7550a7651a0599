"""What all commands have in common: how they end."""

import functools
import os
import sys
import warnings
from collections.abc import Callable, Sequence

from tfgrec.errors import TfgrecError
from tfgrec.stages import StageFailed

USER_ERROR = 2
INTERRUPTED = 130


def entry_point(main: Callable[[Sequence[str] | None], int | None]) -> Callable[..., int]:
    """Makes of `main(arguments)` a command that ends with an exit code.

    0 (or None) is success, 2 an error that the user can mend (its message alone is printed), 130 an interruption.
    """

    @functools.wraps(main)
    def run(arguments: Sequence[str] | None = None) -> int:
        # TensorFlow's own start-up messages would bury ours; set the variable to 0 to see them.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        # Nor is it news to the user that Python 3.10, which stack A needs, is old.
        warnings.filterwarnings("ignore", message=".*non-supported Python version", category=FutureWarning)
        try:
            return main(arguments) or 0
        except TfgrecError as error:
            print(f"error: {error}", file=sys.stderr)
            return USER_ERROR
        except StageFailed as failure:
            if failure.exit_code != USER_ERROR:
                print(f"error: {failure}", file=sys.stderr)
            return failure.exit_code
        except KeyboardInterrupt:
            print("\ninterrupted; run the same command again to go on", file=sys.stderr)
            return INTERRUPTED

    return run
