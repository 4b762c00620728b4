//! The history of one warehouse, as graph walks, diffs and merges read it.

use std::sync::Arc;

use bytes::Bytes;

use super::commit::Commit;
use super::content::{Entry, Object};
use super::diff::TreeSource;
use super::error::VersionError;
use super::graph::CommitSource;
use super::operations;
use super::repository::Repository;
use crate::base::ids::{CommitId, WarehouseId};
use crate::tree::{MemoryNodes, Node, NodeRef, NodeSource, TreeError};

/// Reads commits and trees of one warehouse. Nodes of trees that had to be rebuilt stay here as long
/// as the reader lives, because they are stored nowhere.
#[derive(Debug)]
pub struct HistoryReader {
    repository: Arc<Repository>,
    warehouse: WarehouseId,
    rebuilt: MemoryNodes,
}

impl HistoryReader {
    /// Reads this warehouse.
    #[must_use]
    pub fn new(repository: Arc<Repository>, warehouse: WarehouseId) -> Self {
        Self { repository, warehouse, rebuilt: MemoryNodes::new() }
    }
}

impl CommitSource for HistoryReader {
    fn commits(&self, ids: &[CommitId]) -> Result<Vec<Arc<Commit>>, VersionError> {
        let stored = self.repository.commits(self.warehouse, ids)?;
        Ok(stored.into_iter().map(|stored| Arc::clone(&stored.commit)).collect())
    }
}

impl TreeSource for HistoryReader {
    fn tree(&self, commit: CommitId) -> Result<NodeRef, VersionError> {
        let snapshot = self.repository.snapshot(self.warehouse, commit)?;
        if let Some(overlay) = snapshot.overlay() {
            self.rebuilt.copy_from(&overlay.nodes);
        }
        Ok(snapshot.root())
    }

    fn nodes(&self) -> &dyn NodeSource {
        self
    }

    fn object(&self, entry: &Entry, hint: u64) -> Result<Arc<Object>, VersionError> {
        self.repository.object(entry.object, hint)
    }

    fn changed_keys(&self, commit: CommitId) -> Result<Option<Vec<Bytes>>, VersionError> {
        let stored = self.repository.commit(self.warehouse, commit)?;
        if stored.operations.is_empty() {
            return Ok(None);
        }
        let edits = operations::decode(&stored.operations)
            .map_err(|source| VersionError::Codec { what: "stored operations", source })?;
        Ok(Some(edits.into_iter().map(|edit| edit.key).collect()))
    }
}

impl NodeSource for HistoryReader {
    fn load(&self, nodes: &[NodeRef]) -> Result<Vec<Node>, TreeError> {
        super::repository::Layered { overlay: Some(&self.rebuilt), below: &*self.repository }
            .load(nodes)
    }
}
