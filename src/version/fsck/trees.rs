//! Nodes, entries, objects and files.

use std::collections::{HashMap, HashSet};
use std::ops::Bound;

use bytes::Bytes;

use super::{Probes, Report};
use crate::base::ids::{CommitId, ContentId, NodeHash, ObjectHash};
use crate::base::name::{DEFAULT_NAMESPACE, NamespacePath, fold};
use crate::store::interface::{MetaStore, StoreError, StoreResult};
use crate::store::records::{CommitRecord, Location, WarehouseRecord};
use crate::tree::{self, Change, Node, NodeRef, TreeError, Value};
use crate::version::content::{Entry, Object};
use crate::version::diff::decode;
use crate::version::error::VersionError;
use crate::version::key;
use crate::version::operations;

/// Blobs read at once.
const BATCH: usize = 256;
/// Heads whose trees are verified as a whole; the default branch's always is. Nodes are all verified.
const HEADS_WHOLE_MAX: usize = 64;

/// What a parent says of its child: level, last key, count.
type Said = (u8, Vec<u8>, u64);

/// A ref with its tree.
pub(super) struct Head {
    pub(super) name: String,
    pub(super) commit: CommitId,
    pub(super) is_default: bool,
}

/// Verifies trees and remembers what it has seen.
pub(super) struct Trees<'a> {
    store: &'a dyn MetaStore,
    probes: &'a Probes<'a>,
    /// Files that exist in the store only, for now.
    pending: HashSet<String>,
    nodes: HashSet<(NodeHash, u64)>,
    objects: HashSet<(ObjectHash, u64)>,
    /// Objects to be read, with the path of an entry that names them.
    waiting: Vec<(ObjectHash, u64, Entry)>,
    files: HashSet<String>,
}

impl<'a> Trees<'a> {
    pub(super) fn new(
        store: &'a dyn MetaStore,
        probes: &'a Probes<'a>,
        pending: HashSet<String>,
    ) -> Self {
        Self {
            store,
            probes,
            pending,
            nodes: HashSet::new(),
            objects: HashSet::new(),
            waiting: Vec::new(),
            files: HashSet::new(),
        }
    }

    /// The blobs at these places; one that cannot be read is a problem and `None`.
    fn blobs(&self, places: &[u64]) -> StoreResult<Vec<Result<Bytes, StoreError>>> {
        let locations: Vec<Location> = places.iter().map(|place| Location(*place)).collect();
        match self.store.blobs_get(&locations) {
            Ok(blobs) if blobs.len() == places.len() => {
                return Ok(blobs.into_iter().map(Ok).collect());
            }
            Err(error @ StoreError::Unavailable { .. }) => return Err(error),
            Ok(_) | Err(_) => {}
        }
        // Which of them it is shows one at a time.
        let mut found = Vec::with_capacity(places.len());
        for location in locations {
            match self.store.blobs_get(&[location]).map(|mut blobs| blobs.pop()) {
                Ok(Some(bytes)) => found.push(Ok(bytes)),
                Ok(None) => found.push(Err(StoreError::Corrupt("no blob came".to_owned()))),
                Err(error @ StoreError::Unavailable { .. }) => return Err(error),
                Err(error) => found.push(Err(error)),
            }
        }
        Ok(found)
    }

    /// Verifies every node of a stored tree that was not seen before, and its entries.
    pub(super) fn check_stored(
        &mut self,
        warehouse: &WarehouseRecord,
        commit: CommitId,
        root: NodeHash,
        place: Location,
        report: &mut Report,
    ) -> StoreResult<()> {
        let mut open: Vec<(NodeRef, Option<Said>)> = Vec::new();
        if self.nodes.insert((root, place.0)) {
            open.push((NodeRef { hash: root, hint: place.0 }, None));
        }
        while !open.is_empty() {
            let batch = open.split_off(open.len().saturating_sub(BATCH));
            let places: Vec<u64> = batch.iter().map(|(node, _)| node.hint).collect();
            for ((wanted, said), blob) in batch.into_iter().zip(self.blobs(&places)?) {
                let bad = |why: &dyn std::fmt::Display| {
                    format!("node {} of the tree of commit {commit}: {why}", wanted.hash)
                };
                let node = match blob.map(|blob| Node::from_stored_checked(blob, wanted.hash)) {
                    Ok(Ok(node)) => node,
                    Ok(Err(error)) => {
                        report.problem(warehouse, bad(&error));
                        continue;
                    }
                    Err(error) => {
                        report.problem(warehouse, bad(&error));
                        continue;
                    }
                };
                report.nodes += 1;
                let last = node.items().last().map(|item| item.key.into_owned());
                if let Some((level, key, count)) = said
                    && (node.level() != level
                        || last.as_ref() != Some(&key)
                        || node.subtree_count() != count)
                {
                    report.problem(warehouse, bad(&"it is not what its parent says"));
                }
                for item in node.items() {
                    if let Some(child) = item.child() {
                        if self.nodes.insert((child.hash, child.hint)) {
                            let level = node.level().saturating_sub(1);
                            open.push((child, Some((level, item.key.to_vec(), item.count()))));
                        }
                    } else if let Some(value) = item.value() {
                        let value = Value { bytes: Bytes::copy_from_slice(value), hint: item.hint };
                        self.note_entry(warehouse, &item.key, &value, &bad, report);
                    }
                }
            }
            if self.waiting.len() >= BATCH {
                self.check_objects(warehouse, report)?;
            }
        }
        Ok(())
    }

    /// Verifies that stored operations can be read, and the entries in them.
    pub(super) fn check_operations(
        &mut self,
        warehouse: &WarehouseRecord,
        record: &CommitRecord,
        report: &mut Report,
    ) -> StoreResult<()> {
        if record.operations.is_empty() {
            return Ok(());
        }
        let bad =
            |why: &dyn std::fmt::Display| format!("the operations of commit {}: {why}", record.id);
        match operations::decode(&record.operations) {
            Err(error) => report.problem(warehouse, bad(&error)),
            Ok(edits) => {
                for edit in edits {
                    if let Change::Put(value) = edit.change {
                        self.note_entry(warehouse, &edit.key, &value, &bad, report);
                    }
                }
            }
        }
        if self.waiting.len() >= BATCH { self.check_objects(warehouse, report) } else { Ok(()) }
    }

    fn note_entry(
        &mut self,
        warehouse: &WarehouseRecord,
        key: &[u8],
        value: &Value,
        bad: &dyn Fn(&dyn std::fmt::Display) -> String,
        report: &mut Report,
    ) {
        match decode(key, value) {
            Ok(entry) => {
                if self.objects.insert((entry.object, value.hint)) {
                    self.waiting.push((entry.object, value.hint, entry));
                }
            }
            Err(error) => report.problem(warehouse, bad(&error)),
        }
    }

    /// Reads the objects noted so far: their bytes have the hash, are of the entry's kind, and the
    /// files they name exist.
    pub(super) fn check_objects(
        &mut self,
        warehouse: &WarehouseRecord,
        report: &mut Report,
    ) -> StoreResult<()> {
        for batch in std::mem::take(&mut self.waiting).chunks(BATCH) {
            let places: Vec<u64> = batch.iter().map(|(_, place, _)| *place).collect();
            for ((hash, _, entry), blob) in batch.iter().zip(self.blobs(&places)?) {
                report.objects += 1;
                let path = entry.path.join(".");
                let problem = match blob {
                    Err(error) => Some(error.to_string()),
                    Ok(bytes) if Object::hash_of(&bytes) != *hash => {
                        Some("its bytes have another hash".to_owned())
                    }
                    Ok(bytes) => match Object::decode(&bytes) {
                        Err(error) => Some(error.to_string()),
                        Ok(object) if object.kind() != entry.kind => {
                            Some("it is of another kind than its entry".to_owned())
                        }
                        Ok(object) => self.missing_file(&object, report),
                    },
                };
                if let Some(problem) = problem {
                    let what = format_args!("object {hash} of {path}: {problem}");
                    report.problem(warehouse, what);
                }
            }
        }
        Ok(())
    }

    fn missing_file(&mut self, object: &Object, report: &mut Report) -> Option<String> {
        let location = match object {
            Object::Namespace { .. } => return None,
            Object::Table { metadata_location } | Object::View { metadata_location } => {
                metadata_location
            }
            Object::Artifact { location, .. } => location,
        };
        if !self.files.insert(location.clone()) {
            return None;
        }
        report.files += 1;
        let there = self.pending.contains(location) || (self.probes.file_exists)(location);
        (!there).then(|| format!("the file {location} is missing"))
    }

    /// Verifies the trees of heads as a whole: order and shape, each content once, namespaces there.
    pub(super) fn check_heads(
        &self,
        warehouse: &WarehouseRecord,
        heads: &[Head],
        report: &mut Report,
    ) -> StoreResult<()> {
        let mut order: Vec<&Head> = heads.iter().collect();
        order.sort_by_key(|head| !head.is_default);
        for head in order.into_iter().take(HEADS_WHOLE_MAX) {
            match self.check_head(warehouse, head) {
                Ok(problems) => {
                    for problem in problems {
                        report.problem(
                            warehouse,
                            format_args!("the head of {}: {problem}", head.name),
                        );
                    }
                }
                Err(error) => match unavailable(error) {
                    Ok(error) => return Err(error),
                    Err(text) => {
                        report
                            .problem(warehouse, format_args!("the head of {}: {text}", head.name));
                    }
                },
            }
        }
        Ok(())
    }

    fn check_head(
        &self,
        warehouse: &WarehouseRecord,
        head: &Head,
    ) -> Result<Vec<String>, VersionError> {
        let snapshot = (self.probes.snapshot)(warehouse, head.commit)?;
        let (nodes, root) = (snapshot.nodes(), snapshot.root());
        tree::check(&nodes, root)?;
        let mut problems = Vec::new();
        let mut ids: HashMap<ContentId, String> = HashMap::new();
        let mut parents: HashSet<Vec<u8>> = HashSet::new();
        let mut wanted: HashMap<Vec<u8>, String> = HashMap::new();
        for item in tree::range(&nodes, root, Bound::Unbounded, Bound::Unbounded) {
            let item = item?;
            let entry = decode(&item.key, &item.value)?;
            let path = entry.path.join(".");
            if let Some((_, levels)) = entry.path.split_last()
                && !matches!(levels, [only] if fold(only) == DEFAULT_NAMESPACE)
                && let Ok(parent) = NamespacePath::new(levels.to_vec())
                && let Some(parent) = key::namespace(&parent)
            {
                wanted.entry(parent).or_insert_with(|| path.clone());
            }
            if entry.kind.key_kind() == key::KeyKind::Namespace {
                parents.insert(item.key.to_vec());
            }
            if let Some(other) = ids.insert(entry.id, path.clone()) {
                problems.push(format!("content {} stands at {other} and at {path}", entry.id));
            }
        }
        let mut orphans: Vec<String> = wanted
            .into_iter()
            .filter(|(parent, _)| !parents.contains(parent))
            .map(|(_, path)| format!("the namespace around {path} is missing"))
            .collect();
        orphans.sort_unstable();
        problems.extend(orphans);
        Ok(problems)
    }
}

/// The store's own failure inside an error, or the error in words.
fn unavailable(error: VersionError) -> Result<StoreError, String> {
    match error {
        VersionError::Store(error @ StoreError::Unavailable { .. }) => Ok(error),
        VersionError::Tree(TreeError::Source(source)) => match source.downcast::<VersionError>() {
            Ok(error) => unavailable(*error),
            Err(source) => Err(source.to_string()),
        },
        other => Err(other.to_string()),
    }
}
