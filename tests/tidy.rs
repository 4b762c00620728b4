//! Holds the source tree to its structure: who may import whom, which module may touch which library,
//! that every module says what it is for, and that no test file is forgotten.
//!
//! A new edge is a decision: edit the table here and write the reason into `src/ARCHITECTURE.md`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Module (the longest path that matches wins) and what it may import from this crate. Nothing else.
const LAYERS: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("telemetry", &["base"]),
    ("tree", &["base"]),
    ("store", &["base", "telemetry"]),
    // The contract and its rows are one floor: rows check themselves with the contract's errors.
    ("store::interface", &["base", "store::records"]),
    ("store::records", &["base", "store::interface"]),
    // `auth::context` is what a commit says of its writer; it knows nothing itself.
    ("version", &["base", "tree", "store::interface", "store::records", "auth::context"]),
    ("iceberg", &["base"]),
    ("auth", &["base", "store::interface", "store::records"]),
    ("catalog", &["base", "auth", "iceberg", "version", "store::interface", "store::records"]),
    (
        "rest",
        &[
            "base",
            "telemetry",
            "auth",
            "catalog",
            "iceberg",
            // Statements are run by the layer that knows SQL; the door writes down what comes of them.
            "sql",
            // Plain values that answers show: kinds of refs and contents, commits.
            "store::records",
            "version::content",
            "version::conflict",
        ],
    ),
    // Kinds of refs and contents are plain values, as for the doors.
    ("sql", &["base", "auth", "catalog", "iceberg", "store::records", "version::content"]),
    ("pgwire", &["base", "telemetry", "auth", "sql"]),
    ("flight", &["base", "telemetry", "auth", "sql"]),
    (
        "server",
        &[
            "base",
            "telemetry",
            "tree",
            "store",
            "version",
            "iceberg",
            "auth",
            "catalog",
            "sql",
            "rest",
            "pgwire",
            "flight",
        ],
    ),
    ("cli", &["base", "server"]),
    ("main", &["cli"]),
];

/// Library and the modules that may name it.
const WALLS: &[(&str, &[&str])] = &[
    ("axum", &["rest", "server"]),
    ("tower_http", &["rest", "server"]),
    ("hyper", &["server"]),
    ("hyper_util", &["server"]),
    ("utoipa", &["rest"]),
    ("prometheus", &["telemetry", "rest", "server"]),
    ("rusqlite", &["store::sqlite"]),
    // What reads data files is handed to the engine as its own kind of store.
    ("object_store", &["iceberg::io", "sql::scan"]),
    ("datafusion", &["sql"]),
    ("parquet", &["sql"]),
    ("apache_iceberg", &["sql"]),
    ("arrow", &["sql", "pgwire", "flight", "rest::management"]),
    ("arrow_flight", &["flight"]),
    ("tonic", &["flight", "server"]),
    ("prost", &["flight"]),
    ("pgwire", &["pgwire"]),
    ("reqwest", &["cli"]),
    ("clap", &["cli", "server::config"]),
    ("rustyline", &["cli"]),
    ("indicatif", &["cli"]),
    ("std::env", &["server::config"]),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(below: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![below.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn module_of(file: &Path) -> String {
    let relative = file.strip_prefix(root().join("src")).unwrap().with_extension("");
    let mut parts: Vec<String> =
        relative.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
    if parts.last().is_some_and(|last| last == "mod" || (last == "lib" && parts.len() == 1)) {
        parts.pop();
    }
    parts.join("::")
}

fn within(module: &str, area: &str) -> bool {
    module == area || module.strip_prefix(area).is_some_and(|rest| rest.starts_with("::"))
}

/// The source without comments, string literals and test modules (tests may reach further).
fn code_of(file: &Path) -> String {
    let text = std::fs::read_to_string(file).unwrap();
    let text = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap();
    let mut out = String::new();
    for line in text.lines() {
        out.push_str(line.split("//").next().unwrap());
        out.push('\n');
    }
    out
}

/// Every path into this crate, `use` trees with braces and `super::` included.
fn imports(module: &str, code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    relative_imports(module, code, &mut found);
    let mut rest = code;
    while let Some(at) = rest.find("crate::") {
        let before = rest[..at].chars().next_back();
        rest = &rest[at + "crate::".len()..];
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        expand(rest, "", &mut found);
    }
    found
}

fn relative_imports(module: &str, code: &str, found: &mut BTreeSet<String>) {
    let mut rest = code;
    while let Some(at) = rest.find("super::") {
        let mut parts: Vec<&str> = module.split("::").collect();
        rest = &rest[at..];
        while let Some(tail) = rest.strip_prefix("super::") {
            parts.pop();
            rest = tail;
        }
        expand(rest, &parts.join("::"), found);
    }
}

fn expand(text: &str, prefix: &str, found: &mut BTreeSet<String>) {
    if let Some(inner) = text.strip_prefix('{') {
        let mut depth = 1;
        let mut item = String::new();
        for c in inner.chars() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            if depth == 0 || (depth == 1 && c == ',') {
                let item_text = std::mem::take(&mut item);
                let trimmed = item_text.trim();
                if !trimmed.is_empty() {
                    expand(trimmed, prefix, found);
                }
                if depth == 0 {
                    return;
                }
            } else {
                item.push(c);
            }
        }
        return;
    }
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    let name = &text[..end];
    let path = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}::{name}") };
    match text[end..].strip_prefix("::") {
        Some(rest) => expand(rest, &path, found),
        None => {
            found.insert(path);
        }
    }
}

#[test]
fn imports_point_downwards() {
    let mut wrong = Vec::new();
    for file in rust_files(&root().join("src")) {
        let module = module_of(&file);
        // The crate's root lists modules; `testing` code is compiled for tests only.
        if module.is_empty() || within(&module, "testing") || module.contains("conformance") {
            continue;
        }
        let Some((layer, allowed)) = LAYERS
            .iter()
            .filter(|(area, _)| within(&module, area))
            .max_by_key(|(area, _)| area.len())
        else {
            wrong.push(format!("{module} is in no layer: add it to the table in tests/tidy.rs"));
            continue;
        };
        let top = layer.split("::").next().unwrap();
        for import in imports(&module, &code_of(&file)) {
            let same =
                if layer.contains("::") { within(&import, layer) } else { within(&import, top) };
            if !same && !allowed.iter().any(|area| within(&import, area)) {
                wrong.push(format!("{module} imports crate::{import}, which {layer} may not"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn doors_do_not_see_each_other() {
    for file in rust_files(&root().join("src/rest")) {
        let module = module_of(&file);
        for import in imports(&module, &code_of(&file)) {
            for (one, other) in
                [("rest::iceberg", "rest::management"), ("rest::management", "rest::iceberg")]
            {
                assert!(
                    !(within(&module, one) && within(&import, other)),
                    "{module} imports {import}"
                );
            }
        }
    }
}

#[test]
fn libraries_stay_in_their_rooms() {
    let mut wrong = Vec::new();
    for file in rust_files(&root().join("src")) {
        let module = module_of(&file);
        let code = code_of(&file);
        for (library, rooms) in WALLS {
            let named = code.match_indices(library).any(|(at, _)| {
                let before = code[..at].chars().next_back();
                let free = before.is_none_or(|c| !(c.is_alphanumeric() || c == '_' || c == ':'));
                free && code[at + library.len()..].starts_with("::")
            });
            if named && !rooms.iter().any(|room| within(&module, room)) {
                wrong.push(format!("{module} names {library}; only {rooms:?} may"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_module_says_what_it_is_for() {
    let silent: Vec<String> = rust_files(&root().join("src"))
        .into_iter()
        .filter(|file| {
            let text = std::fs::read_to_string(file).unwrap();
            !text.starts_with("//! ") && !text.starts_with("#![doc = include_str!")
        })
        .map(|file| file.display().to_string())
        .collect();
    assert!(silent.is_empty(), "without a `//!` line: {silent:?}");
}

#[test]
fn no_test_file_is_forgotten() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    for entry in std::fs::read_dir(root().join("tests")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "rs") {
            let declared =
                format!("path = \"tests/{}\"", path.file_name().unwrap().to_str().unwrap());
            assert!(manifest.contains(&declared), "Cargo.toml has no [[test]] with {declared}");
        }
    }
    let mut named: BTreeMap<PathBuf, String> = BTreeMap::new();
    for file in rust_files(&root().join("tests")) {
        named.insert(file.clone(), std::fs::read_to_string(&file).unwrap());
    }
    for file in named.keys() {
        let folder = file.parent().unwrap();
        if folder == root().join("tests") {
            continue;
        }
        let stem = file.file_stem().unwrap().to_str().unwrap();
        let declared = named.values().any(|text| {
            text.contains(&format!("mod {stem};")) || text.contains(&format!("/{stem}.rs\""))
        });
        assert!(declared || stem == "mod", "{} is in no test binary", file.display());
    }
}

#[test]
fn no_test_is_switched_off() {
    for below in ["src", "tests"] {
        for file in rust_files(&root().join(below)) {
            let text = std::fs::read_to_string(&file).unwrap();
            for bad in ["#[ignore", "#[should_panic", "#[allow("] {
                let found = text.lines().any(|line| line.trim_start().starts_with(bad));
                assert!(!found, "{} has {bad}", file.display());
            }
        }
    }
}

#[test]
fn migrations_are_numbered_without_gaps() {
    let mut numbers: Vec<u32> = std::fs::read_dir(root().join("sql/sqlite"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_str().unwrap()[..4].parse().unwrap())
        .collect();
    numbers.sort_unstable();
    let expected: Vec<u32> = (1..).take(numbers.len()).collect();
    assert_eq!(numbers, expected);
}
