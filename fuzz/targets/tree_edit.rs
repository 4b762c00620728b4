//! Any bytes as edits: the tree that they lead to is the one built from the same map.
#![no_main]

use std::collections::BTreeMap;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use nunatak::tree::{
    Change, Edit, Item, MemoryNodes, NodeRef, Value, apply, build, check, empty_node,
};

fuzz_target!(|data: &[u8]| {
    let nodes = MemoryNodes::new();
    let mut root = NodeRef { hash: empty_node().hash(), hint: 0 };
    let mut map = BTreeMap::new();
    // A step is a number of edits and, for each, what to do, from which key on and for how many.
    let mut data = data.iter().copied();
    while let Some(count) = data.next() {
        let mut step = BTreeMap::new();
        for _ in 0..=count % 8 {
            let (Some(what), Some(high), Some(low)) = (data.next(), data.next(), data.next())
            else {
                break;
            };
            let first = u16::from_be_bytes([high, low]) % 2_048;
            for number in first..first + u16::from(what >> 2) {
                let key = Bytes::copy_from_slice(&number.to_be_bytes());
                let value = Value { bytes: Bytes::copy_from_slice(&[what & 3]), hint: 0 };
                let change = if what & 3 == 0 { Change::Remove } else { Change::Put(value) };
                step.insert(key, change);
            }
        }
        for (key, change) in &step {
            match change {
                Change::Put(value) => map.insert(key.clone(), value.clone()),
                Change::Remove => map.remove(key),
            };
        }
        let edits: Vec<Edit> = step.into_iter().map(|(key, change)| Edit { key, change }).collect();
        root = apply(&nodes, root, &edits, &mut &nodes).expect("edits apply");
    }
    check(&nodes, root).expect("the tree is sound");
    let items = map.into_iter().map(|(key, value)| Item { key, value });
    let built = build(items, &mut Vec::new()).expect("the map builds");
    assert_eq!(built.hash, root.hash);
});
