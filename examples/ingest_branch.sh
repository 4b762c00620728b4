#!/usr/bin/env bash
# An ingest branch with nothing but curl: branch, create a table, look, merge, tag, clean up.
# Start `nunatak serve` first. Another server: NUNATAK_URL=http://host:port examples/ingest_branch.sh
set -euo pipefail

url=${NUNATAK_URL:-http://127.0.0.1:8181}
api=$url/api/v1/warehouses/lake
run=$(date -u +%Y%m%dt%H%M%S)-$$
branch=curl-$run

step() { printf '\n* %s\n' "$*"; }
call() { # METHOD URL [JSON]
    curl --silent --show-error --fail-with-body -X "$1" "$2" -H 'Content-Type: application/json' \
        -H "X-Nunatak-Message: curl load $run" ${3:+--data "$3"}
    echo
}

step "A branch"
call POST "$api/branches" "{\"name\": \"$branch\"}"

step "The prefix that Iceberg clients use for it"
config=$(call GET "$url/iceberg/v1/config?warehouse=lake@$branch")
prefix=$(printf '%s' "$config" | sed -n 's/.*"prefix" *: *"\([^"]*\)".*/\1/p')
echo "$prefix"

step "A namespace and a table on the branch"
call POST "$url/iceberg/v1/$prefix/namespaces" "{\"namespace\": [\"n$run\"]}"
table=$(call POST "$url/iceberg/v1/$prefix/namespaces/n$run/tables" '{"name": "events", "schema": {"type": "struct",
    "fields": [{"id": 1, "name": "id", "required": true, "type": "long"}]}}')
echo "${table:0:300} ..."

step "What the branch changed"
call GET "$api/diff?from=main&to=$branch"

step "Would it merge? A dry run moves nothing"
call POST "$api/merges" "{\"source\": \"$branch\", \"into\": \"main\", \"dry_run\": true}"

step "The merge"
call POST "$api/merges" "{\"source\": \"$branch\", \"into\": \"main\", \"message\": \"promote $run\"}"

step "A tag, and the log"
call POST "$api/tags" "{\"name\": \"run-$run\"}"
call GET "$api/commits?ref=main&limit=3"

step "The branch can go"
call DELETE "$api/branches/$branch"
echo done
