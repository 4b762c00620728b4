# What a developer of Nunatak runs. `make test` is everything, and what CI runs.

.PHONY: run test test-fast clients setup lint bench bench-sql

run: ## the server on 127.0.0.1:8181, data in ./nunatak-data
	cargo run --release -- serve

setup: ## what the client suites need: Python environments, jars, missing system packages
	tests/tools/setup.sh

test: setup ## Rust tests, then every client suite against the real server
	python3 tests/tools/run.py rust clients

test-fast: ## Rust tests only
	cargo test --features testing

clients: setup ## the client suites only
	python3 tests/tools/run.py clients

lint: ## formatting and clippy, warnings are errors
	cargo fmt --check
	cargo clippy --all-targets --all-features -- -D warnings

bench: ## benchmarks; numbers and machine go into benchmarks/README.md
	cargo bench --features testing

bench-sql: setup ## SQL beside DuckDB and DataFusion on the same files; `cargo build --release` first
	.venv/clients/bin/python -m pip install --quiet --disable-pip-version-check -r benchmarks/sql/requirements.txt
	NUNATAK_BIN=$${NUNATAK_BIN:-target/release/nunatak} .venv/clients/bin/python benchmarks/sql/run.py
