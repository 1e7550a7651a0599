"""tfgrec-serve as a process that is killed and started again, and how much memory it holds."""

import dataclasses
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np

_SECONDS_TO_START = 600
_SECONDS_BETWEEN_LOOKS = 0.5
_BYTES_PER_MEGABYTE = 1 << 20


@dataclasses.dataclass(frozen=True)
class Down:
    """A time without a service, by time.monotonic(): from its end by SIGKILL until the next one was ready."""

    start: float
    end: float


class ServedProcess:
    """A service at one address, whichever process it is.

    Args:
      command: what starts it.
      url: where it then answers.
    """

    def __init__(self, command: Sequence[str], url: str) -> None:
        self._command, self._url = list(command), url
        self._memory: list[tuple[float, int]] = []
        self._stopped = threading.Event()
        self._process = self._start()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    def kill_and_restart(self) -> Down:
        """Ends the process by SIGKILL and starts the next one.

        Raises:
          RuntimeError: it did not start.
        """
        start = time.monotonic()
        self._process.kill()
        self._process.wait()
        self._process = self._start()
        # The memory of the process before is no part of this one's.
        self._memory.clear()
        return Down(start, time.monotonic())

    def stop(self) -> None:
        """Ends it as an operator does.

        Raises:
          RuntimeError: it had ended by itself.
        """
        self._stopped.set()
        self._watcher.join()
        if self._process.poll() is not None:
            raise RuntimeError(f"the service ended by itself, with exit code {self._process.returncode}")
        self._process.terminate()
        self._process.wait()

    def close(self) -> None:
        """Ends it, whatever has become of it."""
        self._stopped.set()
        self._process.kill()
        self._process.wait()

    def memory(self, since: float) -> dict[str, Any]:
        """Resident megabytes, mapped files aside: at the last look, how many more a minute on average, and by minute.

        `since` is what time.monotonic() said at the first look that counts.
        """
        looks = [look for look in self._memory if look[0] >= since]
        seconds, held = np.array(looks, float).T
        slope = np.polyfit(seconds, held, 1)[0] if len(looks) > 1 else 0.0
        return {
            "anonymous_mb": round(held[-1] / _BYTES_PER_MEGABYTE, 1),
            "anonymous_mb_more_a_minute": round(slope * 60 / _BYTES_PER_MEGABYTE, 3),
            "anonymous_mb_by_minute": (held[:: round(60 / _SECONDS_BETWEEN_LOOKS)] / _BYTES_PER_MEGABYTE)
            .round(1)
            .tolist(),
        }

    def _start(self) -> subprocess.Popen:
        process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        for _ in range(_SECONDS_TO_START * 10):
            try:
                if httpx.get(f"{self._url}/readyz").status_code == httpx.codes.OK:
                    return process
            except httpx.TransportError:
                pass
            if process.poll() is not None:
                raise RuntimeError(f"the service did not start: exit code {process.returncode}")
            time.sleep(0.1)
        process.kill()
        raise RuntimeError(f"the service was not ready after {_SECONDS_TO_START} seconds")

    def _watch(self) -> None:
        while not self._stopped.wait(_SECONDS_BETWEEN_LOOKS):
            if (held := _anonymous_bytes(self._process.pid)) is not None:
                self._memory.append((time.monotonic(), held))


def _anonymous_bytes(pid: int) -> int | None:
    """What a process holds beside mapped files, which the kernel takes back when others need it; None: it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("RssAnon")), None)
