"""Bad days: kill -9, a directory that cannot be written, a second server, a lost answer."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path
from urllib.parse import unquote, urlparse

import pytest
import requests
from clients import Warehouse, change, expect, set_properties

from server import Server, binary, nunatak

NS = ("sales",)
WRITERS = 8


@pytest.fixture
def data(tmp_path) -> Path:
    """A data directory of this test alone."""
    return tmp_path / "data"


def burst(server: Server, round_number: int) -> list[tuple[str, str, str]]:
    """Writers commit until the server is killed; what was acknowledged: (table, commit, metadata)."""
    acknowledged: list[tuple[str, str, str]] = []
    enough = threading.Event()

    def work(number: int) -> None:
        try:
            iceberg = Warehouse(server).iceberg("ingest")
            name = f"r{round_number}w{number}"
            answer = iceberg.create_table(NS, name)
            while answer.status_code == 200:
                commit, location = answer.headers["X-Nunatak-Commit"], answer.json()["metadata-location"]
                acknowledged.append((name, commit, location))
                if len(acknowledged) > 100:
                    enough.set()
                answer = iceberg.set_properties(NS, name, n=str(len(acknowledged)))
        except requests.RequestException:
            return
        finally:
            if not server.running():
                enough.set()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    enough.wait(60)
    server.kill()
    for thread in threads:
        thread.join()
    return acknowledged


def test_what_was_acknowledged_survives_kill_9(data):
    server = Server(data).start()
    lake = Warehouse(server)
    lake.branch("ingest")
    expect(lake.iceberg("ingest").create_namespace("sales"))
    acknowledged = []
    for round_number in range(3):
        acknowledged += burst(server, round_number)
        verify(data)
        server.start()
        lake = Warehouse(server)
        ancestors = {commit["id"] for commit in lake.log("ingest")}
        lost = [entry for entry in acknowledged if entry[1] not in ancestors]
        assert not lost, f"{len(lost)} of {len(acknowledged)} acknowledged commits are gone"
        missing = [location for _, _, location in acknowledged if not Path(unquote(urlparse(location).path)).is_file()]
        assert not missing, f"{len(missing)} metadata files are gone, for example {missing[0]}"
        latest = {name: location for name, _, location in acknowledged}
        iceberg = lake.iceberg("ingest")
        for name in latest:
            expect(iceberg.load(NS, name), 200)
            expect(iceberg.set_properties(NS, name, after="restart"), 200)
    assert len(acknowledged) > 100
    server.stop()
    verify(data)


def verify(data: Path) -> None:
    """`nunatak verify` finds nothing wrong."""
    result = nunatak("verify", "--data-dir", str(data))
    assert result.returncode == 0, f"{result.stdout}\n{result.stderr}"


def test_verify_tells_of_damage(data):
    with Server(data) as server:
        lake = Warehouse(server)
        main = lake.iceberg("main")
        expect(main.create_namespace("sales"))
        location = expect(main.create_table(NS, "t"), 200)["metadata-location"]
    verify(data)
    Path(unquote(urlparse(location).path)).unlink()
    result = nunatak("verify", "--data-dir", str(data))
    # Files may be restored from the store at start-up; verify either names the file or has it back.
    assert result.returncode != 0 or Path(unquote(urlparse(location).path)).is_file(), result.stdout


def test_everything_is_there_after_a_restart(data):
    server = Server(data).start()
    lake = Warehouse(server)
    lake.branch("ingest")
    main = lake.iceberg("main")
    expect(main.create_namespace("sales"))
    expect(main.create_table(NS, "t"), 200)
    lake.tag("v1")
    refs, log = lake.refs(), lake.log("main")
    server.stop()
    server.start()
    lake = Warehouse(server)
    assert lake.refs() == refs and lake.log("main") == log
    server.stop()


def test_an_idempotency_key_outlives_a_crash(data):
    key = {"Idempotency-Key": "0198d5a0-7a3e-7d1f-9b52-8c2a3f1e4d5e"}
    server = Server(data).start()
    main = Warehouse(server).iceberg("main")
    expect(main.create_namespace("sales"))
    expect(main.create_table(NS, "t"), 200)
    first = expect(main.set_properties(NS, "t", headers=key, n="1"), 200)
    server.kill()
    server.start()
    lake = Warehouse(server)
    head = lake.head("main")
    again = expect(lake.iceberg("main").set_properties(NS, "t", headers=key, n="1"), 200)
    assert again["metadata-location"] == first["metadata-location"] and lake.head("main") == head
    server.stop()


def serve(data: Path) -> subprocess.CompletedProcess[str]:
    """Starts a server that is expected to refuse."""
    command = [str(binary()), "serve", "--data-dir", str(data)]
    command += ["--http", "127.0.0.1:0", "--pg", "127.0.0.1:0"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)


def test_a_second_server_on_one_directory_is_refused(data):
    with Server(data) as server:
        second = serve(data)
        said = second.stdout + second.stderr
        assert second.returncode != 0 and "panicked" not in said
        assert str(data) in said and any(word in said.lower() for word in ("use", "lock", "another")), said
        expect(Warehouse(server).get("/branches/main"), 200)


def test_a_port_in_use_is_refused(data, tmp_path):
    with Server(data) as server:
        address = server.url.removeprefix("http://")
        command = [str(binary()), "serve", "--data-dir", str(tmp_path / "other"), "--http", address]
        command += ["--pg", "127.0.0.1:0"]
        second = subprocess.run(command, capture_output=True, text=True, timeout=60)
        said = second.stdout + second.stderr
        assert second.returncode != 0 and address in said and "panicked" not in said, said


def test_a_directory_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("not a directory")
    for data in (tmp_path / "file", tmp_path / "file" / "below"):
        result = serve(data)
        said = result.stdout + result.stderr
        assert result.returncode != 0 and "panicked" not in said and str(tmp_path / "file") in said, said


def test_a_read_only_directory_is_refused(tmp_path):
    """As an ordinary user by permissions; root ignores those, so a read-only file system stands in."""
    data = tmp_path / "data"
    data.mkdir()
    if os.geteuid() == 0:
        data = Path("/proc/nunatak-data")
    else:
        data.chmod(0o500)
    result = serve(data)
    said = result.stdout + result.stderr
    assert result.returncode != 0 and "panicked" not in said and str(data) in said, said


def test_another_address_than_loopback_needs_authentication(data):
    command = [str(binary()), "serve", "--data-dir", str(data), "--http", "0.0.0.0:0"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    said = result.stdout + result.stderr
    assert result.returncode != 0 and "authenticat" in said.lower(), said


def test_two_sigterms_and_a_request_in_flight(data):
    """SIGTERM drains: a commit that was sent before is answered, and the exit code is 0."""
    server = Server(data).start()
    lake = Warehouse(server)
    main = lake.iceberg("main")
    expect(main.create_namespace("sales"))
    for number in range(8):
        expect(main.create_table(NS, f"t{number}"), 200)
    results: list[object] = []
    started = threading.Barrier(9)

    def work(number: int) -> None:
        iceberg = lake.iceberg("main")
        started.wait()
        try:
            while True:
                results.append(iceberg.set_properties(NS, f"t{number}", n="1").status_code)
        except requests.ConnectionError:
            return

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    started.wait()
    server.stop()
    for thread in threads:
        thread.join()
    assert set(results) <= {200, 503, 429}, set(results)
    verify(data)


def test_transactions_and_merges_are_whole_after_kill_9(data):
    """Tables that are always changed together are equal after a crash; a merge is there or not."""
    server = Server(data).start()
    lake = Warehouse(server)
    main = lake.iceberg("main")
    expect(main.create_namespace("sales"))
    names = [f"t{number}" for number in range(6)]
    for name in names:
        expect(main.create_table(NS, name), 200)
    done = [0]
    for round_number in range(3):
        stop = threading.Event()

        def transact() -> None:
            try:
                iceberg = Warehouse(server).iceberg("main")  # noqa: B023
                while True:
                    number = str(done[0] + 1)
                    changes = [change(NS, name, set_properties(n=number)) for name in names]
                    expect(iceberg.transact(*changes), 204)
                    done[0] += 1
                    if done[0] % 40 == 0:
                        stop.set()  # noqa: B023
            except requests.RequestException:
                return

        def merge() -> None:
            try:
                number = 0
                while True:
                    branch = f"b{round_number}x{number}"  # noqa: B023
                    lake.branch(branch)
                    iceberg = lake.iceberg(branch)
                    for name in ("left", "right"):
                        expect(iceberg.create_table(NS, f"{branch}{name}"), 200)
                    expect(lake.merge(branch), 200)
                    number += 1
            except requests.RequestException:
                return

        threads = [threading.Thread(target=transact), threading.Thread(target=merge)]
        for thread in threads:
            thread.start()
        stop.wait(60)
        server.kill()
        for thread in threads:
            thread.join()
        verify(data)
        server.start()
        lake = Warehouse(server)
        main = lake.iceberg("main")
        values = {expect(main.load(NS, name), 200)["metadata"]["properties"].get("n") for name in names}
        assert len(values) == 1 and int(values.pop()) in (done[0], done[0] + 1)
        merged = [name for name in main.tables(NS) if name.startswith("b")]
        lefts = {name.removesuffix("left") for name in merged if name.endswith("left")}
        rights = {name.removesuffix("right") for name in merged if name.endswith("right")}
        assert lefts == rights
    server.stop()
    verify(data)
