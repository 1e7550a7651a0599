"""Files of an object store, on a server of S3's protocol."""

import http.server
import io
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pyarrow import fs
from s3_server import S3Server

from tfgrec import files
from tfgrec.errors import ConfigurationError, InputDataError, OutputError

ODD_NAMES = [
    "graph[1].arrow",
    "all*.arrow",
    "what?",
    "100%20 per cent",
    "a name with spaces",
    "Käufe-und-Größen",
    "購入",
    "a+b&c=d",
    "#fragment",
    "c:d",
    "~$!'()",
    # Arrow would compress what goes there.
    "log.csv.gz",
    "log.csv.bz2",
    "log.csv.zst",
]


class BusyStore(http.server.ThreadingHTTPServer):
    """Answers all that it is asked by 503, and keeps the paths."""

    request_queue_size = 256

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Busy)
        self.asked: list[str] = []


class _Busy(http.server.BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        self.server.asked.append(self.path)
        self.send_error(503)

    def log_message(self, *arguments) -> None:
        """Tells nothing."""


@pytest.fixture
def busy_store() -> Iterator[BusyStore]:
    with BusyStore() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def sizes(found: dict[str, files.FoundFile]) -> dict[str, int]:
    return {path: file.bytes for path, file in found.items()}


def put(url: str, content: bytes) -> None:
    with files.open_to_write(url) as file:
        file.write(content)


def get(url: str) -> bytes:
    with files.open_to_read(url) as file:
        return file.read()


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_name_is_kept_as_it_is(name: str, s3_folder: str) -> None:
    url = files.join(s3_folder, "of it", name)
    put(url, name.encode())
    assert get(url) == name.encode()
    assert files.exists(url) and files.size(url) == len(name.encode())
    assert sizes(files.files_below(s3_folder)) == {url: len(name.encode())}
    assert files.files_in(files.join(s3_folder, "of it")) == [url]
    copied = files.join(s3_folder, "copy", name)
    files.copy(url, copied)
    assert get(copied) == name.encode()
    files.delete(url)
    assert not files.exists(url) and files.exists(copied)


def test_names_that_file_names_cannot_hold_are_escaped(s3_folder: str) -> None:
    assert files.child(s3_folder, "a/b", "ü") == f"{s3_folder}/a%2Fb/%C3%BC"


def test_a_folder_is_the_names_of_its_files(s3_folder: str) -> None:
    folder = files.join(s3_folder, "graph")
    assert not files.exists(folder) and not files.is_folder(folder)
    files.make_folder(folder)
    put(files.join(folder, "nodes", "user.arrow"), b"users")
    assert files.is_folder(folder) and files.is_folder(folder + "/") and files.exists(folder)
    assert not files.is_folder(files.join(folder, "nodes", "user.arrow"))
    assert files.size(folder) == -1 and files.size(files.join(folder, "missing")) == -1


def test_a_folder_whose_name_begins_with_anothers_is_another(s3_folder: str) -> None:
    kept = files.join(s3_folder, "graph2", "nodes.arrow")
    put(files.join(s3_folder, "graph", "nodes.arrow"), b"1")
    put(kept, b"22")
    put(files.join(s3_folder, "graph.json"), b"333")
    graph = files.join(s3_folder, "graph")
    assert sizes(files.files_below(graph)) == {files.join(graph, "nodes.arrow"): 1}
    assert files.files_in(graph) == [files.join(graph, "nodes.arrow")]
    files.delete(graph)
    assert not files.exists(graph)
    assert sizes(files.files_below(s3_folder)) == {kept: 2, files.join(s3_folder, "graph.json"): 3}


def test_a_listing_is_sorted_and_tells_files_from_folders(s3_folder: str) -> None:
    names = ["b/2.arrow", "b/10.arrow", "a.json", "c/d/e.arrow", "b.arrow"]
    for name in names:
        put(files.join(s3_folder, name), name.encode())
    expected = {files.join(s3_folder, name): len(name) for name in sorted(names)}
    assert list(sizes(files.files_below(s3_folder)).items()) == list(expected.items())
    assert sizes(files.files_below(s3_folder + "/")) == expected
    assert files.files_in(s3_folder) == [files.join(s3_folder, name) for name in ("a.json", "b", "b.arrow", "c")]
    assert files.files_in(s3_folder, ".arrow") == [files.join(s3_folder, "b.arrow")]
    assert files.files_below(files.join(s3_folder, "missing")) == {}
    assert files.files_in(files.join(s3_folder, "missing")) == []


def test_a_bucket_that_is_not_there_is_an_empty_one(s3_server: S3Server) -> None:
    assert files.files_below("s3://no-such-bucket/graph") == {}
    assert not files.exists("s3://no-such-bucket/graph")


def test_empty_files_are_files(s3_folder: str, tmp_path: Path) -> None:
    url = files.join(s3_folder, "empty")
    files.write_atomically(url, lambda file: None)
    assert files.exists(url) and not files.is_folder(url) and files.size(url) == 0 and get(url) == b""
    (tmp_path / "empty").write_bytes(b"")
    files.send(tmp_path / "empty", files.join(s3_folder, "sent"))
    assert files.size(files.join(s3_folder, "sent")) == 0
    files.fetch(url, tmp_path / "fetched")
    assert (tmp_path / "fetched").read_bytes() == b""


@pytest.mark.parametrize("size", [1, 5 << 20, (8 << 20) + 1, 23 << 20])
def test_bytes_come_back_at_any_size(size: int, s3_folder: str, tmp_path: Path) -> None:
    """Of 5 MB on, uploads are in parts; reads are of 8 MB."""
    content = os.urandom(size)
    sent, written = files.join(s3_folder, "sent"), files.join(s3_folder, "written")
    (tmp_path / "local").write_bytes(content)
    files.send(tmp_path / "local", sent)
    files.write_atomically(written, lambda file: file.write(content))
    files.fetch(sent, tmp_path / "fetched")
    assert (tmp_path / "fetched").read_bytes() == content
    assert files.checksum(sent) == files.checksum(written) == files.checksum(tmp_path / "local")
    with files.open_to_read(sent) as file:
        assert file.seek(size - 1) == size - 1
        assert file.read() == content[-1:]


@pytest.mark.parametrize("written", [0, 9 << 20])
def test_a_block_that_fails_leaves_what_was_there(written: int, s3_folder: str) -> None:
    url, new = files.join(s3_folder, "manifest.json"), files.join(s3_folder, "new.json")
    files.write_json(url, {"whole": True})

    def write(file) -> None:
        file.write(bytes(written))
        raise ValueError("no more")

    for path in (url, new):
        with pytest.raises(ValueError, match="no more"):
            files.write_atomically(path, write)
    assert files.read_json(url) == {"whole": True}
    assert list(files.files_below(s3_folder)) == [url]


class _Broken(io.BytesIO):
    """A connection that ends after the first block."""

    def read(self, size: int | None = -1) -> bytes:
        if self.tell():
            raise OSError("connection reset")
        return super().read(1)


@pytest.mark.parametrize("copied", [files.fetch, files.copy])
def test_what_can_not_be_read_to_its_end_is_no_fault_of_the_disk_that_it_goes_to(
    copied: Callable, s3_folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"{s3_folder}/shard"
    put(url, b"bytes")
    monkeypatch.setattr(files, "open_to_read", lambda *_, **__: _Broken(b"bytes"))
    with pytest.raises(InputDataError, match=f"^{url}: can't be read: connection reset"):
        copied(url, tmp_path / "shard")


def test_a_large_file_is_sent_in_parts(
    s3_server: S3Server, s3_folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_PART_BYTES", 6 << 20)
    url, content = f"{s3_folder}/large", os.urandom(13 << 20)
    (tmp_path / "large").write_bytes(content)
    files.send(tmp_path / "large", url)
    # Newer versions of Arrow make larger parts of them.
    assert s3_server.requests("PUT", url) >= 2 and get(url) == content


def test_what_is_too_large_for_the_store_to_copy_comes_here(
    s3_server: S3Server, s3_folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_LARGEST_COPY_BYTES", 6)
    for content, read in ((b"little", 0), (b"too much", 1)):
        url = f"{s3_folder}/{len(content)}"
        put(url, content)
        files.copy(url, f"{url}.copy")
        assert s3_server.requests("GET", url) == read
        assert get(f"{url}.copy") == content


def test_copies_between_storages(s3_folder: str, tmp_path: Path) -> None:
    (tmp_path / "local").write_bytes(b"content")
    files.copy(tmp_path / "local", files.join(s3_folder, "there"))
    files.link(files.join(s3_folder, "there"), files.join(s3_folder, "linked"))
    files.copy(files.join(s3_folder, "linked"), tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == b"content"


def test_deleting_what_is_not_there_is_no_error(s3_folder: str) -> None:
    files.delete(files.join(s3_folder, "missing"))


def test_errors_name_the_url(s3_folder: str, tmp_path: Path) -> None:
    missing = files.join(s3_folder, "missing.json")
    with pytest.raises(InputDataError, match=f"^{missing}: can't be read: "):
        files.read_json(missing)
    with pytest.raises(InputDataError, match=f"^{missing}: can't be read: "):
        files.fetch(missing, tmp_path / "local")
    with pytest.raises(FileNotFoundError, match=missing):
        files.open_to_read(missing)
    with pytest.raises(OutputError, match="^s3://no-such-bucket/a: can't be written: "):
        put("s3://no-such-bucket/a", b"content")
    with pytest.raises(OutputError, match="^s3://no-such-bucket/a: can't be written: "):
        files.write_json("s3://no-such-bucket/a", {})
    with pytest.raises(OutputError, match="^s3://no-such-bucket/a: can't be written: "):
        files.copy(missing, "s3://no-such-bucket/a")
    put(missing, b"no json {")
    with pytest.raises(InputDataError, match=f"^{missing}: can't be read: "):
        files.read_json(missing)


def test_an_unknown_scheme_tells_a_close_one() -> None:
    with pytest.raises(ConfigurationError, match=r"^s4://bucket/graph: unknown kind of storage 's4://': .*s3"):
        files.exists("s4://bucket/graph")
    with pytest.raises(ConfigurationError, match=r"^s3:///graph: names no bucket"):
        files.exists("s3:///graph")


@pytest.mark.parametrize("url", ["s3://bucket//graph", "s3://bucket/run//graph/"])
def test_two_slashes_in_a_row_are_told(url: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{url}: has two slashes in a row"):
        files.files_below(url)


def test_slashes_at_an_end_are_let_go(s3_folder: str) -> None:
    put(files.join(f"{s3_folder}//", "graph", "a"), b"1")
    assert sizes(files.files_below(f"{s3_folder}/graph//")) == {f"{s3_folder}/graph/a": 1}


@pytest.mark.parametrize("operation", [files.exists, files.make_folder, files.files_below])
def test_a_url_that_lost_a_slash_is_no_folder_of_this_disk(operation) -> None:
    with pytest.raises(ConfigurationError, match=r"^s3:/bucket/graph: expected s3://\.\.\."):
        operation(Path("s3://bucket/graph"))


@pytest.mark.parametrize("endpoint", ["127.0.0.1:9000", "ftp://host", "http://"])
def test_an_endpoint_that_is_none_is_told(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint)
    with pytest.raises(ConfigurationError, match="^AWS_ENDPOINT_URL: .* is no address: expected http"):
        files.exists("s3://bucket/graph")


def test_a_store_that_can_not_be_asked_for_the_region_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(bucket: str) -> str:
        raise OSError("no route to\nthe store")

    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(fs, "resolve_s3_region", refuse)
    with pytest.raises(ConfigurationError, match="^s3://bucket/graph: can't be reached: no route to the store"):
        files.exists("s3://bucket/graph")


def test_a_busy_store_is_asked_again_as_often_as_wanted(busy_store: BusyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{busy_store.server_port}/below/it/")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")

    def ask(_: int) -> None:
        with pytest.raises(InputDataError, match="^s3://bucket/graph: can't be read: "):
            files.exists("s3://bucket/graph")

    # However often: Arrow's standard strategy ends after some hundred of them.
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(ask, range(128)))
    assert busy_store.asked == ["/below/it/bucket/graph"] * 256


@pytest.mark.parametrize("attempts", ["0", "many", "-1"])
def test_a_number_of_attempts_that_is_none_is_told(attempts: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://{attempts.strip('-')}.invalid")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", attempts)
    with pytest.raises(ConfigurationError, match=f"^AWS_MAX_ATTEMPTS: '{attempts}' is no number"):
        files.exists("s3://bucket/graph")


@pytest.mark.parametrize("scheme", ["s3", "gs", "hdfs", "ftp"])
@pytest.mark.parametrize("operation", [files.exists, files.files_below, files.open_to_read, files.read_json, put])
def test_credentials_in_a_url_are_refused_and_not_repeated(scheme: str, operation) -> None:
    arguments = (b"",) if operation is put else ()
    with pytest.raises(ConfigurationError, match=rf"^{scheme}://bucket/graph: credentials don't belong") as raised:
        operation(f"{scheme}://AKIAKEY:s3cr@t@bucket/graph", *arguments)
    assert "AKIAKEY" not in str(raised.value) and "s3cr" not in str(raised.value)


def test_errors_do_not_hold_credentials(s3_server: S3Server) -> None:
    with pytest.raises(OutputError) as raised:
        put("s3://no-such-bucket/a", b"content")
    told = f"{raised.value}{raised.value.__cause__}"
    assert s3_server.environment["AWS_ACCESS_KEY_ID"] not in told
    assert s3_server.environment["AWS_SECRET_ACCESS_KEY"] not in told


def test_a_file_is_another_one_when_its_bytes_are(s3_folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    url = files.join(s3_folder, "told")
    assert files.identity(url) is None
    put(url, b"abc")
    assert files.identity(url) is None, "it was written only just now"
    monkeypatch.setattr(files, "_FAR_CLOCK", -60.0)
    before = files.identity(url)
    assert before is not None
    put(url, b"abcd")
    assert files.identity(url) != before


def test_the_server_counts_requests(s3_server: S3Server, s3_folder: str) -> None:
    url = files.join(s3_folder, "a [b].arrow")
    files.write_atomically(url, lambda file: file.write(b"content"))
    assert (s3_server.requests("PUT", url), s3_server.requests("GET", url)) == (1, 0)
    get(url)
    assert (s3_server.requests("PUT", url), s3_server.requests("GET", url)) == (1, 1)


def test_the_server_ends_with_who_started_it(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from s3_server import running_s3_server\n"
        "with running_s3_server(Path(sys.argv[1])) as server: print(server.address, flush=True); time.sleep(600)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent
    )
    address = process.stdout.readline().strip()
    with urllib.request.urlopen(address) as response:
        assert response.status == 200
    process.send_signal(signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + 20
    with pytest.raises(OSError):
        while time.monotonic() < deadline:
            urllib.request.urlopen(address).close()
            time.sleep(0.05)
