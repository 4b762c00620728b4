"""Starts and stops the server under test as its own process, the way a user does.

The binary is `$NUNATAK_BIN`, or `target/debug/nunatak` (`CARGO_TARGET_DIR` honoured). Every server
listens on 127.0.0.1 on a port the system picks.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
LISTENING = re.compile(r"listening http (127\.0\.0\.1:\d+)")
LISTENING_PG = re.compile(r"listening pg (127\.0\.0\.1:\d+)")
LISTENING_FLIGHT = re.compile(r"listening flight (127\.0\.0\.1:\d+)")
START_SECONDS = 30
STOP_SECONDS = 30


def binary() -> Path:
    """The server's binary; fails with what to do when there is none."""
    named = os.environ.get("NUNATAK_BIN")
    target = Path(os.environ.get("CARGO_TARGET_DIR") or PROJECT / "target")
    path = Path(named) if named else target / "debug" / "nunatak"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there: run `cargo build`, or set NUNATAK_BIN")
    return path


class Server:
    """One server process over one data directory."""

    def __init__(self, data_dir: Path, *arguments: str, env: dict[str, str] | None = None):
        self.data_dir = Path(data_dir)
        self.arguments = arguments
        self.env = env or {}
        self.process: subprocess.Popen[str] | None = None
        self.url = ""
        self.pg = ""
        self.flight = ""
        self.lines: list[str] = []
        self._ready = threading.Event()

    @property
    def iceberg(self) -> str:
        """Base of the Iceberg REST protocol."""
        return f"{self.url}/iceberg"

    @property
    def warehouses(self) -> str:
        """Base of the management protocol's warehouses."""
        return f"{self.url}/api/v1/warehouses"

    def start(self) -> Server:
        """Starts the process and waits until it says that it listens."""
        self._ready.clear()
        self.lines = []
        self.url = self.pg = self.flight = ""
        command = [str(binary()), "serve", "--data-dir", str(self.data_dir)]
        command += ["--http", "127.0.0.1:0", "--pg", "127.0.0.1:0", "--flight", "127.0.0.1:0"]
        self.process = subprocess.Popen(
            [*command, *self.arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **self.env},
        )
        threading.Thread(target=self._read, args=(self.process,), daemon=True).start()
        deadline = time.monotonic() + START_SECONDS
        while not self._ready.wait(0.05):
            if self.process.poll() is not None:
                raise AssertionError(
                    f"the server ended with {self.process.returncode} before it listened:\n{self.output()}"
                )
            if time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"no `listening http`, `listening pg` and `listening flight` within {START_SECONDS} s:\n{self.output()}")
        return self

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.lines.append(line.rstrip("\n"))
            if found := LISTENING.search(line):
                self.url = f"http://{found.group(1)}"
            if found := LISTENING_PG.search(line):
                self.pg = found.group(1)
            if found := LISTENING_FLIGHT.search(line):
                self.flight = found.group(1)
            if self.url and self.flight and (self.pg or "off" in self.arguments):
                self._ready.set()

    def output(self) -> str:
        """The last lines the process wrote, for messages."""
        return "\n".join(self.lines[-60:])

    def running(self) -> bool:
        """Whether the process has not ended."""
        return self.process is not None and self.process.poll() is None

    def stop(self) -> None:
        """SIGTERM; the server drains and must exit 0."""
        if self.process is None:
            return
        assert self.process.poll() is None, f"the server is gone ({self.process.returncode}):\n{self.output()}"
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"SIGTERM did not end the server in {STOP_SECONDS} s:\n{self.output()}") from None
        self.process = None
        assert code == 0, f"SIGTERM: exit code {code}, not 0:\n{self.output()}"

    def kill(self) -> None:
        """SIGKILL, as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def __enter__(self) -> Server:
        return self.start()

    def __exit__(self, kind, *_rest) -> None:
        if kind is None:
            self.stop()
        else:
            self.kill()


def nunatak(*arguments: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """Runs a command of the binary to its end, for example `verify`."""
    return subprocess.run(
        [str(binary()), *arguments], capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL
    )
