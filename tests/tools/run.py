"""Runs the test suites one after the other and counts: `run.py [rust] [clients] [SUITE...]`.

The last line is `N passed, N failed`; the exit code is 0 only if every suite ran and nothing failed.
A suite that breaks before it could count anything is one failure.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as xml
from collections.abc import Callable
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
CLIENTS = PROJECT / "tests" / "clients"
REPORTS = PROJECT / ".cache" / "reports"
COUNTS = re.compile(r"^(\d+) passed, (\d+) failed$", re.MULTILINE)
CARGO_COUNTS = re.compile(r"^test result: \w+\. (\d+) passed; (\d+) failed", re.MULTILINE)


def python(environment: str) -> str:
    """The interpreter of one of the suites' environments."""
    return str(PROJECT / ".venv" / environment / "bin" / "python")


def run(command: list[str], minutes: float, **env: str) -> tuple[int, str]:
    """Runs a command with its output both shown and kept; 124 if it takes too long."""
    print(f"-- {' '.join(command)}", flush=True)
    process = subprocess.Popen(
        ["timeout", "--kill-after=20", str(int(minutes * 60)), *command],
        cwd=PROJECT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**os.environ, **env},
    )
    assert process.stdout is not None
    kept = []
    for line in process.stdout:
        kept.append(line)
        print(line, end="", flush=True)
    return process.wait(), "".join(kept)


def judged(code: int, passed: int, failed: int) -> tuple[int, int]:
    """The counts, with a suite that broke without a failed test counted as one failure."""
    return passed, failed if code == 0 or failed else 1


def rust() -> tuple[int, int]:
    """Every Rust test, doc tests included."""
    code, output = run(["cargo", "test", "--features", "testing", "--no-fail-fast"], 40)
    counts = [(int(passed), int(failed)) for passed, failed in CARGO_COUNTS.findall(output)]
    return judged(code, sum(p for p, _ in counts), sum(f for _, f in counts))


def build() -> tuple[int, int]:
    """The server's binary that the client suites start: with the tests, whose features dependencies share."""
    code, _ = run(["cargo", "build", "--features", "testing", "--bins", "--tests"], 40)
    return judged(code, 0, 0)


def pytest() -> tuple[int, int]:
    """REST, PyIceberg and DuckDB."""
    report = REPORTS / "pytest.xml"
    REPORTS.mkdir(parents=True, exist_ok=True)
    report.unlink(missing_ok=True)
    command = [python("clients"), "-m", "pytest", str(CLIENTS), "-q", "--durations=10", f"--junitxml={report}"]
    code, _ = run(command, 20, NO_COLOR="1")
    if not report.exists():
        return judged(code, 0, 1)
    suite = next(xml.parse(report).getroot().iter("testsuite"))
    total, failed = int(suite.get("tests", 0)), int(suite.get("failures", 0)) + int(suite.get("errors", 0))
    return judged(code, total - failed - int(suite.get("skipped", 0)), failed)


def counted(command: list[str], minutes: float) -> Callable[[], tuple[int, int]]:
    """A suite that prints `N passed, N failed` itself."""

    def suite() -> tuple[int, int]:
        code, output = run(command, minutes)
        found = COUNTS.findall(output)
        return judged(code, int(found[-1][0]), int(found[-1][1])) if found else judged(1, 0, 0)

    return suite


SUITES: dict[str, Callable[[], tuple[int, int]]] = {
    "rust": rust,
    "build": build,
    "pytest": pytest,
    "kit": counted([python("clients"), str(CLIENTS / "kit" / "run.py")], 12),
    "spark35": counted([python("clients"), str(CLIENTS / "spark" / "run.py"), "3.5"], 6),
    "spark41": counted([python("clients"), str(CLIENTS / "spark" / "run.py"), "4.1"], 6),
    "dbt": counted([python("dbt"), str(CLIENTS / "dbt" / "run.py")], 12),
    "example": counted([python("clients"), str(CLIENTS / "run_examples.py")], 4),
}
GROUPS = {"clients": [name for name in SUITES if name != "rust"]}


def main() -> None:
    """Runs the suites named on the command line, or all."""
    names = [name for word in sys.argv[1:] or ["rust", "clients"] for name in GROUPS.get(word, [word])]
    results, start = [], time.monotonic()
    for name in names:
        print(f"\n===== {name} ({time.monotonic() - start:.0f} s so far)", flush=True)
        began = time.monotonic()
        passed, failed = SUITES[name]()
        results.append((name, passed, failed, time.monotonic() - began))
        if name == "build" and failed:
            break
    print("\n===== summary")
    for name, passed, failed, seconds in results:
        print(f"{name:10} {passed:6} passed {failed:4} failed {seconds:7.0f} s")
    passed, failed = sum(row[1] for row in results), sum(row[2] for row in results)
    print(f"{passed} passed, {failed} failed", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
