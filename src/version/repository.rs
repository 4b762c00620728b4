//! Reads history from the metadata store, with caches of what never changes.
//!
//! Commits, nodes and content objects are immutable, so their caches need no invalidation. Heads move;
//! they are remembered only while no other process can write (see [`Heads`]).
//!
//! Not every commit's tree is stored: a commit without one is rebuilt from its nearest stored ancestor
//! by replaying operations, and its root hash proves that the result is right.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::commit::Commit;
use super::content::{Entry, Object};
use super::error::VersionError;
use super::operations;
use super::snapshot::Snapshot;
use crate::base::ids::{CommitId, NodeHash, ObjectHash, WarehouseId};
use crate::base::limits::{NODE_CACHE_BYTES, REPLAY_COMMITS_MAX};
use crate::store::interface::MetaStore;
use crate::store::records::{CommitRecord, Location, RefRecord};
use crate::tree::{self, MemoryNodes, Node, NodeRef, NodeSource, TreeError};

/// Items that a commit cache and an object cache hold.
const COMMITS_CACHED: usize = 32 * 1024;
const OBJECTS_CACHED: usize = 64 * 1024;
const REBUILT_CACHED: usize = 64;

/// A commit as it is stored.
#[derive(Clone, Debug)]
pub struct StoredCommit {
    /// Its id.
    pub id: CommitId,
    /// What it says.
    pub commit: Arc<Commit>,
    /// Where its root node lies, if its tree is stored.
    pub root: Location,
    /// Its encoded changes against the first parent; empty if its tree is stored without them.
    pub operations: Bytes,
}

/// Nodes and objects that are not stored yet, or were rebuilt.
#[derive(Debug, Default)]
pub struct Overlay {
    /// Nodes by hash.
    pub nodes: MemoryNodes,
    /// Objects by hash.
    pub objects: Mutex<HashMap<ObjectHash, Arc<Object>>>,
}

#[derive(Debug, Clone)]
struct NodeWeight;

impl Weighter<NodeHash, Node> for NodeWeight {
    fn weight(&self, _: &NodeHash, node: &Node) -> u64 {
        node.weight() as u64 + 96
    }
}

/// Reads one metadata store.
#[derive(Debug)]
pub struct Repository {
    store: Arc<dyn MetaStore>,
    nodes: Cache<NodeHash, Node, NodeWeight>,
    objects: Cache<ObjectHash, Arc<Object>>,
    commits: Cache<(WarehouseId, CommitId), Arc<StoredCommit>>,
    rebuilt: Cache<(WarehouseId, CommitId), Arc<Overlay>>,
    heads: Heads,
    warehouses: AtomicU64,
}

impl Repository {
    /// Reads this store.
    #[must_use]
    pub fn new(store: Arc<dyn MetaStore>) -> Self {
        let items = usize::try_from(NODE_CACHE_BYTES / 2048).unwrap_or(65_536);
        let heads = Heads { remember: store.capabilities().exclusive, state: RwLock::default() };
        Self {
            store,
            nodes: Cache::with_weighter(items, NODE_CACHE_BYTES, NodeWeight),
            objects: Cache::new(OBJECTS_CACHED),
            commits: Cache::new(COMMITS_CACHED),
            rebuilt: Cache::new(REBUILT_CACHED),
            heads,
            warehouses: AtomicU64::new(0),
        }
    }

    /// Counts changes of the list of warehouses. What was read from the store after this was asked holds
    /// as long as the answer stays the same, while no other process can write.
    #[must_use]
    pub fn warehouses_version(&self) -> u64 {
        self.warehouses.load(Ordering::SeqCst)
    }

    /// Tells that the list of warehouses may have changed; called before the writer is answered.
    pub(super) fn warehouses_changed(&self) {
        self.warehouses.fetch_add(1, Ordering::SeqCst);
    }

    /// The store that is read.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn MetaStore> {
        &self.store
    }

    /// The heads that are remembered.
    #[must_use]
    pub const fn heads(&self) -> &Heads {
        &self.heads
    }

    /// A ref as it stands now.
    ///
    /// # Errors
    /// `Store`.
    pub fn reference(
        &self,
        warehouse: WarehouseId,
        name: &str,
    ) -> Result<Option<RefRecord>, VersionError> {
        if let Some(known) = self.heads.get(warehouse, name) {
            return Ok(known);
        }
        let epoch = self.heads.epoch();
        let found = self.store.begin_read()?.ref_get(warehouse, name)?;
        self.heads.remember(epoch, warehouse, name, found.as_ref());
        Ok(found)
    }

    /// Commits by id.
    ///
    /// # Errors
    /// `MissingCommit` if one is absent; `Codec` if one cannot be read.
    pub fn commits(
        &self,
        warehouse: WarehouseId,
        ids: &[CommitId],
    ) -> Result<Vec<Arc<StoredCommit>>, VersionError> {
        let mut found: Vec<_> = ids.iter().map(|id| self.commits.get(&(warehouse, *id))).collect();
        let missing = absent(ids, &found);
        if !missing.is_empty() {
            let records = self.store.begin_read()?.commits_get(warehouse, &missing)?;
            let mut records = missing.iter().zip(records);
            for slot in found.iter_mut().filter(|slot| slot.is_none()) {
                let Some((id, record)) = records.next() else { break };
                let record = record.ok_or(VersionError::MissingCommit(*id))?;
                let stored = Arc::new(read_commit(record)?);
                self.commits.insert((warehouse, *id), Arc::clone(&stored));
                *slot = Some(stored);
            }
        }
        found
            .into_iter()
            .zip(ids)
            .map(|(commit, id)| commit.ok_or(VersionError::MissingCommit(*id)))
            .collect()
    }

    /// One commit.
    ///
    /// # Errors
    /// As [`Repository::commits`].
    pub fn commit(
        &self,
        warehouse: WarehouseId,
        id: CommitId,
    ) -> Result<Arc<StoredCommit>, VersionError> {
        if let Some(known) = self.commits.get(&(warehouse, id)) {
            return Ok(known);
        }
        let mut found = self.commits(warehouse, &[id])?;
        found.pop().ok_or(VersionError::MissingCommit(id))
    }

    /// The state that a commit names; rebuilt if its tree is not stored.
    ///
    /// # Errors
    /// `MissingCommit`, `Tree`, `Store`, or `Damaged` if a rebuilt tree has another hash.
    pub fn snapshot(
        self: &Arc<Self>,
        warehouse: WarehouseId,
        id: CommitId,
    ) -> Result<Snapshot, VersionError> {
        let stored = self.commit(warehouse, id)?;
        if stored.root.is_some() {
            let root = NodeRef { hash: stored.commit.root, hint: stored.root.0 };
            return Ok(Snapshot::new(Arc::clone(self), None, root));
        }
        let root = NodeRef { hash: stored.commit.root, hint: 0 };
        if let Some(overlay) = self.rebuilt.get(&(warehouse, id)) {
            return Ok(Snapshot::new(Arc::clone(self), Some(overlay), root));
        }
        let overlay = Arc::new(self.rebuild(warehouse, stored)?);
        self.rebuilt.insert((warehouse, id), Arc::clone(&overlay));
        Ok(Snapshot::new(Arc::clone(self), Some(overlay), root))
    }

    fn rebuild(
        &self,
        warehouse: WarehouseId,
        last: Arc<StoredCommit>,
    ) -> Result<Overlay, VersionError> {
        let mut pending = vec![last];
        let mut base = loop {
            let Some(top) = pending.last() else {
                return Err(VersionError::Damaged("nothing to rebuild".to_owned()));
            };
            if top.root.is_some() {
                let base = NodeRef { hash: top.commit.root, hint: top.root.0 };
                pending.pop();
                break base;
            }
            let parent = top.commit.parents.first().copied();
            let (Some(parent), true) = (parent, pending.len() <= 2 * REPLAY_COMMITS_MAX) else {
                return Err(VersionError::Damaged(format!(
                    "the tree of commit {} is not stored, nor is that of an ancestor near it",
                    top.id
                )));
            };
            pending.push(self.commit(warehouse, parent)?);
        };
        let overlay = Overlay::default();
        for stored in pending.into_iter().rev() {
            let edits = operations::decode(&stored.operations)
                .map_err(|source| VersionError::Codec { what: "stored operations", source })?;
            let layered = Layered { overlay: Some(&overlay.nodes), below: self };
            let next = tree::apply(&layered, base, &edits, &mut &overlay.nodes)?;
            if next.hash != stored.commit.root {
                return Err(VersionError::Damaged(format!(
                    "replaying commit {} gives the tree {} in place of {}",
                    stored.id, next.hash, stored.commit.root
                )));
            }
            base = next;
        }
        Ok(overlay)
    }

    /// A content object by hash and the place that a tree's hint names.
    ///
    /// # Errors
    /// `Damaged` if it is not there or has another hash.
    pub fn object(&self, hash: ObjectHash, hint: u64) -> Result<Arc<Object>, VersionError> {
        if let Some(known) = self.objects.get(&hash) {
            return Ok(known);
        }
        let location = Location(hint);
        if !location.is_some() {
            return Err(VersionError::Damaged(format!("no place is known for the object {hash}")));
        }
        let bytes = self.store.blobs_get(&[location])?.pop().unwrap_or_default();
        if Object::hash_of(&bytes) != hash {
            return Err(VersionError::Damaged(format!("the object {hash} has other bytes")));
        }
        let object = Object::decode(&bytes)
            .map_err(|source| VersionError::Codec { what: "a content object", source })?;
        let object = Arc::new(object);
        self.objects.insert(hash, Arc::clone(&object));
        Ok(object)
    }

    /// The object of an entry.
    ///
    /// # Errors
    /// As [`Repository::object`].
    pub fn entry_object(&self, entry: &Entry, hint: u64) -> Result<Arc<Object>, VersionError> {
        self.object(entry.object, hint)
    }

    pub(super) fn remember_node(&self, node: Node) {
        self.nodes.insert(node.hash(), node);
    }

    pub(super) fn remember_object(&self, hash: ObjectHash, object: Arc<Object>) {
        self.objects.insert(hash, object);
    }

    pub(super) fn remember_commit(&self, warehouse: WarehouseId, stored: StoredCommit) {
        self.commits.insert((warehouse, stored.id), Arc::new(stored));
    }
}

/// Those of some keys that nothing was found for.
fn absent<K: Copy, V>(keys: &[K], found: &[Option<V>]) -> Vec<K> {
    let missing = keys.iter().zip(found).filter(|(_, known)| known.is_none());
    missing.map(|(key, _)| *key).collect()
}

fn read_commit(record: CommitRecord) -> Result<StoredCommit, VersionError> {
    if Commit::id_of(&record.bytes) != record.id {
        return Err(VersionError::Damaged(format!("the commit {} has other bytes", record.id)));
    }
    let commit = Commit::decode(&record.bytes)
        .map_err(|source| VersionError::Codec { what: "a commit", source })?;
    Ok(StoredCommit {
        id: record.id,
        commit: Arc::new(commit),
        root: record.root,
        operations: record.operations,
    })
}

impl NodeSource for Repository {
    fn load(&self, nodes: &[NodeRef]) -> Result<Vec<Node>, TreeError> {
        let mut found: Vec<Option<Node>> =
            nodes.iter().map(|node| self.nodes.get(&node.hash)).collect();
        let missing = absent(nodes, &found);
        if !missing.is_empty() {
            if let Some(lost) = missing.iter().find(|node| node.hint == 0) {
                return Err(TreeError::MissingNode { hash: lost.hash });
            }
            let places: Vec<Location> = missing.iter().map(|node| Location(node.hint)).collect();
            let blobs = self
                .store
                .blobs_get(&places)
                .map_err(|error| TreeError::Source(Box::new(VersionError::Store(error))))?;
            let mut read = missing.iter().zip(blobs);
            for slot in found.iter_mut().filter(|slot| slot.is_none()) {
                let Some((wanted, bytes)) = read.next() else { break };
                let node = Node::from_stored_checked(bytes, wanted.hash)?;
                self.nodes.insert(wanted.hash, node.clone());
                *slot = Some(node);
            }
        }
        found
            .into_iter()
            .zip(nodes)
            .map(|(node, wanted)| node.ok_or(TreeError::MissingNode { hash: wanted.hash }))
            .collect()
    }
}

/// Nodes of an overlay before those of the store.
#[derive(Debug)]
pub struct Layered<'a> {
    /// Looked at first.
    pub overlay: Option<&'a MemoryNodes>,
    /// Looked at for the rest.
    pub below: &'a dyn NodeSource,
}

impl std::fmt::Debug for dyn NodeSource + '_ {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NodeSource")
    }
}

impl NodeSource for Layered<'_> {
    fn load(&self, nodes: &[NodeRef]) -> Result<Vec<Node>, TreeError> {
        let Some(overlay) = self.overlay else {
            return self.below.load(nodes);
        };
        let mut found: Vec<Option<Node>> =
            nodes.iter().map(|node| overlay.get(&node.hash)).collect();
        let missing = absent(nodes, &found);
        if !missing.is_empty() {
            let mut read = self.below.load(&missing)?.into_iter();
            for slot in found.iter_mut().filter(|slot| slot.is_none()) {
                *slot = read.next();
            }
        }
        found
            .into_iter()
            .zip(nodes)
            .map(|(node, wanted)| node.ok_or(TreeError::MissingNode { hash: wanted.hash }))
            .collect()
    }
}

type KnownRefs = HashMap<WarehouseId, HashMap<Box<str>, Option<RefRecord>>>;

/// Refs remembered in memory. Right only while this process is the only writer: then every movement
/// passes through [`Heads::moved`] before anybody is told of it.
#[derive(Debug)]
pub struct Heads {
    remember: bool,
    state: RwLock<HeadsState>,
}

#[derive(Debug, Default)]
struct HeadsState {
    /// Counts publications; a reader that looked at the store before one must not remember what it saw.
    epoch: u64,
    count: usize,
    known: KnownRefs,
}

/// Refs remembered at most; beyond that all are forgotten and read again.
const HEADS_MAX: usize = 200_000;

impl Heads {
    fn get(&self, warehouse: WarehouseId, name: &str) -> Option<Option<RefRecord>> {
        self.state.read().known.get(&warehouse)?.get(name).cloned()
    }

    fn epoch(&self) -> u64 {
        self.state.read().epoch
    }

    fn remember(&self, epoch: u64, warehouse: WarehouseId, name: &str, found: Option<&RefRecord>) {
        if !self.remember {
            return;
        }
        let mut state = self.state.write();
        if state.epoch == epoch {
            state.put(warehouse, name, found.cloned());
        }
    }

    /// Tells that refs were published; called before the writers are answered.
    pub(super) fn moved<'a>(
        &self,
        moves: impl Iterator<Item = (WarehouseId, &'a str, Option<RefRecord>)>,
    ) {
        let mut state = self.state.write();
        state.epoch += 1;
        for (warehouse, name, record) in moves {
            if self.remember {
                state.put(warehouse, name, record);
            }
        }
    }

    /// Forgets everything, after a write whose outcome is unknown.
    pub(super) fn forget(&self) {
        let mut state = self.state.write();
        state.epoch += 1;
        state.count = 0;
        state.known.clear();
    }
}

impl HeadsState {
    fn put(&mut self, warehouse: WarehouseId, name: &str, record: Option<RefRecord>) {
        if self.count >= HEADS_MAX {
            self.known.clear();
            self.count = 0;
        }
        let refs = self.known.entry(warehouse).or_default();
        if refs.insert(name.into(), record).is_none() {
            self.count += 1;
        }
    }
}
