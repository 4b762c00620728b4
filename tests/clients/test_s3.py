"""Tables in an S3-compatible object store: the ingest-branch story, crashes, and a store that fails."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pyarrow as pa
import pytest
import requests
from clients import TIMEOUT, Iceberg, Warehouse, expect
from lakes import catalog
from objects import ACCESS_KEY, REGION, SECRET_KEY, ObjectStore
from pyiceberg.exceptions import CommitStateUnknownException, NoSuchTableError, RESTError
from server import Server, nunatak

BUCKET = "lake-bucket"
ROOT = f"s3://{BUCKET}/tables"
KEYS = {"s3.access-key-id": ACCESS_KEY, "s3.secret-access-key": SECRET_KEY}
# Seconds within which a commit says that the store does not answer.
SOON = 30


def rows(*numbers: int) -> pa.Table:
    """A table of one column."""
    return pa.table({"number": pa.array(numbers, pa.int64())})


def numbers(table) -> list[int]:
    """What a table holds, in order."""
    return sorted(table.scan().to_arrow()["number"].to_pylist())


def secrets(secret: str = SECRET_KEY) -> dict[str, str]:
    """The server's credentials; in variables, as flags would show them to everybody."""
    return {"NUNATAK_S3_ACCESS_KEY_ID": ACCESS_KEY, "NUNATAK_S3_SECRET_ACCESS_KEY": secret}


def flags(store: ObjectStore) -> list[str]:
    """Settings of a server that keeps its tables in the store."""
    return ["--s3.endpoint", store.endpoint, "--s3.region", REGION, "--s3.path-style-access", "true"]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A running object store with one bucket."""
    with ObjectStore(tmp_path_factory.mktemp("objects") / "store") as store:
        store.create_bucket(BUCKET)
        yield store


@pytest.fixture
def serve(tmp_path, store):
    """Makes servers whose tables may lie in the store."""
    servers = []

    def make(name: str = "data", **kwargs) -> Server:
        kwargs.setdefault("env", secrets())
        allowed = ["--allowed-location", f"s3://{BUCKET}", "--allowed-location", "s3://no-such-bucket"]
        server = Server(tmp_path / name, *flags(store), *allowed, **kwargs)
        servers.append(server)
        return server.start()

    yield make
    for server in servers:
        server.kill()


def create(server: Server, name: str, location: str) -> Warehouse:
    """A warehouse at a location."""
    body = {"name": name, "location": location}
    made = expect(requests.post(server.warehouses, json=body, timeout=TIMEOUT))
    assert made["location"] == location
    return Warehouse(server, name)


def verify(server: Server, store: ObjectStore, env: dict[str, str]):
    """`nunatak verify` with the settings of the object store in a file."""
    keys = {name.removeprefix("NUNATAK_S3_").lower(): value for name, value in env.items()}
    settings = {"endpoint": store.endpoint, "region": REGION, "path_style_access": "true", **keys}
    file = server.data_dir.parent / "verify.toml"
    file.write_text("[s3]\n" + "".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items()))
    return nunatak("verify", "--data-dir", str(server.data_dir), "--config", str(file))


def metadata(store: ObjectStore, below: str) -> dict[str, tuple]:
    """The metadata files below a warehouse's location."""
    return {path: seen for path, seen in store.objects(below).items() if path.endswith(".metadata.json")}


def log_of(lake, name: str) -> list[str]:
    """Every metadata file that a table had, as paths in the store."""
    table = lake.load_table(name)
    locations = [entry.metadata_file for entry in table.metadata.metadata_log] + [table.metadata_location]
    assert all(location.startswith("s3://") for location in locations)
    return [location.removeprefix("s3://") for location in locations]


def test_the_ingest_branch_in_an_object_store(serve, store):
    server = serve()
    lake = create(server, "story", f"{ROOT}/story")
    lake.branch("ingest")
    # Where the store is, clients learn from the server; how to log in, they know themselves.
    ingest = catalog(lake, "ingest", **KEYS)
    ingest.create_namespace("nyc")
    ingest.create_table("nyc.first", schema=rows(1).schema).append(rows(1, 2))
    ingest.create_table("nyc.second", schema=rows(1).schema).append(rows(7))
    ingest.load_table("nyc.first").append(rows(3))
    written = metadata(store, f"{BUCKET}/tables/story")
    expected = log_of(ingest, "nyc.first") + log_of(ingest, "nyc.second")
    assert sorted(written) == sorted(expected) and len(expected) == 5
    for path in expected:
        assert json.loads(store.read(path))["location"].startswith(f"{ROOT}/story/nyc/")
    main = catalog(lake, "main", **KEYS)
    with pytest.raises(NoSuchTableError):
        main.load_table("nyc.first")

    expect(lake.merge("ingest"))
    assert numbers(main.load_table("nyc.first")) == [1, 2, 3]
    assert numbers(main.load_table("nyc.second")) == [7]
    # A merge of what only one side changed moves pointers and writes no file.
    assert metadata(store, f"{BUCKET}/tables/story") == written

    lake.branch("other")
    other = catalog(lake, "other", **KEYS)
    other.load_table("nyc.first").append(rows(10))
    main.load_table("nyc.second").delete("number = 7")
    expect(lake.merge("other"))
    assert numbers(main.load_table("nyc.first")) == [1, 2, 3, 10]
    location = main.load_table("nyc.first").metadata_location
    main.drop_table("nyc.first")
    assert location.removeprefix("s3://") in metadata(store, f"{BUCKET}/tables/story")
    main.register_table("nyc.back", location)
    assert numbers(main.load_table("nyc.back")) == [1, 2, 3, 10]

    server.kill()
    server.start()
    main = catalog(lake, "main", **KEYS)
    assert numbers(main.load_table("nyc.back")) == [1, 2, 3, 10]
    main.load_table("nyc.back").append(rows(11))
    assert numbers(main.load_table("nyc.back")) == [1, 2, 3, 10, 11]
    assert numbers(catalog(lake, "ingest", **KEYS).load_table("nyc.first")) == [1, 2, 3]
    # Nothing that was there before was written again.
    now = metadata(store, f"{BUCKET}/tables/story")
    assert {path: now[path] for path in written} == written
    server.stop()
    result = verify(server, store, secrets())
    assert result.returncode == 0, result.stdout + result.stderr


def test_clients_learn_where_the_store_is_and_no_secret(serve, store):
    server = serve(env={**secrets(), "NUNATAK_S3_SESSION_TOKEN": "session-that-no-answer-may-hold"})
    answer = requests.get(f"{server.iceberg}/v1/config", timeout=TIMEOUT)
    assert expect(answer, 200)["defaults"] == {
        "s3.endpoint": store.endpoint,
        "s3.region": REGION,
        "client.region": REGION,
        "s3.path-style-access": "true",
        "s3.force-virtual-addressing": "false",
    }
    for secret in (ACCESS_KEY, SECRET_KEY, "session-that-no-answer-may-hold"):
        assert secret not in answer.text and secret not in server.output()


def refused(lake: Warehouse, change: Callable[[Iceberg], requests.Response]) -> str:
    """A change fails with 503 in time and changes nothing; returns what the server says."""
    before = lake.head("main")
    since = time.monotonic()
    error = expect(change(lake.iceberg("main")), 503)["error"]
    assert time.monotonic() - since < SOON
    assert error["type"] == "ServiceUnavailableException", error
    assert SECRET_KEY not in json.dumps(error)
    assert lake.head("main") == before
    return error["message"]


@pytest.mark.parametrize(
    ("secret", "bucket", "words"),
    [("wrong", BUCKET, "refuses access"), (SECRET_KEY, "no-such-bucket", "no such bucket")],
)
def test_a_store_that_refuses(serve, secret, bucket, words):
    server = serve(env=secrets(secret))
    lake = create(server, "refused", f"s3://{bucket}/refused")
    iceberg = lake.iceberg("main")
    expect(iceberg.create_namespace("n"))
    message = refused(lake, lambda main: main.create_table(("n",), "t"))
    assert words in message and f"s3://{bucket}/refused/n/t" in message
    body = {"name": "t", "metadata-location": f"s3://{bucket}/refused/x/metadata/00000-x.metadata.json"}
    assert words in refused(lake, lambda main: main.post("/namespaces/n/register", body))
    assert iceberg.tables(("n",)) == []
    assert server.running()


def test_a_missing_object_is_not_taken_for_a_failing_store(serve):
    lake = create(serve(), "gone", f"{ROOT}/gone")
    main = lake.iceberg("main")
    expect(main.create_namespace("n"))
    body = {"name": "t", "metadata-location": f"{ROOT}/gone/x/metadata/00000-x.metadata.json"}
    answer = main.post("/namespaces/n/register", body)
    assert answer.status_code in (400, 404) and "does not exist" in answer.json()["error"]["message"], answer.text


def test_the_store_goes_away_and_comes_back(serve, store):
    server = serve()
    lake = create(server, "outage", f"{ROOT}/outage")
    expect(lake.iceberg("main").create_namespace("n"))
    table = catalog(lake, "main", **KEYS).create_table("n.t", schema=rows(1).schema)
    table.append(rows(1))
    local = Warehouse(server, "lake").iceberg("main")
    expect(local.create_namespace("n"))
    # A server that has the table in no cache.
    server.kill()
    store.stop()
    try:
        server.start()
        assert "does not answer" in refused(lake, lambda main: main.create_table(("n",), "u"))
        assert "does not answer" in refused(lake, lambda main: main.set_properties(("n",), "t", a="1"))
        assert "does not answer" in refused(lake, lambda main: main.load(("n",), "t"))
        with pytest.raises(RESTError) as failed:
            catalog(lake, "main", **KEYS).create_table("n.v", schema=rows(1).schema)
        assert not isinstance(failed.value, CommitStateUnknownException)
        # What needs no store works on: names, branches, merges, tables elsewhere.
        assert lake.iceberg("main").tables(("n",)) == ["t"]
        expect(Warehouse(server, "lake").iceberg("main").create_table(("n",), "here"))
        lake.branch("made-meanwhile")
        assert server.running()
        server.stop()
        result = verify(server, store, secrets())
        assert result.returncode != 0 and "it is not known whether" in result.stdout + result.stderr
        assert "missing" not in result.stdout + result.stderr
        server.start()
    finally:
        store.start()
    main = catalog(lake, "main", **KEYS)
    main.load_table("n.t").append(rows(2))
    assert numbers(main.load_table("n.t")) == [1, 2]
    expect(lake.iceberg("main").create_table(("n",), "u"))
    server.stop()
    result = verify(server, store, secrets())
    assert result.returncode == 0, result.stdout + result.stderr


def test_verify_finds_a_missing_object(serve, store):
    server = serve()
    lake = create(server, "damage", f"{ROOT}/damage")
    main = lake.iceberg("main")
    expect(main.create_namespace("n"))
    location = expect(main.create_table(("n",), "t"))["metadata-location"]
    server.stop()
    store.files().delete_file(location.removeprefix("s3://"))
    result = verify(server, store, secrets())
    assert result.returncode != 0 and f"the file {location} is missing" in result.stdout + result.stderr
