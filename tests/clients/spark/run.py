"""Runs `job.py` under one Spark version against a server of its own: `run.py 3.5|4.1`.

`job.py` runs in Spark's own Python environment and prints one line `ok NAME` or `failed NAME` per
check; what the commit log and the ref log say afterwards is checked here.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

SPARK = Path(__file__).resolve().parent
PROJECT = SPARK.parents[2]
JARS = {"3.5": "iceberg-spark-runtime-3.5_2.12-1.11.0.jar", "4.1": "iceberg-spark-runtime-4.1_2.13-1.11.0.jar"}
JOB_SECONDS = 300

sys.path.insert(0, str(SPARK.parent))

from clients import Warehouse  # noqa: E402

from server import Server  # noqa: E402


class Checks:
    """Counts checks and prints each."""

    def __init__(self):
        self.passed = self.failed = 0

    def __call__(self, name: str, good: bool, detail: object = "") -> None:
        self.passed, self.failed = self.passed + bool(good), self.failed + (not good)
        print(f"{'ok' if good else 'failed'} {name}{'' if good else f': {detail}'}", flush=True)


def job(version: str, server: Server, scratch: str, checks: Checks) -> None:
    """Runs the job in Spark and adds its checks."""
    environment = {
        **os.environ,
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYTHONNOUSERSITE": "1",
        "TMPDIR": scratch,
    }
    environment.pop("SPARK_HOME", None)
    process = subprocess.run(
        [
            str(PROJECT / ".venv" / f"spark{version.replace('.', '')}" / "bin" / "python"),
            str(SPARK / "job.py"),
            str(PROJECT / ".cache" / "spark" / JARS[version]),
            server.iceberg,
            f"{server.warehouses}/lake",
        ],
        cwd=scratch,
        env=environment,
        capture_output=True,
        text=True,
        timeout=JOB_SECONDS,
    )
    ended = False
    for line in process.stdout.splitlines():
        word, _, rest = line.partition(" ")
        if word in ("ok", "failed"):
            name, _, detail = rest.partition(": ")
            checks(name, word == "ok", detail)
        ended = ended or line == "end"
    if process.returncode or not ended:
        checks("runs to its end", False, f"exit code {process.returncode}\n{process.stderr[-6000:]}")


def main() -> None:
    """See the module's text."""
    version = sys.argv[1]
    checks = Checks()
    with tempfile.TemporaryDirectory() as scratch, Server(Path(scratch) / "data") as server:
        job(version, server, scratch, checks)
        lake = Warehouse(server)
        checks("CREATE NAMESPACE made a branch, DROP NAMESPACE removed one", set(lake.refs()) == {"main", "from_ingest", "v1"}, lake.refs())
        log = lake.log("main")
        messages = [commit["message"] for commit in log]
        checks("commits carry the job's message", "hourly load" in messages and messages[0] == "promote the load", messages)
        properties = [commit["properties"] for commit in log]
        checks("commits carry the job's property", any(p.get("job") == "spark" for p in properties), properties)
        moves = [entry["action"] for entry in lake.ref_log("main")]
        checks("the merge is the only movement of main", moves == ["merge", "create"], moves)
    print(f"{checks.passed} passed, {checks.failed} failed")
    sys.exit(1 if checks.failed else 0)


if __name__ == "__main__":
    main()
