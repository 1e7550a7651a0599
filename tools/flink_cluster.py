"""A real Flink cluster on this machine for Beam jobs: python -m tools.flink_cluster start|status|stop --dir DIR.

One JobManager, TaskManagers and Beam's job server run as processes of their own until `stop`; what belongs to them, the
logs too, lies below DIR. `start` prints the pipeline options to give to a job. It is for trying jobs out and for tests:
all ports are open to this machine alone. See docs/runners.md.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tools.flink_jars import flink_jars
from tools.flink_processes import HOST, flink_configuration, job_manager, job_server, out_of_sight, task_manager
from tools.python_stacks import SetupError

ROOT = Path(__file__).resolve().parent.parent
_STATE = "cluster.json"
_PORTS = ("job_manager", "rest", "job", "artifact", "expansion")
# Every process of a cluster, Beam's workers too, inherits it: so none is ever mistaken for one, or left behind.
_MARK = "TFGREC_FLINK_CLUSTER"
_START_SECONDS = 90
_STOP_SECONDS = 10
_LAST_LINES = 10
# Else every step of a job starts workers of its own, and starting one takes longer than most steps.
_WORKERS_KEPT_MS = 30_000


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.flink_cluster", description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=["start", "status", "stop"])
    parser.add_argument("--dir", required=True, type=Path, help="where the cluster's configuration and logs lie")
    parser.add_argument("--task-managers", type=int, default=2, help="how many TaskManagers to start; 2 by default")
    parser.add_argument("--slots", type=int, default=2, help="slots of each TaskManager; 2 by default")
    parser.add_argument("--apart", action="store_true", help="TaskManagers see no files of one another (needs root)")
    parser.add_argument("--rest-port", type=int, default=0, help="port of Flink's web page; a free one by default")
    parser.add_argument("--job-port", type=int, default=0, help="port of Beam's job server; a free one by default")
    parser.add_argument("--jars", default="", help="folder of jars; by default Maven fetches them into ~/.cache/tfgrec")
    args = parser.parse_args()
    try:
        if args.action == "start":
            ports = {"rest": args.rest_port, "job": args.job_port}
            hidden = () if args.apart else None
            print_cluster(start(args.dir, args.task_managers, args.slots, hidden=hidden, jars=args.jars, ports=ports))
        elif args.action == "status":
            sys.exit(0 if print_status(args.dir) else 1)
        else:
            print(f"flink: {stop(args.dir)} processes stopped")
    except SetupError as error:
        sys.exit(f"flink: {error}")
    except KeyboardInterrupt:
        sys.exit("flink: interrupted; nothing is left running")


def start(
    folder: Path,
    task_managers: int = 2,
    slots: int = 2,
    *,
    hidden: Sequence[Path] | None = None,
    jars: str = "",
    ports: dict[str, int] | None = None,
) -> dict[str, Any]:
    """Starts a cluster and waits until it takes jobs; if that fails, nothing is left running.

    Args:
      folder: for configuration, logs and temporary files.
      task_managers: how many TaskManagers.
      slots: how many steps at once each of them runs.
      hidden: unless None, TaskManagers share no files, as if each had a machine of its own: each has a working and a
        temporary folder of its own, and finds those of the others, and these folders, empty.
      jars: see flink_jars.
      ports: by name ("rest", "job" ...); 0, or none, is any free one.

    Returns:
      What cluster.json in `folder` holds: `processes` (name -> process id), `rest` and `job_endpoint` (addresses), and
      `options`, the pipeline options for jobs.

    Raises:
      SetupError: Java, Maven or the jars are missing, a cluster runs in `folder`, or a process ended.
    """
    folder = folder.resolve()
    if shutil.which("java") is None:
        raise SetupError("Java is not on PATH: install it (Debian's package openjdk-17-jre-headless)")
    found = flink_jars(jars)
    if list(_pids(folder)):
        raise SetupError(f"a cluster runs in {folder} already: stop it first")
    ports = {**_free_ports(), **{name: port for name, port in (ports or {}).items() if port}}
    worker = _prepare(folder, ports, slots)
    commands = {"job-manager": job_manager(found, folder)}
    homes = {f"task-manager-{number}": folder / f"task-manager-{number}" for number in range(1, task_managers + 1)}
    for name, home in homes.items():
        (home / "temporary").mkdir(parents=True, exist_ok=True)
        commands[name] = task_manager(found, folder, name, slots, temporary=home / "temporary")
        if hidden is not None:
            commands[name] = out_of_sight(
                commands[name], [*hidden, *(other for other in homes.values() if other != home)]
            )
    commands["job-server"] = job_server(found, folder, ports)
    try:
        processes = {
            name: _spawn(command, name, folder, homes.get(name) if hidden is not None else None)
            for name, command in commands.items()
        }
        _wait_until_ready(processes, folder, ports, task_managers)
        # With a TaskManager lost, a job goes on if the slots of the others are enough for it.
        parallelism = slots * max(task_managers - 1, 1)
        cluster = {
            "processes": {name: process.pid for name, process in processes.items()},
            "rest": f"http://{HOST}:{ports['rest']}",
            "job_endpoint": f"{HOST}:{ports['job']}",
            "options": _options(ports, worker, parallelism),
        }
        (folder / _STATE).write_text(json.dumps(cluster, indent=1), encoding="utf-8")
    except BaseException:
        stop(folder)
        raise
    return cluster


def stop(folder: Path) -> int:
    """Stops all processes of the cluster in `folder`, Beam's workers too; returns how many there were.

    The logs stay.
    """
    folder = folder.resolve()
    stopped: set[int] = set()
    deadline = time.monotonic() + _STOP_SECONDS
    while pids := list(_pids(folder)):
        wanted = signal.SIGTERM if time.monotonic() < deadline else signal.SIGKILL
        for pid in pids:
            if pid not in stopped or wanted == signal.SIGKILL:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, wanted)
        stopped.update(pids)
        time.sleep(0.1)
    (folder / _STATE).unlink(missing_ok=True)
    for temporary in (folder / "temporary", *folder.glob("task-manager-*")):
        shutil.rmtree(temporary, ignore_errors=True)
    return len(stopped)


def print_cluster(cluster: dict[str, Any]) -> None:
    """Says where the cluster is, and the options for jobs, ready for a shell."""
    print(f"flink: {cluster['rest']} is ready; options for a job:")
    print(" ".join(f"'{option}'" if "{" in option else option for option in cluster["options"]))


def print_status(folder: Path) -> bool:
    """Says which processes of a cluster run; returns whether all do."""
    folder = folder.resolve()
    try:
        cluster = json.loads((folder / _STATE).read_text(encoding="utf-8"))
    except OSError:
        print(f"flink: no cluster runs in {folder}")
        return False
    running = set(_pids(folder))
    lost = [name for name, pid in cluster["processes"].items() if pid not in running]
    for name, pid in cluster["processes"].items():
        print(f"flink: {name} (process {pid}) {'is lost' if name in lost else 'runs'}")
    print_cluster(cluster)
    return not lost


def _prepare(folder: Path, ports: dict[str, int], slots: int) -> Path:
    """Writes the configuration, and the program that TaskManagers start workers with; returns the latter."""
    for name in ("logs", "temporary"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "flink-conf.yaml").write_text(flink_configuration(folder, ports, slots), encoding="utf-8")
    worker = folder / "worker"
    log = folder / "logs" / "workers.log"
    command = f'exec "{sys.executable}" -m beam_jobs.running.process_worker "$@" >>"{log}" 2>&1'
    worker.write_text(f"#!/bin/sh\n{command}\n", encoding="utf-8")
    worker.chmod(0o755)
    return worker


def _options(ports: dict[str, int], worker: Path, parallelism: int) -> list[str]:
    return [
        "--runner=PortableRunner",
        f"--job_endpoint={HOST}:{ports['job']}",
        "--environment_type=PROCESS",
        f"--environment_config={json.dumps({'command': str(worker)})}",
        f"--parallelism={parallelism}",
        f"--environment_cache_millis={_WORKERS_KEPT_MS}",
    ]


def _spawn(command: list[str], name: str, folder: Path, home: Path | None) -> subprocess.Popen:
    """Starts a process that outlives this one and is deaf to this terminal's interrupts."""
    own = {} if home is None else {"TMPDIR": str(home / "temporary"), "TFGREC_CACHE_DIR": str(home / "cache")}
    with open(folder / "logs" / f"{name}.log", "wb") as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=home or ROOT,
            env={**os.environ, **own, _MARK: str(folder)},
            start_new_session=True,
        )


def _wait_until_ready(
    processes: dict[str, subprocess.Popen], folder: Path, ports: dict[str, int], task_managers: int
) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not (_registered(ports["rest"]) >= task_managers and _answers(ports["job"])):
        ended = next((name for name, process in processes.items() if process.poll() is not None), None)
        if ended is None and time.monotonic() < deadline:
            time.sleep(0.2)
            continue
        what = f"{ended} ended" if ended else f"the cluster does not answer after {_START_SECONDS} s"
        log = folder / "logs" / f"{ended or 'job-manager'}.log"
        lines = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_LINES:])
        raise SetupError(f"{what}; the last lines of {log}:\n{lines}")


def _registered(rest_port: int) -> int:
    """How many TaskManagers the JobManager knows."""
    try:
        with urllib.request.urlopen(f"http://{HOST}:{rest_port}/taskmanagers", timeout=5) as answer:
            return len(json.load(answer)["taskmanagers"])
    except (OSError, ValueError):
        return 0


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=5):
        return True
    return False


def _free_ports() -> dict[str, int]:
    """Ports that nobody listens on now; all are held until the last one is chosen, so that they differ."""
    with contextlib.ExitStack() as held:
        sockets = {name: held.enter_context(socket.socket()) for name in _PORTS}
        for each in sockets.values():
            each.bind((HOST, 0))
        return {name: each.getsockname()[1] for name, each in sockets.items()}


def _pids(folder: Path) -> Iterator[int]:
    """The processes of the cluster in `folder` that still run."""
    mark = f"{_MARK}={folder}".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            # A process that has ended, and that nobody has asked about yet, has no environment any more.
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                yield int(entry.name)


if __name__ == "__main__":
    main()
