//! Applies sorted edits to a tree: a new root that shares every untouched node.
//!
//! Level by level from the leaves: nodes that hold edited keys are cut anew from their beginning until
//! a new node ends where an old one ended; the rest of the level is then as it was, because where a
//! node ends depends on nothing before its beginning. Old nodes gone and new nodes made are the edits
//! of the next level. The result is the tree that [`super::build::build`] makes of the same map.

use std::cmp::Ordering;

use bytes::Bytes;

use super::build::{Chunker, Emitted, TreeBuilder, check_sizes};
use super::node::{Child, Node, Payload, Reader, empty_node};
use super::path::{Ahead, Direction, Loader, Path};
use super::source::{NodeSink, NodeSource, load_root};
use super::types::{Change, Edit, NodeRef, TreeError};
use crate::base::ids::NodeHash;

/// What an item of some level holds from now on.
#[derive(Clone, Copy)]
struct Entry<'a> {
    payload: Payload<'a>,
    hint: u64,
}

/// A change of one item of some level; `None` removes it.
struct LevelEdit<'a> {
    key: &'a [u8],
    entry: Option<Entry<'a>>,
}

/// What became of the edited part of a level.
#[derive(Default)]
struct Rewritten {
    /// Old nodes that were read, by last key.
    old: Vec<(Vec<u8>, NodeHash)>,
    /// The nodes in their place.
    new: Vec<Emitted>,
}

/// An item of the level above: a node that is new or, if `None`, gone.
type ParentEdit = (Bytes, Option<Child>);

/// Changes keys of a map: the root of the changed map. Nodes that are new go to the sink.
///
/// To put the value that a key holds already, and to remove a key that is not there, change nothing.
/// The result depends on the map's content only, not on how edits are grouped. The hint of the
/// returned root is 0 if the root is a new node.
///
/// # Errors
/// `Unsorted` if the edits' keys do not strictly ascend, `TooLarge` for a key or value beyond the
/// limits, and what the source answers. The sink has taken nothing then, or nodes of no use.
pub fn apply(
    source: &dyn NodeSource,
    root: NodeRef,
    edits: &[Edit],
    sink: &mut dyn NodeSink,
) -> Result<NodeRef, TreeError> {
    if edits.windows(2).any(|pair| pair[0].key >= pair[1].key) {
        return Err(TreeError::Unsorted);
    }
    let level_edits = edits.iter().map(level_edit).collect::<Result<Vec<_>, _>>()?;
    if level_edits.is_empty() {
        return Ok(root);
    }
    let top = load_root(source, root)?;
    let mut loader = Loader::new(source);
    if level_edits.len() > 1 {
        read_ahead(&mut loader, &top, &level_edits)?;
    }
    let mut path = Path::at(root, top.clone());
    let mut fresh: Vec<Vec<Node>> = Vec::new();
    let mut rewritten = rewrite(&mut loader, &mut path, 0, &level_edits)?;
    for level in 1..=top.level() {
        let (parent_edits, nodes) = rise(rewritten);
        if parent_edits.is_empty() {
            return Ok(root);
        }
        fresh.push(nodes);
        let level_edits: Vec<_> = parent_edits.iter().map(parent_edit).collect();
        rewritten = rewrite(&mut loader, &mut path, level, &level_edits)?;
    }
    finish(&mut loader, root, fresh, rewritten.new, sink)
}

fn level_edit(edit: &Edit) -> Result<LevelEdit<'_>, TreeError> {
    let value = match &edit.change {
        Change::Put(value) => Some(value),
        Change::Remove => None,
    };
    check_sizes(&edit.key, value)?;
    let entry =
        value.map(|value| Entry { payload: Payload::Value(&value.bytes), hint: value.hint });
    Ok(LevelEdit { key: &edit.key, entry })
}

fn parent_edit((key, child): &ParentEdit) -> LevelEdit<'_> {
    let entry = child.map(|child| {
        let payload = Payload::Child { hash: child.node.hash, count: child.count };
        Entry { payload, hint: child.node.hint }
    });
    LevelEdit { key, entry }
}

/// Reads all nodes that the edits touch, one level at a time.
fn read_ahead(
    loader: &mut Loader<'_>,
    top: &Node,
    edits: &[LevelEdit<'_>],
) -> Result<(), TreeError> {
    let mut level = vec![(top.clone(), 0..edits.len())];
    for below in (0..top.level()).rev() {
        let (mut children, mut ranges) = (Vec::new(), Vec::new());
        for (node, range) in &level {
            let mut from = range.start;
            while from < range.end {
                let Some(first) = edits.get(from) else { break };
                let index = node.lower_bound(first.key).index.min(node.len().saturating_sub(1));
                let is_last = index + 1 == node.len();
                let mut to = range.end;
                if !is_last {
                    let upper = node.key(index);
                    let edits = edits.get(from..range.end).unwrap_or_default();
                    to = from + edits.partition_point(|edit| edit.key <= upper.as_slice());
                }
                children.extend(node.child(index));
                ranges.push(from..to.max(from + 1));
                from = to.max(from + 1);
            }
        }
        level = loader.keep(below, &children)?.into_iter().zip(ranges).collect();
    }
    Ok(())
}

/// Cuts the edited part of a level anew.
fn rewrite(
    loader: &mut Loader<'_>,
    path: &mut Path,
    level: u8,
    edits: &[LevelEdit<'_>],
) -> Result<Rewritten, TreeError> {
    let mut out = Rewritten::default();
    let mut edits = edits.iter().peekable();
    while let Some(edit) = edits.peek() {
        path.seek(loader, level, edit.key)?;
        let mut chunker = Chunker::new(level);
        loop {
            let is_last = path.is_last();
            let mut reader = Reader::new(path.node().clone());
            while reader.advance() {
                // Edits up to and with this item's key.
                let mut keep = true;
                while let Some(edit) = edits.next_if(|edit| edit.key <= reader.key()) {
                    match (edit.key.cmp(reader.key()), edit.entry) {
                        (Ordering::Equal, None) => keep = false,
                        // An equal value is no change: the old hint stays too.
                        (Ordering::Equal, Some(entry)) if entry.payload == reader.payload() => {}
                        (Ordering::Equal, Some(entry)) => {
                            keep = false;
                            out.new.extend(chunker.push(edit.key, entry.payload, entry.hint));
                        }
                        (_, Some(entry)) => {
                            out.new.extend(chunker.push(edit.key, entry.payload, entry.hint));
                        }
                        (_, None) => {}
                    }
                }
                if keep {
                    let emitted = chunker.push(reader.key(), reader.payload(), reader.hint());
                    out.new.extend(emitted);
                }
            }
            if !reader.node().is_empty() {
                let hash = path.node_ref().hash;
                check_order(&reader, path.upper(), out.old.last(), hash)?;
                out.old.push((reader.key().to_vec(), hash));
            }
            if is_last {
                for edit in edits.by_ref() {
                    if let Some(entry) = edit.entry {
                        out.new.extend(chunker.push(edit.key, entry.payload, entry.hint));
                    }
                }
            }
            if is_last {
                out.new.extend(chunker.flush());
                break;
            }
            if chunker.is_between() {
                break;
            }
            if !path.step(loader, Direction::Forward, Ahead::NONE)? {
                return Err(TreeError::damaged(path.node_ref().hash, "its neighbour is not there"));
            }
        }
    }
    Ok(out)
}

/// Refuses a node whose keys do not lie where its parent and its neighbour say: what is written must
/// be in order even if what was read is not.
fn check_order(
    reader: &Reader,
    upper: Option<Vec<u8>>,
    before: Option<&(Vec<u8>, NodeHash)>,
    hash: NodeHash,
) -> Result<(), TreeError> {
    if upper.is_some_and(|upper| upper != reader.key()) {
        return Err(TreeError::damaged(hash, "ends with another key than its parent says"));
    }
    if before.is_some_and(|(before, _)| *before >= reader.node().key(0)) {
        return Err(TreeError::damaged(hash, "begins before the node before it ends"));
    }
    Ok(())
}

/// Compares old and new nodes of a level: the edits of the level above, and the nodes that are new.
fn rise(rewritten: Rewritten) -> (Vec<ParentEdit>, Vec<Node>) {
    let (mut edits, mut nodes) = (Vec::new(), Vec::new());
    let mut old = rewritten.old.into_iter().peekable();
    for emitted in rewritten.new {
        while let Some((key, _)) = old.next_if(|(key, _)| key.as_slice() < &emitted.key[..]) {
            edits.push((Bytes::from(key), None));
        }
        let child = emitted.child();
        match old.next_if(|(key, _)| key.as_slice() == &emitted.key[..]) {
            Some((_, hash)) if hash == child.node.hash => {}
            _ => {
                edits.push((emitted.key, Some(child)));
                nodes.push(emitted.node);
            }
        }
    }
    edits.extend(old.map(|(key, _)| (Bytes::from(key), None)));
    (edits, nodes)
}

/// Finds the new root, given what stands on the level of the old one, and hands new nodes over.
fn finish(
    loader: &mut Loader<'_>,
    old: NodeRef,
    fresh: Vec<Vec<Node>>,
    top: Vec<Emitted>,
    sink: &mut dyn NodeSink,
) -> Result<NodeRef, TreeError> {
    let mut top = top.into_iter();
    let (first, second) = (top.next(), top.next());
    let Some(first) = first else {
        let empty = empty_node();
        let hash = empty.hash();
        if hash == old.hash {
            return Ok(old);
        }
        sink.put(empty);
        return Ok(NodeRef { hash, hint: 0 });
    };
    if let Some(second) = second {
        // The level of the old root has several nodes now: the tree grows.
        let mut builder = TreeBuilder::new(first.node.level().saturating_add(1));
        fresh.into_iter().flatten().for_each(|node| sink.put(node));
        for emitted in [first, second].into_iter().chain(top) {
            let child = emitted.child();
            let payload = Payload::Child { hash: child.node.hash, count: child.count };
            sink.put(emitted.node);
            builder.push(&emitted.key, payload, child.node.hint, sink)?;
        }
        let root = builder.finish(sink)?.map_or(old, |root| NodeRef { hash: root.hash(), hint: 0 });
        return Ok(root);
    }
    if first.node.hash() == old.hash {
        return Ok(old);
    }
    let (root, level) = collapse(loader, &fresh, first.node.clone())?;
    let nodes = fresh.into_iter().chain([vec![first.node]]).take(usize::from(level) + 1);
    nodes.flatten().for_each(|node| sink.put(node));
    Ok(root)
}

/// Goes down from a node while it has a single child: the root, and its level.
fn collapse(
    loader: &mut Loader<'_>,
    fresh: &[Vec<Node>],
    top: Node,
) -> Result<(NodeRef, u8), TreeError> {
    let mut root = NodeRef { hash: top.hash(), hint: 0 };
    let mut node = top;
    while !node.is_leaf() && node.len() == 1 {
        let hash = node.hash();
        let child =
            node.child(0).ok_or_else(|| TreeError::damaged(hash, "a child is not there"))?;
        let below = node.level().saturating_sub(1);
        let made = fresh.get(usize::from(below)).into_iter().flatten();
        node = match made.into_iter().find(|made| made.hash() == child.node.hash) {
            Some(made) => made.clone(),
            None => loader.child(node.level(), child)?,
        };
        root = child.node;
    }
    Ok((root, node.level()))
}
