"""Runs every example twice against a fresh server; each must end with exit code 0 and say `done`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from server import PROJECT, Server, binary

EXAMPLES = {"ingest_branch.py": [sys.executable], "ingest_branch.sh": ["bash"]}


def demo() -> bool:
    """`nunatak demo` on an empty directory; a second one there is refused."""
    with tempfile.TemporaryDirectory() as scratch:
        command = [str(binary()), "demo", "--data-dir", str(Path(scratch) / "lake")]
        first = subprocess.run(command, capture_output=True, text=True, timeout=120)
        second = subprocess.run(command, capture_output=True, text=True, timeout=120)
    rows = [line for line in first.stdout.splitlines() if "United Air Lines Inc." in line]
    good = first.returncode == 0 and second.returncode == 2 and len(rows) == 1 and "165" in rows[0]
    print(f"{'ok' if good else 'failed'} nunatak demo", flush=True)
    if not good:
        print(f"{first.stdout[-3000:]}\n{first.stderr[-3000:]}\n{second.stderr[-1000:]}")
    return good


def main() -> None:
    """See the module's text."""
    passed = failed = 0
    with tempfile.TemporaryDirectory() as data, Server(Path(data) / "data") as server:
        for name, interpreter in EXAMPLES.items():
            for attempt in ("first", "second"):
                result = subprocess.run(
                    [*interpreter, str(PROJECT / "examples" / name)],
                    env={**os.environ, "NUNATAK_URL": server.url},
                    capture_output=True,
                    text=True,
                    timeout=120,
                )
                good = result.returncode == 0 and result.stdout.rstrip().endswith("done")
                passed, failed = passed + good, failed + (not good)
                print(f"{'ok' if good else 'failed'} {name}, {attempt} run", flush=True)
                if not good:
                    print(f"{result.stdout[-3000:]}\n{result.stderr[-3000:]}")
    good = demo()
    passed, failed = passed + good, failed + (not good)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
