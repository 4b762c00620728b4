//! Any bytes as a tree node: refused, or the one encoding of what they decode to. Never a panic.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use nunatak::base::hash::Digest;
use nunatak::tree::Node;

fuzz_target!(|data: &[u8]| {
    let bytes = Bytes::copy_from_slice(data);
    if let Ok(node) = Node::decode(bytes.clone()) {
        assert_eq!(node.canonical(), data);
        assert_eq!(node.hash().digest(), &Digest::of(data));
        let items: Vec<_> = node.items().collect();
        assert_eq!(items.len(), node.len());
        assert!(items.windows(2).all(|pair| pair[0].key < pair[1].key));
        let below = items.iter().fold(0_u64, |below, item| below + item.count());
        assert_eq!(below, node.subtree_count());
        let stored = node.with_hints(|item| item.count().rotate_left(item.key.len() as u32));
        let again = Node::from_stored(stored.to_stored()).expect("what was stored is read");
        assert_eq!(again, node);
    }
    if let Ok(node) = Node::from_stored(bytes) {
        assert_eq!(&node.to_stored()[..], data);
    }
});
