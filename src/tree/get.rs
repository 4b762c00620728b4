//! Looks keys up.

use std::ops::Range;

use super::node::Node;
use super::path::{Loader, Path};
use super::source::{NodeSource, load_children, load_root};
use super::types::{NodeRef, TreeError, Value};

/// What a key holds; reads one node of each level. The value shares memory with the node that it is in.
///
/// # Errors
/// What the source answers.
pub fn get(source: &dyn NodeSource, root: NodeRef, key: &[u8]) -> Result<Option<Value>, TreeError> {
    let mut node = load_root(source, root)?;
    loop {
        let found = node.lower_bound(key);
        let Some(raw) = found.item else { return Ok(None) };
        let Some(child) = node.child_in(&raw, found.index) else {
            return Ok(node.value_in(&raw, found.index).filter(|_| found.exact));
        };
        let level = node.level().saturating_sub(1);
        let nodes = load_children(source, level, &[child])?;
        let hash = child.node.hash;
        node = nodes.into_iter().next().ok_or(TreeError::MissingNode { hash })?;
    }
}

/// What each of several keys holds, in their order; reads each level's nodes at once.
///
/// # Errors
/// `Unsorted` if the keys do not ascend (equal neighbours are allowed), and what the source answers.
pub fn get_many<K: AsRef<[u8]>>(
    source: &dyn NodeSource,
    root: NodeRef,
    keys: &[K],
) -> Result<Vec<Option<Value>>, TreeError> {
    if keys.windows(2).any(|pair| pair[0].as_ref() > pair[1].as_ref()) {
        return Err(TreeError::Unsorted);
    }
    let mut values = vec![None; keys.len()];
    if keys.is_empty() {
        return Ok(values);
    }
    let mut nodes: Vec<(Node, Range<usize>)> = vec![(load_root(source, root)?, 0..keys.len())];
    let height = nodes.first().map_or(0, |(top, _)| top.level());
    for level in (0..height).rev() {
        let (mut children, mut ranges) = (Vec::new(), Vec::<Range<usize>>::new());
        for (node, range) in &nodes {
            let mut last = None;
            for index in range.clone() {
                let Some(key) = keys.get(index) else { break };
                let found = node.lower_bound(key.as_ref());
                let Some(raw) = found.item else { break };
                if last == Some(found.index) {
                    if let Some(range) = ranges.last_mut() {
                        range.end = index + 1;
                    }
                } else {
                    children.extend(node.child_in(&raw, found.index));
                    ranges.push(index..index + 1);
                    last = Some(found.index);
                }
            }
        }
        nodes = load_children(source, level, &children)?.into_iter().zip(ranges).collect();
    }
    for (leaf, range) in nodes {
        for index in range {
            let (Some(key), Some(value)) = (keys.get(index), values.get_mut(index)) else { break };
            let found = leaf.lower_bound(key.as_ref());
            let raw = found.item.filter(|_| found.exact);
            *value = raw.and_then(|raw| leaf.value_in(&raw, found.index));
        }
    }
    Ok(values)
}

/// How many keys of the map are below a key, which need not be there.
///
/// # Errors
/// What the source answers.
pub fn rank(source: &dyn NodeSource, root: NodeRef, key: &[u8]) -> Result<u64, TreeError> {
    let mut path = Path::open(source, root)?;
    path.seek(&mut Loader::new(source), 0, key)?;
    let found = path.node().lower_bound(key);
    Ok(path.count_before() + found.index as u64)
}
