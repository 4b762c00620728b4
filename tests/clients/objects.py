"""A real S3-compatible object store on loopback, as its own process: SeaweedFS from its wheel.

It can be stopped and started again on the same port with the same objects.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import requests
from pyarrow.fs import FileSelector, FileType, S3FileSystem

START_SECONDS = 90
ACCESS_KEY = "lake-key"
SECRET_KEY = "lake-secret-that-no-answer-may-hold"
REGION = "eu-north-7"
PORTS = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc")


def weed() -> Path:
    """The store's binary, beside the Python that runs the tests."""
    path = Path(sys.executable).parent / "weed"
    found = str(path) if path.is_file() else shutil.which("weed")
    if not found:
        raise FileNotFoundError("no `weed`: install tests/clients/requirements.txt")
    return Path(found)


def free_ports(count: int) -> list[int]:
    """Ports that nobody uses at this moment."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


class ObjectStore:
    """One store with one account."""

    def __init__(self, directory: Path):
        self.directory = directory
        self.process: subprocess.Popen[bytes] | None = None
        *others, port, grpc = free_ports(len(PORTS) + 2)
        self.ports = dict(zip(PORTS, others), **{"s3.port": port, "s3.port.grpc": grpc})
        self.endpoint = f"http://127.0.0.1:{port}"
        account = {
            "name": "lake",
            "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        (directory / "data").mkdir(parents=True)
        (directory / "s3.json").write_text(json.dumps({"identities": [account]}))

    def start(self) -> ObjectStore:
        """Starts the process and waits until it lists its buckets."""
        command = [
            weed(), "-logtostderr", "server", f"-dir={self.directory / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
            "-s3", f"-s3.config={self.directory / 's3.json'}", "-s3.iam=false", "-s3.autoCreateBucket=false",
            "-s3.port.iceberg=0", "-s3.port.lance=0",
            "-volume.max=16", "-master.volumeSizeLimitMB=64", "-master.telemetry=false",
            f"-filer.localSocket={self.directory / 'filer.sock'}", f"-s3.localSocket={self.directory / 's3.sock'}",
            *(f"-{name}={port}" for name, port in self.ports.items()),
        ]  # fmt: skip
        # Its own home: settings of the user who runs the tests are not looked at.
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.directory)}
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=self.directory, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise AssertionError(f"the object store did not start:\n{self.log()}")
            time.sleep(0.1)
        return self

    def _answers(self) -> bool:
        try:
            if not requests.get(f"{self.endpoint}/healthz", timeout=2).ok:
                return False
            # The first write waits for the volumes; only then everything is there.
            self.files().create_dir("ready")
            with self.files().open_output_stream("ready/probe") as stream:
                stream.write(b"x")
            return True
        except (requests.RequestException, OSError):
            return False

    def stop(self) -> None:
        """Ends the process; the objects stay."""
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(3)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None

    def log(self) -> str:
        """The last of what the process wrote."""
        return (self.directory / "log").read_text(errors="replace")[-4000:]

    def files(self) -> S3FileSystem:
        """Direct access, past the server under test."""
        return S3FileSystem(
            access_key=ACCESS_KEY, secret_key=SECRET_KEY, endpoint_override=self.endpoint, region=REGION,
            allow_bucket_creation=True, connect_timeout=5, request_timeout=10,
        )  # fmt: skip

    def create_bucket(self, name: str) -> None:
        """Makes a bucket."""
        self.files().create_dir(name)

    def objects(self, below: str) -> dict[str, tuple]:
        """Every object below a path, with its size and time."""
        found = self.files().get_file_info(FileSelector(below, recursive=True, allow_not_found=True))
        return {info.path: (info.size, info.mtime) for info in found if info.type == FileType.File}

    def read(self, path: str) -> bytes:
        """The bytes of an object."""
        with self.files().open_input_stream(path) as stream:
            return stream.read()

    def __enter__(self) -> ObjectStore:
        return self.start()

    def __exit__(self, *_) -> None:
        self.stop()
