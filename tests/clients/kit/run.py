"""Runs the Iceberg REST compatibility kit against a server, and judges every test of it.

    run.py                    starts a server, runs the kit on `lake@kit` and on `lake` (the warehouse view)
    run.py --uri U --warehouse W    runs it once against a server that is there already

A test passes, or it is listed with its reason in `expected_aborts.txt` (assumptions that do not
hold) or, for the warehouse view, in `expected_warehouse_view.txt`. A listed test that passes is
reported too: the list would be wrong.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml
from pathlib import Path

KIT = Path(__file__).resolve().parent
PROJECT = KIT.parents[2]
CACHE = PROJECT / ".cache" / "kit"
CLASSES = ["nunatak.kit.TablesTest", "nunatak.kit.ViewsTest"]
CLASS_PATH_GOAL = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:build-classpath"
KIT_SECONDS = 600

sys.path.insert(0, str(KIT.parent))


def class_path() -> str:
    """Downloads the kit and compiles the subclasses, if the cache is older than the sources."""
    CACHE.mkdir(parents=True, exist_ok=True)
    jars, classes, stamp = CACHE / "jars.txt", CACHE / "classes", CACHE / "stamp"
    sources = sorted((KIT / "src").rglob("*.java"))
    newest = max(path.stat().st_mtime for path in [KIT / "pom.xml", *sources])
    if stamp.exists() and stamp.stat().st_mtime >= newest:
        listed = jars.read_text().strip()
        if all(Path(jar).exists() for jar in listed.split(":")):
            return f"{classes}:{listed}"
    subprocess.run(["mvn", "-q", "-B", CLASS_PATH_GOAL, f"-Dmdep.outputFile={jars}"], cwd=KIT, check=True)
    shutil.rmtree(classes, ignore_errors=True)
    subprocess.run(["javac", "-cp", jars.read_text().strip(), "-d", str(classes), *map(str, sources)], check=True)
    stamp.touch()
    return f"{classes}:{jars.read_text().strip()}"


def run_kit(uri: str, warehouse: str, classes: list[str], *flags: str) -> dict[tuple[str, str], tuple[str, str]]:
    """Runs the kit; (class, test) -> (passed | failed | aborted, message)."""
    with tempfile.TemporaryDirectory() as reports:
        command = [
            "java",
            "-Dfile.encoding=UTF-8",
            f"-Duri={uri}",
            f"-Dwarehouse={warehouse}",
            "-Dio-impl=org.apache.iceberg.hadoop.HadoopFileIO",
            "-Drck.requires-namespace-create=true",
            "-Drck.supports-serverside-retry=true",
            "-Drck.overrides-requested-location=false",
            "-Drck.supports-names-with-dot=true",
            "-Drck.purge-test-namespaces=true",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
            *flags,
            "-cp",
            class_path(),
            "org.junit.platform.console.ConsoleLauncher",
            "execute",
            "--disable-banner",
            "--disable-ansi-colors",
            "--config=rck.local=false",
            "--details=none",
            f"--reports-dir={reports}",
            *(f"--select-class={name}" for name in classes),
        ]
        result = subprocess.run(command, capture_output=True, text=True, timeout=KIT_SECONDS)
        report = Path(reports) / "TEST-junit-jupiter.xml"
        if not report.exists():
            sys.exit(f"the kit did not run:\n{result.stdout[-4000:]}\n{result.stderr[-4000:]}")
        return read_report(report)


def read_report(report: Path) -> dict[tuple[str, str], tuple[str, str]]:
    """The outcome of every test of a JUnit report; repetitions of one test get numbers."""
    outcomes: dict[tuple[str, str], tuple[str, str]] = {}
    for case in xml.parse(report).getroot().iter("testcase"):
        bad = next((child for child in case if child.tag in ("failure", "error", "skipped")), None)
        kind = "passed" if bad is None else "aborted" if bad.tag == "skipped" else "failed"
        name = re.sub(r"\(.*\)(\[\d+\])?$", r"()\1", case.get("name", ""))
        key = (case.get("classname", "").rsplit(".", 1)[-1], name)
        outcomes[key] = (kind, "" if bad is None else (bad.text or bad.get("message") or "").strip())
    return outcomes


def expectations(name: str) -> dict[tuple[str, str], str]:
    """A list of `<class> <test>: <reason>` lines."""
    expected = {}
    for line in (KIT / name).read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            test, reason = line.split(": ", 1)
            expected[tuple(test.split(" ", 1))] = reason
    return expected


def judge(title: str, outcomes: dict, aborts: dict, failures: dict, reports: Path | None) -> tuple[int, int]:
    """Prints what differs from the expectations; (as expected, not as expected)."""
    wrong = []
    for key, (kind, message) in sorted(outcomes.items()):
        expected = "aborted" if key in aborts else "failed" if key in failures else "passed"
        if kind != expected:
            wrong.append((key, kind, expected, message))
    gone = [key for key in [*aborts, *failures] if key not in outcomes]
    counts = {kind: sum(1 for outcome, _ in outcomes.values() if outcome == kind) for kind in ("passed", "failed", "aborted")}
    print(f"kit {title}: {counts['passed']} passed, {counts['failed']} failed, {counts['aborted']} aborted", flush=True)
    for key, kind, expected, message in wrong:
        print(f"  {' '.join(key)}: {kind}, expected: {expected}\n    {message[:600]}")
    for key in gone:
        print(f"  {' '.join(key)}: listed, but the kit has no such test")
    if reports:
        reports.mkdir(parents=True, exist_ok=True)
        lines = (f"{kind} {' '.join(key)}\n{message}\n" for key, (kind, message) in sorted(outcomes.items()))
        (reports / f"kit-{title.replace('@', '-at-')}.txt").write_text("".join(lines))
    return len(outcomes) - len(wrong), len(wrong) + len(gone)


def with_own_server() -> tuple[int, int]:
    """Both views of a server started for the purpose."""
    from clients import Warehouse, expect
    from server import Server

    aborts = expectations("expected_aborts.txt")
    passed = failed = 0
    reports = PROJECT / ".cache" / "reports"
    for title, failures in (("lake@kit", {}), ("lake", expectations("expected_warehouse_view.txt"))):
        outcomes = {}
        # A server for each class: what a failed test of one leaves behind would stop the other.
        for name in CLASSES:
            # The kit asks for locations below /tmp and wants them kept.
            with tempfile.TemporaryDirectory() as data, Server(Path(data) / "data", "--allowed-location", "file:///tmp") as server:
                lake = Warehouse(server)
                expect(lake.request("PATCH", "", json={"client_gc": "allow"}))
                flags = [f"-Dnunatak.branches={server.warehouses}/lake/branches"]
                if title == "lake@kit":
                    expect(lake.post("/branches", name="kit"))
                    flags = []
                outcomes |= run_kit(server.iceberg, title, [name], *flags)
        good, bad = judge(title, outcomes, aborts, failures, reports)
        passed, failed = passed + good, failed + bad
    return passed, failed


def main() -> None:
    """See the module's text."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--uri")
    parser.add_argument("--warehouse", default="lake@kit")
    parser.add_argument("--class", dest="classes", action="append", help="only this test class")
    parser.add_argument("--prepare", action="store_true", help="only download and compile")
    options = parser.parse_args()
    if options.prepare:
        class_path()
        return
    if options.uri:
        outcomes = run_kit(options.uri, options.warehouse, options.classes or CLASSES)
        passed, failed = judge(options.warehouse, outcomes, expectations("expected_aborts.txt"), {}, None)
    else:
        passed, failed = with_own_server()
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
