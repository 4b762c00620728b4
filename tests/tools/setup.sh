#!/usr/bin/env bash
# Installs what the client tests need and leaves alone what is there already: system packages (only
# if missing), one Python environment per suite in .venv/, the kit's and Spark's jars.
set -euo pipefail
cd "$(dirname "$0")/../.."

say() { printf '== %s\n' "$*"; }

missing=()
command -v cc >/dev/null || missing+=(gcc libc6-dev)
command -v curl >/dev/null || missing+=(curl)
command -v mvn >/dev/null || missing+=(maven)
if ! command -v javac >/dev/null; then
    if apt-cache show openjdk-17-jdk-headless >/dev/null 2>&1; then
        missing+=(openjdk-17-jdk-headless)
    else
        missing+=(default-jdk-headless)
    fi
fi
command -v psql >/dev/null || missing+=(postgresql-client)
compgen -G "/usr/lib/postgresql/*/bin/initdb" >/dev/null || missing+=(postgresql)
command -v setpriv >/dev/null || missing+=(util-linux)
command -v python3 >/dev/null || missing+=(python3)
python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
if [ "${#missing[@]}" -gt 0 ]; then
    say "installing ${missing[*]}"
    as_root=()
    [ "$(id -u)" -eq 0 ] || as_root=(sudo)
    "${as_root[@]}" apt-get update -qq
    DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
command -v cargo >/dev/null || { echo "cargo is missing: install Rust (rust-version in Cargo.toml)" >&2; exit 1; }

# environment NAME REQUIREMENTS: a virtual environment that holds exactly these requirements.
environment() {
    local home=.venv/$1 requirements=tests/clients/$2
    if ! cmp -s "$requirements" "$home/installed.txt"; then
        say "python environment $1"
        [ -x "$home/bin/python" ] || python3 -m venv "$home"
        "$home/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements"
        cp "$requirements" "$home/installed.txt"
    fi
}
environment clients requirements.txt
environment spark35 spark/requirements-3.5.txt
environment spark41 spark/requirements-4.1.txt
environment dbt dbt/requirements.txt

say "jars"
.venv/clients/bin/python tests/clients/kit/run.py --prepare
for artifact in iceberg-spark-runtime-3.5_2.12 iceberg-spark-runtime-4.1_2.13; do
    if [ ! -f ".cache/spark/$artifact-1.11.0.jar" ]; then
        mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy \
            -Dartifact="org.apache.iceberg:$artifact:1.11.0" -DoutputDirectory="$PWD/.cache/spark"
    fi
done
if [ ! -f .cache/jdbc/postgresql-42.7.7.jar ]; then
    mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy \
        -Dartifact=org.postgresql:postgresql:42.7.7 -DoutputDirectory="$PWD/.cache/jdbc"
fi
