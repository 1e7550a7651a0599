"""Jobs one after the other as forks of one process, since what they import, Beam above all, takes seconds to import.

python -m tfgrec.child_process PARENT tfgrec.run.job_process CHANNEL
"""

import importlib
import json
import os
import signal
import socket
import subprocess
import sys
from typing import Any

from tfgrec.child_process import end_with_parent, start_module
from tfgrec.run.stage_log import check_exit_code


class JobProcess:
    """Runs jobs, modules with a function `main(arguments)`, each as a fork of a process that has imported it.

    A job has a process of its own: it gives back all its memory, and one that is killed harms no other. It ends when
    this process does, however that one ends. Nothing is started before the first job.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen | None = None
        self._channel: Any = None

    def run(self, module: str, *arguments: str) -> None:
        """Runs a job to its end.

        Raises:
          StageFailed: it ended with an exit code that is not zero.
        """
        if self._process is None:
            self._start()
        try:
            exit_code = self._ask(module, arguments)
        except BaseException:
            self.close()
            raise
        check_exit_code(module, exit_code)

    def close(self) -> None:
        """Ends the process, and a job that it still runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._channel.close()
            self._process = None

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            self._process = start_module(__name__, [str(theirs.fileno())], files=[theirs.fileno()])
            self._channel = ours.makefile("rw", encoding="utf-8")

    def _ask(self, module: str, arguments: tuple[str, ...]) -> int:
        try:
            self._channel.write(json.dumps([module, arguments]) + "\n")
            self._channel.flush()
            answer = self._channel.readline()
        except ConnectionError:
            answer = ""
        if answer:
            return int(answer)
        # The process has ended: it could not import the job, and has said why, or was killed.
        exit_code = self._process.wait()
        self.close()
        return exit_code or 1


def _wait_for_jobs(channel: int) -> None:
    """Forks for each job that `channel` names, and tells its exit code; in a fork, runs the job and ends."""
    process, asks = os.getpid(), socket.socket(fileno=channel)
    # An interruption is for the job and for the command, which ends this process.
    interrupted = signal.signal(signal.SIGINT, signal.SIG_IGN)
    with asks, asks.makefile("rw", encoding="utf-8") as messages:
        for line in messages:
            module, arguments = json.loads(line)
            main = importlib.import_module(module).main
            job = os.fork()
            if not job:
                break
            messages.write(f"{os.waitstatus_to_exitcode(os.waitpid(job, 0)[1])}\n")
            messages.flush()
        else:
            return
    end_with_parent(process)
    signal.signal(signal.SIGINT, interrupted)
    sys.argv[:] = [module, *arguments]
    sys.exit(main(arguments))


if __name__ == "__main__":
    _wait_for_jobs(int(sys.argv[1]))
