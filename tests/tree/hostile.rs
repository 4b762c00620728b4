//! Bytes from elsewhere: what is not a node is refused, and a damaged tree is found out.

use bytes::Bytes;
use nunatak::base::hash::Digest;
use nunatak::base::ids::NodeHash;
use nunatak::tree::{
    MemoryNodes, Node, NodeRef, TreeError, Walk, check, diff, empty_node, get, range, walk,
};
use proptest::prelude::*;

use super::model::{build_map, map, numbered};

/// What an accepted byte string must be: the encoding of the node that it decodes to.
fn assert_canonical(bytes: &[u8]) {
    if let Ok(node) = Node::decode(Bytes::copy_from_slice(bytes)) {
        assert_eq!(node.canonical(), bytes);
        assert_eq!(node.items().count(), node.len());
        let keys: Vec<_> = node.items().map(|item| item.key.to_vec()).collect();
        assert!(keys.windows(2).all(|pair| pair[0] < pair[1]));
        if node.is_leaf() && !node.is_empty() {
            // A leaf whose items are inserted anew is cut into the same single leaf.
            let items = node.items().map(|item| nunatak::tree::Item {
                key: Bytes::copy_from_slice(&item.key),
                value: super::model::value(item.value().unwrap()),
            });
            let mut nodes: Vec<Node> = Vec::new();
            let root = nunatak::tree::build(items, &mut nodes).unwrap();
            assert_eq!(root.hash, node.hash());
        }
    }
    if let Ok(node) = Node::from_stored(Bytes::copy_from_slice(bytes)) {
        assert_eq!(&node.to_stored()[..], bytes);
    }
}

#[derive(Clone, Debug)]
enum Damage {
    Set(usize, u8),
    Insert(usize, u8),
    Remove(usize),
    Cut(usize),
    Swap(usize, usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    let at = || 0_usize..3_000;
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, byte)| Damage::Set(at, byte)),
        (0_usize..12, any::<u8>()).prop_map(|(at, byte)| Damage::Set(at, byte)),
        (at(), any::<u8>()).prop_map(|(at, byte)| Damage::Insert(at, byte)),
        at().prop_map(Damage::Remove),
        at().prop_map(Damage::Cut),
        (at(), at()).prop_map(|(a, b)| Damage::Swap(a, b)),
    ]
}

fn apply_damage(bytes: &mut Vec<u8>, damage: &Damage) {
    let len = bytes.len().max(1);
    match *damage {
        Damage::Set(at, byte) => {
            if let Some(old) = bytes.get_mut(at % len) {
                *old = byte;
            }
        }
        Damage::Insert(at, byte) => bytes.insert(at % (bytes.len() + 1), byte),
        Damage::Remove(at) if !bytes.is_empty() => {
            bytes.remove(at % len);
        }
        Damage::Remove(_) => {}
        Damage::Cut(at) => bytes.truncate(at % len),
        Damage::Swap(a, b) if !bytes.is_empty() => bytes.swap(a % len, b % len),
        Damage::Swap(..) => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 800, ..ProptestConfig::default() })]

    #[test]
    fn nodes_survive_the_round_trip(map in map(400), hints in any::<[u64; 4]>()) {
        let nodes = MemoryNodes::new();
        build_map(&map, &nodes);
        for node in nodes.into_nodes() {
            let read = Node::decode(Bytes::copy_from_slice(node.canonical())).unwrap();
            prop_assert_eq!(&read, &node);
            prop_assert_eq!(read.hash(), node.hash());
            prop_assert_eq!(read.subtree_count(), node.subtree_count());
            let mut number = 0;
            let node = node.with_hints(|_| {
                number += 1;
                hints[number % 4] >> (number % 64)
            });
            let read = Node::from_stored(node.to_stored()).unwrap();
            prop_assert_eq!(read.items().collect::<Vec<_>>(), node.items().collect::<Vec<_>>());
            prop_assert_eq!(read.to_stored(), node.to_stored());
        }
    }

    #[test]
    fn damaged_bytes_are_refused_or_canonical(
        map in map(300),
        pick in any::<prop::sample::Index>(),
        damages in prop::collection::vec(damage(), 1..4),
    ) {
        let nodes = MemoryNodes::new();
        build_map(&map, &nodes);
        let nodes = nodes.into_nodes();
        let node = &nodes[pick.index(nodes.len())];
        let mut canonical = node.canonical().to_vec();
        let mut stored = node.with_hints(|item| item.count() * 300).to_stored().to_vec();
        for damage in &damages {
            apply_damage(&mut canonical, damage);
            apply_damage(&mut stored, damage);
        }
        assert_canonical(&canonical);
        assert_canonical(&stored);
    }

    #[test]
    fn random_bytes_never_panic(body in prop::collection::vec(any::<u8>(), 0..200), level in 0_u8..3, count in 0_u8..6) {
        assert_canonical(&body);
        let mut node = vec![b'N', b'T', b'K', 1, level, count];
        node.extend_from_slice(&body);
        assert_canonical(&node);
    }
}

/// A leaf written by hand: `(shared, rest, value)`.
fn leaf(items: &[(u8, &[u8], &[u8])]) -> Vec<u8> {
    let mut bytes = vec![b'N', b'T', b'K', 1, 0, u8::try_from(items.len()).unwrap()];
    for (shared, rest, value) in items {
        bytes.extend([*shared, u8::try_from(rest.len()).unwrap()]);
        bytes.extend_from_slice(rest);
        bytes.push(u8::try_from(value.len()).unwrap());
        bytes.extend_from_slice(value);
    }
    bytes
}

#[test]
fn every_rule_of_the_encoding_is_enforced() {
    let refused = |bytes: Vec<u8>, why: &str| {
        let error = Node::decode(Bytes::from(bytes)).unwrap_err();
        assert!(error.to_string().contains(why), "{error}: expected {why}");
    };
    let good = leaf(&[(0, b"abc", b"1"), (2, b"d", b""), (0, b"b", b"2")]);
    assert_eq!(Node::decode(Bytes::from(good.clone())).unwrap().len(), 3);
    refused(leaf(&[(0, b"abc", b"1"), (1, b"bd", b"")]), "shares less");
    refused(leaf(&[(0, b"abc", b"1"), (4, b"d", b"")]), "out of order");
    refused(leaf(&[(0, b"abc", b"1"), (3, b"", b"")]), "out of order");
    refused(leaf(&[(0, b"abc", b"1"), (2, b"", b"")]), "out of order");
    refused(leaf(&[(0, b"abc", b"1"), (0, b"a", b"")]), "shares less");
    refused(leaf(&[(0, b"b", b"1"), (0, b"a", b"")]), "out of order");
    refused(leaf(&[(1, b"b", b"1")]), "a restart shares");
    refused([&good[..], b"x"].concat(), "wrong length");
    refused(good[..good.len() - 1].to_vec(), "broken item");
    refused(b"NTK\x02\0\0".to_vec(), "format version");
    refused(b"NTK\x01\0".to_vec(), "cut short");
    refused(b"NTK\x01\x01\0".to_vec(), "impossible");
    refused(b"NTK\x01\x29\x01".to_vec(), "impossible");
    refused(b"NTK\x01\0\x81".to_vec(), "impossible");
    // A padded varint: 0x80 0x00 for 0.
    refused(b"NTK\x01\0\x01\x80\0\x01a\0".to_vec(), "broken item");
    refused(b"NTK\x01\0\x01\0\x01a\x80\0".to_vec(), "broken item");
    // Lengths near the end of the address space.
    refused(b"NTK\x01\0\x01\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01a\0".to_vec(), "broken item");
    refused(
        b"NTK\x01\0\x01\0\x01a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01".to_vec(),
        "broken item",
    );
    refused(
        b"NTK\x01\0\x02\0\x01a\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01a\0".to_vec(),
        "key too long",
    );
    // A child without items.
    refused([&b"NTK\x01\x01\x01\0\x01a\0"[..], &[7; 32]].concat(), "without items");
    assert!(
        Node::decode(Bytes::from([&b"NTK\x01\x01\x01\0\x01a\x01"[..], &[7; 32]].concat())).is_ok()
    );

    // Restart offsets and the boundary rule, on a real node.
    let nodes = MemoryNodes::new();
    build_map(&numbered(3_000), &nodes);
    let nodes = nodes.into_nodes();
    let long = nodes.iter().find(|node| node.len() > 20 && node.is_leaf()).unwrap();
    let mut bytes = long.canonical().to_vec();
    let last = bytes.len() - 4;
    bytes[last] ^= 1;
    refused(bytes, "wrong restart offset");
    let ends: Vec<Vec<u8>> = {
        // Seven items, the fifth of which ends a node, cannot stand together.
        let cut = (0_u32..).find(|number| {
            let key = number.to_be_bytes();
            xxhash_rust::xxh3::xxh3_64_with_seed(&key, 0) < 0x0007_61cf_1871_6c3f
        });
        let cut = cut.unwrap().max(4);
        (cut - 4..cut + 2).map(|number| number.to_be_bytes().to_vec()).collect()
    };
    let mut before: &[u8] = &[];
    let items: Vec<(u8, &[u8], &[u8])> = ends
        .iter()
        .map(|key| {
            let shared = key.iter().zip(before).take_while(|(a, b)| a == b).count();
            before = key;
            (u8::try_from(shared).unwrap(), &key[shared..], &b""[..])
        })
        .collect();
    refused(leaf(&items), "goes on after its end");
}

#[test]
fn stored_forms_are_checked() {
    let nodes = MemoryNodes::new();
    let root = build_map(&numbered(10), &nodes);
    let node = nodes.get(&root.hash).unwrap();
    let stored = node.with_hints(|_| 0x1234).to_stored();
    assert!(Node::from_stored_checked(stored.clone(), root.hash).is_ok());
    let other = empty_node().hash();
    let damaged = |result| matches!(result, Err(TreeError::Damaged { .. }));
    assert!(damaged(Node::from_stored_checked(stored.clone(), other)));
    assert!(damaged(Node::from_stored_checked(stored.slice(..stored.len() - 1), root.hash)));
    for (at, byte) in [(0, 2), (1, 9), (1, 1), (2, 0xff), (5, 0xff)] {
        let mut bytes = stored.to_vec();
        bytes[at] = byte;
        assert!(Node::from_stored(Bytes::from(bytes)).is_err(), "byte {at} = {byte}");
    }
    // Hints that would fit a smaller width.
    let mut wide = node.to_stored().to_vec();
    wide[1] = 1;
    wide.extend([0; 10]);
    assert!(Node::from_stored(Bytes::from(wide)).is_err());
}

#[test]
fn missing_and_misplaced_nodes_are_found() {
    let nodes = MemoryNodes::new();
    let root = build_map(&numbered(5_000), &nodes);
    let all = {
        let mut all = Vec::new();
        walk(&nodes, root, &mut |node| {
            all.push(node.clone());
            Walk::Descend
        })
        .unwrap();
        all
    };
    let leaf = all.iter().rfind(|node| node.is_leaf()).unwrap().clone();
    let inner = all.iter().find(|node| node.level() == 1).unwrap().clone();
    for lost in [&leaf, &inner, &all[0]] {
        nodes.remove(&lost.hash());
        let missing = |error: TreeError| matches!(error, TreeError::MissingNode { hash } if hash == lost.hash());
        assert!(missing(check(&nodes, root).unwrap_err()));
        let scan = range(&nodes, root, std::ops::Bound::Unbounded, std::ops::Bound::Unbounded);
        assert!(missing(scan.filter_map(Result::err).next().unwrap()));
        let empty = NodeRef { hash: empty_node().hash(), hint: 0 };
        let compared: Vec<_> = diff(&nodes, empty, root).filter_map(Result::err).collect();
        assert_eq!(compared.len(), 1, "an iterator ends after an error");
        let key = lost.items().last().unwrap().key.to_vec();
        assert!(missing(get(&nodes, root, &key).unwrap_err()));
        nodes.insert(lost.clone());
    }

    // Trees that are sound node by node, but not the tree of their content.
    let parent = |children: &[(&[u8], &Node)]| {
        let mut bytes = vec![
            b'N',
            b'T',
            b'K',
            1,
            children[0].1.level() + 1,
            u8::try_from(children.len()).unwrap(),
        ];
        let mut before: &[u8] = &[];
        for (key, child) in children {
            let shared = key.iter().zip(before).take_while(|(a, b)| a == b).count();
            bytes
                .extend([u8::try_from(shared).unwrap(), u8::try_from(key.len() - shared).unwrap()]);
            bytes.extend_from_slice(&key[shared..]);
            bytes.push(u8::try_from(child.subtree_count()).unwrap());
            bytes.extend_from_slice(child.hash().as_bytes());
            before = key;
        }
        let node = Node::decode(Bytes::from(bytes)).unwrap();
        nodes.insert(node.clone());
        NodeRef { hash: node.hash(), hint: 0 }
    };
    let leaf = |from: u32, to: u32| {
        let map = numbered(to).into_iter().skip(usize::try_from(from).unwrap()).collect();
        let root = build_map(&map, &nodes);
        nodes.get(&root.hash).unwrap()
    };
    let why = |root| match check(&nodes, root) {
        Err(TreeError::Damaged { why, .. }) => why,
        other => format!("{other:?}"),
    };
    let key = |number: u32| number.to_be_bytes();
    let (one, two) = (leaf(0, 4), leaf(4, 7));
    let uncut = parent(&[(&key(3), &one), (&key(6), &two)]);
    assert!(why(uncut).contains("ends where no node ends"));
    let single = parent(&[(&key(3), &one)]);
    assert!(why(single).contains("single child"));
    let named = parent(&[(&key(2), &one), (&key(6), &two)]);
    assert!(why(named).contains("another key"));
    let first = all
        .iter()
        .find(|node| node.is_leaf() && node.items().next().unwrap().key[..] == key(0))
        .unwrap();
    let end: Vec<u8> = first.items().last().unwrap().key.to_vec();
    let overlapping = parent(&[(&end, first), (&key(5_000), &leaf(2, 5_001 - 4_990))]);
    assert!(!why(overlapping).starts_with("Ok"));
    let stranger = NodeRef { hash: NodeHash::new(Digest::of(b"nobody")), hint: 0 };
    assert!(matches!(check(&nodes, stranger), Err(TreeError::MissingNode { .. })));
    // A source that answers with another node than the one asked for.
    let liar = Liar(one);
    assert!(matches!(check(&liar, stranger), Err(TreeError::Damaged { .. })));
}

#[derive(Debug)]
struct Liar(Node);

impl nunatak::tree::NodeSource for Liar {
    fn load(&self, nodes: &[NodeRef]) -> Result<Vec<Node>, TreeError> {
        Ok(nodes.iter().map(|_| self.0.clone()).collect())
    }
}
