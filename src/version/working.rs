//! A private state over a commit: changes are evaluated on it one after another and kept back, until all
//! of them are published as one commit, or forgotten.
//!
//! Knows nothing of refs: who holds it says which branch it is for. Publishing does not evaluate the
//! changes again: every name that they touched must be on the branch as it was in the base, and gets what
//! it has here.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::committer::{Change, ChangeContext, ChangeError, NewFile, Proposal, Write};
use super::content::{Entry, Object};
use super::edits::{check_namespaces, edits};
use super::error::VersionError;
use super::key;
use super::repository::{Overlay, Repository};
use super::snapshot::Snapshot;
use crate::base::error::{Error, ErrorKind, Result};
use crate::base::limits::{WORKING_FILE_BYTES_MAX, WORKING_NAMES_MAX};
use crate::tree::{self, NodeRef};

/// A private state. A clone is a savepoint: it costs what was changed so far, not what the state holds.
#[derive(Clone, Debug)]
pub struct WorkingTree {
    repository: Arc<Repository>,
    overlay: Arc<Overlay>,
    base: Snapshot,
    root: NodeRef,
    /// What stood in the base at each key that was touched.
    touched: BTreeMap<Bytes, Option<Entry>>,
    /// Files that entries refer to and that nobody has written yet.
    files: BTreeMap<String, Bytes>,
    messages: Vec<String>,
}

impl WorkingTree {
    /// Starts from a state of a commit.
    #[must_use]
    pub fn new(repository: &Arc<Repository>, base: Snapshot) -> Self {
        let overlay = Arc::new(Overlay::default());
        if let Some(rebuilt) = base.overlay() {
            overlay.nodes.copy_from(&rebuilt.nodes);
        }
        Self {
            repository: Arc::clone(repository),
            overlay,
            root: base.root(),
            base,
            touched: BTreeMap::new(),
            files: BTreeMap::new(),
            messages: Vec::new(),
        }
    }

    /// The state with every change so far.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::new(Arc::clone(&self.repository), Some(Arc::clone(&self.overlay)), self.root)
    }

    /// What a file holds that is not written yet.
    #[must_use]
    pub fn file(&self, location: &str) -> Option<Bytes> {
        self.files.get(location).cloned()
    }

    /// Whether there is nothing to publish.
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        self.root == self.base.root()
    }

    /// What was done, in the words of each change.
    #[must_use]
    pub fn messages(&self) -> &[String] {
        &self.messages
    }

    /// Carries out what a change proposed for this state; returns its answer. If it fails, nothing changes.
    ///
    /// # Errors
    /// `NotFound` or `NotEmpty` for namespaces that would be missing, `AlreadyExists` for names that differ
    /// only in case, `LimitExceeded` if more was changed than one commit takes.
    pub fn apply(&mut self, proposal: Proposal) -> Result<Bytes> {
        let before = self.snapshot();
        let Proposal { writes, message, files, answer, respells, .. } = proposal;
        let found = edits(&before, &self.overlay, writes, respells, &mut BTreeMap::new())?;
        if found.is_empty() {
            return Ok(answer);
        }
        let root = tree::apply(&before.nodes(), self.root, &found, &mut &self.overlay.nodes)
            .map_err(VersionError::Tree)?;
        let after =
            Snapshot::new(Arc::clone(&self.repository), Some(Arc::clone(&self.overlay)), root);
        check_namespaces(&after, &found)?;
        let mut touched = self.touched.clone();
        let mut kept = self.files.clone();
        for edit in &found {
            if !touched.contains_key(&edit.key) {
                let stood = self.base.at_key(edit.key.clone())?.map(|found| found.entry);
                touched.insert(edit.key.clone(), stood);
            }
            // What the name referred to before is not needed, unless it has another name now: the new
            // entries' own files come below.
            if let Some(old) = location(&before, &edit.key)? {
                kept.remove(&old);
            }
        }
        for edit in &found {
            if let Some(new) = location(&after, &edit.key)?
                && let Some(bytes) = self.files.get(&new)
            {
                kept.insert(new, bytes.clone());
            }
        }
        kept.extend(files.into_iter().map(|file| (file.location, file.bytes)));
        if touched.len() > WORKING_NAMES_MAX {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!(
                    "one transaction changes at most {WORKING_NAMES_MAX} tables, views and namespaces"
                ),
            ));
        }
        if kept.values().map(Bytes::len).sum::<usize>() > WORKING_FILE_BYTES_MAX {
            return Err(Error::new(
                ErrorKind::LimitExceeded,
                format!(
                    "one transaction keeps at most {WORKING_FILE_BYTES_MAX} bytes of table metadata"
                ),
            ));
        }
        (self.touched, self.files, self.root) = (touched, kept, root);
        self.messages.push(message);
        Ok(answer)
    }

    /// The change that publishes what was done here.
    ///
    /// # Errors
    /// `Corrupt` if the state cannot be read.
    pub fn publication(&self, message: String) -> Result<Publication> {
        let state = self.snapshot();
        let mut expected = Vec::with_capacity(self.touched.len());
        let mut writes = Vec::new();
        for (key, stood) in &self.touched {
            let found = state.at_key(key.clone())?;
            if found.as_ref().map(|found| &found.entry) == stood.as_ref() {
                continue;
            }
            expected.push((key.clone(), stood.clone()));
            let parsed = key::parse(key)
                .ok_or_else(|| Error::internal("a transaction wrote an unreadable key"))?;
            writes.push(match found {
                None => {
                    let path = stood.as_ref().map(|entry| entry.path.clone()).unwrap_or_default();
                    Write::Remove { path, kind: parsed.kind }
                }
                Some(found) => Write::Put {
                    path: found.entry.path.clone(),
                    id: found.entry.id,
                    object: (*state.object(&found)?).clone(),
                },
            });
        }
        let files = self
            .files
            .iter()
            .map(|(location, bytes)| NewFile { location: location.clone(), bytes: bytes.clone() })
            .collect();
        Ok(Publication { expected, writes, files, message })
    }
}

/// Where the metadata of what stands at a key is.
fn location(state: &Snapshot, key: &Bytes) -> Result<Option<String>> {
    let Some(found) = state.at_key(key.clone())? else { return Ok(None) };
    Ok(match &*state.object(&found)? {
        Object::Table { metadata_location } | Object::View { metadata_location } => {
            Some(metadata_location.clone())
        }
        Object::Namespace { .. } | Object::Artifact { .. } => None,
    })
}

/// Publishes a working tree.
#[derive(Debug)]
pub struct Publication {
    expected: Vec<(Bytes, Option<Entry>)>,
    writes: Vec<Write>,
    files: Vec<NewFile>,
    message: String,
}

impl Publication {
    /// Whether there is nothing to publish.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }
}

impl Change for Publication {
    fn evaluate(
        &mut self,
        base: &Snapshot,
        _: &ChangeContext,
    ) -> std::result::Result<Proposal, ChangeError> {
        for (key, expected) in &self.expected {
            let found = base.at_key(key.clone())?.map(|found| found.entry);
            if found != *expected {
                let path = [expected, &found].into_iter().flatten().next();
                let name = path.map(|entry| entry.path.join(".")).unwrap_or_default();
                return Err(Error::conflict(format!(
                    "'{name}' was changed by another commit since this transaction began"
                ))
                .into());
            }
        }
        Ok(Proposal {
            writes: self.writes.clone(),
            message: self.message.clone(),
            files: self.files.clone(),
            // Each name is known to be as it was: what takes its place may be spelled otherwise.
            respells: true,
            ..Proposal::default()
        })
    }
}
