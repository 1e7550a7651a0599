"""What a Flink cluster on one machine is made of: its configuration and the command of each of its processes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

HOST = "127.0.0.1"

_JOB_MANAGER = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
_TASK_MANAGER = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"
_JOB_SERVER = "org.apache.beam.runners.flink.FlinkJobServerDriver"

# What Flink 1.16 reaches for inside Java 17.
_EXPORTS = ("java.base/sun.net.util", "java.rmi/sun.rmi.registry", "java.security.jgss/sun.security.krb5")
_OPENS = (
    *(f"java.base/java.util{part}" for part in ("", ".concurrent", ".concurrent.atomic", ".concurrent.locks")),
    *(f"java.base/java.{part}" for part in ("lang", "lang.reflect", "net", "io", "nio", "text", "time")),
    "java.base/sun.nio.ch",
)
_JAVA_17 = [
    *(f"--add-exports={package}=ALL-UNNAMED" for package in _EXPORTS),
    *(f"--add-opens={package}=ALL-UNNAMED" for package in _OPENS),
]

# Of the job server's jars, those whose classes ask for their own class loader: others can stand on the boot path.
_LOOKED_UP = re.compile(r"beam-runners-flink-|flink-(?!shaded-|rpc-akka-|runtime-web-)")

_JOB_MANAGER_HEAP_MB = 256
_JOB_SERVER_HEAP_MB = 256
# A TaskManager that is started without Flink's shell scripts wants all parts of its memory named (MB).
_TASK_HEAP_MB, _FRAMEWORK_HEAP_MB = 192, 128
_TASK_MANAGER_MEMORY_MB = {
    "task.heap.size": _TASK_HEAP_MB,
    "framework.heap.size": _FRAMEWORK_HEAP_MB,
    "task.off-heap.size": 32,
    "framework.off-heap.size": 96,
    "managed.size": 128,
    "jvm-metaspace.size": 192,
    "jvm-overhead.min": 64,
    "jvm-overhead.max": 64,
}
# Every pair of subtasks that exchange data takes buffers: 64 MB are too little for a job of 60 steps in 4 slots.
_NETWORK_MB_PER_SLOT = 96


def flink_configuration(folder: Path, ports: Mapping[str, int], slots: int) -> str:
    """The text of flink-conf.yaml: all on one host, a lost TaskManager noticed in 20 seconds, its work done again."""
    settings = {
        "jobmanager.rpc.address": HOST,
        "jobmanager.bind-host": HOST,
        "jobmanager.rpc.port": ports["job_manager"],
        "rest.address": HOST,
        "rest.bind-address": HOST,
        "rest.port": ports["rest"],
        "taskmanager.host": HOST,
        "taskmanager.bind-host": HOST,
        "taskmanager.numberOfTaskSlots": slots,
        # Else a job that fits into one TaskManager runs on one alone.
        "cluster.evenly-spread-out-slots": "true",
        # Flink's own are 10 and 50 seconds; much less, and a busy machine loses TaskManagers that are alive.
        "heartbeat.interval": 2_000,
        "heartbeat.timeout": 20_000,
        # Without a strategy nothing is run again; every step that fails counts, and a lost TaskManager fails several.
        "restart-strategy": "fixed-delay",
        "restart-strategy.fixed-delay.attempts": 6,
        "restart-strategy.fixed-delay.delay": "2 s",
        # Else every exchange that waits for its producer takes 512 buffers (16 MB) at once.
        "taskmanager.network.sort-shuffle.min-parallelism": 128,
        # The TaskManagers have all of Beam on their class path already: no need to load it anew for every job.
        "classloader.resolve-order": "parent-first",
        "io.tmp.dirs": folder / "temporary",
        "web.upload.dir": folder / "temporary",
    }
    return "".join(f"{name}: {value}\n" for name, value in settings.items())


def job_manager(jars: Path, folder: Path) -> list[str]:
    """The command of the JobManager; flink-conf.yaml lies in `folder`."""
    java = [*_java(folder / "temporary", _JOB_MANAGER_HEAP_MB), "-cp", f"{jars}/*"]
    return [*java, _JOB_MANAGER, "--configDir", str(folder)]


def task_manager(jars: Path, folder: Path, name: str, slots: int, *, temporary: Path) -> list[str]:
    """The command of one TaskManager, whose temporary files lie in a folder of its own."""
    network = f"{_NETWORK_MB_PER_SLOT * slots}m"
    memory = {part: f"{size}m" for part, size in _TASK_MANAGER_MEMORY_MB.items()}
    memory |= {"network.min": network, "network.max": network}
    settings = {"taskmanager.resource-id": name, "taskmanager.cpu.cores": str(float(slots))}
    settings["io.tmp.dirs"] = str(temporary)
    settings |= {f"taskmanager.memory.{part}": size for part, size in memory.items()}
    options = [word for setting, value in settings.items() for word in ("-D", f"{setting}={value}")]
    java = [*_java(temporary, _TASK_HEAP_MB + _FRAMEWORK_HEAP_MB), "-cp", f"{jars}/*"]
    return [*java, _TASK_MANAGER, "--configDir", str(folder), *options]


def job_server(jars: Path, folder: Path, ports: Mapping[str, int]) -> list[str]:
    """The command of Beam's job server, which makes Flink jobs of pipelines."""
    addresses = {"job-host": HOST, "job-port": ports["job"], "artifact-port": ports["artifact"]}
    addresses |= {"expansion-port": ports["expansion"], "flink-master": f"{HOST}:{ports['rest']}"}
    options = [f"--{name}={value}" for name, value in addresses.items()]
    # The job server sends its class path to Flink with every job, 160 MB, and the TaskManagers have all of it already.
    sent = {jar for jar in jars.glob("*.jar") if _LOOKED_UP.match(jar.name)}
    others = set(jars.glob("*.jar")) - sent
    java = [*_java(folder / "temporary", _JOB_SERVER_HEAP_MB), f"-Xbootclasspath/a:{_path(others)}", "-cp", _path(sent)]
    return [*java, _JOB_SERVER, *options, f"--artifacts-dir={folder / 'temporary'}"]


def _path(jars: Iterable[Path]) -> str:
    return ":".join(str(jar) for jar in sorted(jars))


def out_of_sight(command: list[str], hidden: Iterable[Path]) -> list[str]:
    """The command in a mount namespace of its own, in which empty folders lie over the hidden ones; needs root."""
    hide = 'while [ "$1" != -- ]; do mount -t tmpfs none "$1" || exit 1; shift; done; shift; exec "$@"'
    return ["unshare", "--mount", "sh", "-c", hide, "sh", *map(str, hidden), "--", *command]


def _java(temporary: Path, heap_mb: int) -> list[str]:
    return [
        "java",
        f"-Xmx{heap_mb}m",
        "-XX:+UseSerialGC",
        # A process that is out of memory is one that is lost: Flink copes with that, but not with one half dead.
        "-XX:+ExitOnOutOfMemoryError",
        *_JAVA_17,
        f"-Djava.io.tmpdir={temporary}",
        "-Dorg.slf4j.simpleLogger.showDateTime=true",
    ]
