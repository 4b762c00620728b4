"""Runs every example twice against a fresh server; each must end with exit code 0 and say `done`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from server import PROJECT, Server

EXAMPLES = {"ingest_branch.py": [sys.executable], "ingest_branch.sh": ["bash"]}


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
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
