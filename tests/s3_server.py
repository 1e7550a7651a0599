"""A server of S3's protocol, for tests: a process of its own, which ends with the one that started it.

Run as a program, it prints its address, serves what it keeps in memory, and ends when its input does.
"""

import contextlib
import logging
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

BUCKET = "tfgrec-tests"


@dataclass(frozen=True, kw_only=True)
class S3Server:
    """A server that runs.

    Attributes:
      address: where it listens, such as `http://127.0.0.1:4000`.
      log: a file with a line for each request.
    """

    address: str
    log: Path

    @property
    def url(self) -> str:
        """The URL of a bucket on it."""
        return f"s3://{BUCKET}"

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead S3's clients to it, with credentials that it takes."""
        return {
            "AWS_ENDPOINT_URL": self.address,
            "AWS_ACCESS_KEY_ID": "AKIATESTSOFTFGREC000",
            "AWS_SECRET_ACCESS_KEY": "secret+of/the+tests+of/tfgrec",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def requests(self, method: str, url: str = "") -> int:
        """How often it was asked so far, by `GET` or another method, for a URL or what begins with it."""
        wanted = f"{method} /{url.removeprefix('s3://')}"
        return sum(wanted in unquote(line) for line in self.log.read_text(encoding="utf-8").splitlines())


@contextlib.contextmanager
def running_s3_server(folder: Path) -> Iterator[S3Server]:
    """Starts a server with an empty bucket and ends it; its log is written to `folder`."""
    log = folder / "s3_requests.log"
    with log.open("w", encoding="utf-8") as errors:
        # Its input is a pipe that closes with this process, even one that is killed.
        process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
        )
    try:
        address = process.stdout.readline().strip()
        assert address, f"the S3 server did not start: {log.read_text(encoding='utf-8')}"
        yield S3Server(address=address, log=log)
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def main() -> None:
    """Serves until standard input ends."""
    from moto.server import ThreadedMotoServer

    logging.basicConfig(level=logging.INFO)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    urllib.request.urlopen(urllib.request.Request(f"{address}/{BUCKET}", method="PUT")).close()
    print(address, flush=True)
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
