//! Golden vectors: the format as it was frozen. A failure here means that every stored tree changes its
//! name (a second implementation of the format, written apart from this one, gave the same roots); the
//! files are never regenerated, a new format gets a new version and a new folder.

use std::fmt::Write as _;

use nunatak::base::hash::to_hex;
use nunatak::tree::{MemoryNodes, check, empty_node};

use super::model::{Map, build_map, numbered};

const ROOTS: &str = include_str!("../golden/v1/tree_roots.txt");
const NODES: &str = include_str!("../golden/v1/tree_nodes.txt");

/// Fixed inputs, by name.
fn inputs() -> Vec<(&'static str, Map)> {
    let paths = |count: u32| -> Map {
        (0..count)
            .map(|number| {
                let key = format!("warehouse/region_{:02}/table_{number:07}", number % 37);
                (key.into_bytes(), vec![u8::try_from(number % 251).unwrap(); 49])
            })
            .collect()
    };
    let nested: Map =
        (0_u8..=200).map(|length| (vec![b'a'; length.into()], vec![length])).collect();
    vec![
        ("empty", Map::new()),
        ("empty_key", Map::from([(Vec::new(), Vec::new())])),
        ("one", Map::from([(b"key".to_vec(), b"value".to_vec())])),
        ("numbers_20", numbered(20)),
        ("numbers_1000", numbered(1_000)),
        ("numbers_50000", numbered(50_000)),
        ("paths_100", paths(100)),
        ("paths_20000", paths(20_000)),
        ("nested", nested),
        ("large", Map::from([(vec![0xff; 300], vec![7; 5_000]), (vec![0xff; 400], vec![])])),
    ]
}

#[test]
fn roots_are_as_frozen() {
    let mut found = String::new();
    for (name, map) in inputs() {
        let nodes = MemoryNodes::new();
        let root = build_map(&map, &nodes);
        let summary = check(&nodes, root).unwrap();
        let (hash, count, bytes) = (root.hash, summary.nodes, summary.bytes);
        writeln!(found, "{name} {hash} nodes={count} height={} bytes={bytes}", summary.height)
            .unwrap();
    }
    assert_eq!(found, ROOTS, "--- found ---\n{found}");
}

#[test]
fn node_bytes_are_as_frozen() {
    let mut found = format!("empty {}\n", to_hex(empty_node().canonical()));
    for (name, map) in inputs() {
        let nodes = MemoryNodes::new();
        let root = build_map(&map, &nodes);
        if let Some(node) = nodes.get(&root.hash).filter(|node| node.canonical().len() < 3_000) {
            let stored = node.with_hints(|item| item.count() * 1_000).to_stored();
            writeln!(found, "{name} canonical {}", to_hex(node.canonical())).unwrap();
            writeln!(found, "{name} stored {}", to_hex(&stored)).unwrap();
        }
    }
    assert_eq!(found, NODES, "--- found ---\n{found}");
}
