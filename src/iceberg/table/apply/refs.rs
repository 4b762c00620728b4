//! Updates of snapshots, refs and the snapshot log.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Builder, TOLERANCE_MS};
use crate::base::error::{Error, Result};
use crate::iceberg::table::snapshot::{
    MAIN_BRANCH, Snapshot, SnapshotLogEntry, SnapshotRef, SnapshotRefKind,
};

impl Builder {
    pub(super) fn add_snapshot(&mut self, snapshot: &Arc<Snapshot>) -> Result<()> {
        let metadata = &mut self.metadata;
        let missing = if metadata.schemas.is_empty() {
            Some("schema")
        } else if metadata.specs.is_empty() {
            Some("partition spec")
        } else if metadata.sort_orders.is_empty() {
            Some("sort order")
        } else {
            None
        };
        if let Some(what) = missing {
            return Err(Error::invalid(format!(
                "Attempting to add a snapshot before a {what} is added"
            )));
        }
        if metadata.snapshot(snapshot.id).is_some() {
            return Err(Error::invalid(format!("Snapshot already exists for id: {}", snapshot.id)));
        }
        if metadata.format_version == 1 && snapshot.sequence_number != 0 {
            return Err(Error::invalid(format!(
                "Sequence number must be 0 in v1: {}",
                snapshot.sequence_number
            )));
        }
        // A snapshot without a parent may share the last number (two replacements that raced), but an
        // older one would hide behind delete files that it never knew.
        let stale = match snapshot.parent_id {
            Some(_) => snapshot.sequence_number <= metadata.last_sequence_number,
            None => snapshot.sequence_number < metadata.last_sequence_number,
        };
        if metadata.format_version > 1 && stale {
            return Err(retry(&format!(
                "Cannot add snapshot with sequence number {} older than last sequence number {}",
                snapshot.sequence_number, metadata.last_sequence_number
            )));
        }
        if metadata.format_version >= 3 {
            let (Some(first), Some(rows)) = (snapshot.first_row_id, snapshot.added_rows) else {
                return Err(Error::invalid("Cannot add a snapshot: first-row-id is null"));
            };
            if first < metadata.next_row_id {
                return Err(retry(&format!(
                    "Cannot add a snapshot, first-row-id is behind table next-row-id: {first} < {}",
                    metadata.next_row_id
                )));
            }
            metadata.next_row_id = first.checked_add(rows).ok_or_else(|| {
                Error::invalid(format!("Cannot add a snapshot: no row ids after {first} + {rows}"))
            })?;
        }
        metadata.last_sequence_number = snapshot.sequence_number;
        Arc::make_mut(&mut metadata.snapshots).push(Arc::clone(snapshot));
        self.added_snapshots.insert(snapshot.id);
        self.changed = true;
        Ok(())
    }

    pub(super) fn set_ref(&mut self, name: &str, reference: &SnapshotRef) -> Result<()> {
        if self.metadata.refs.get(name) == Some(reference) {
            return Ok(());
        }
        let id = reference.snapshot_id;
        let Some(snapshot) = self.metadata.snapshot(id) else {
            return Err(Error::invalid(format!("Cannot set {name} to unknown snapshot: {id}")));
        };
        if name == MAIN_BRANCH {
            if reference.kind == SnapshotRefKind::Tag {
                return Err(Error::invalid("Cannot set main: it is a branch, not a tag"));
            }
            // A rollback to an older snapshot happens now, not when that snapshot was made.
            let added = self.added_snapshots.contains(&id);
            let when = if added { snapshot.timestamp_ms } else { self.now_ms };
            self.metadata.current_snapshot_id = Some(id);
            Arc::make_mut(&mut self.metadata.snapshot_log).push(SnapshotLogEntry::new(when, id));
            if added {
                self.main_snapshots.insert(id);
            }
        }
        Arc::make_mut(&mut self.metadata.refs).insert(name.to_owned(), reference.clone());
        self.changed = true;
        Ok(())
    }

    pub(in crate::iceberg::table) fn remove_ref(&mut self, name: &str) -> Result<()> {
        if name == MAIN_BRANCH {
            self.metadata.current_snapshot_id = None;
        }
        if self.metadata.refs.contains_key(name) {
            Arc::make_mut(&mut self.metadata.refs).remove(name);
            self.changed = true;
        }
        Ok(())
    }

    pub(super) fn remove_snapshots(&mut self, ids: &[i64]) -> Result<()> {
        let ids: BTreeSet<i64> = ids.iter().copied().collect();
        let before = self.metadata.snapshots.len();
        if !self.metadata.snapshots.iter().any(|snapshot| ids.contains(&snapshot.id)) {
            return Ok(());
        }
        let snapshots = Arc::make_mut(&mut self.metadata.snapshots);
        snapshots.retain(|snapshot| !ids.contains(&snapshot.id));
        if snapshots.len() == before {
            return Ok(());
        }
        for id in &ids {
            self.remove_statistics(*id)?;
            self.remove_partition_statistics(*id)?;
        }
        let dangling: Vec<String> = self
            .metadata
            .refs
            .iter()
            .filter(|(_, reference)| ids.contains(&reference.snapshot_id))
            .map(|(name, _)| name.clone())
            .collect();
        for name in dangling {
            self.remove_ref(&name)?;
        }
        self.snapshots_removed = true;
        self.changed = true;
        Ok(())
    }

    /// Takes out of the log what was never current for a reader, and what can no longer be read.
    pub(super) fn correct_snapshot_log(&mut self) -> Result<()> {
        let current = self.metadata.current_snapshot_id;
        let mut skipped = self.main_snapshots.clone();
        if let Some(current) = current {
            skipped.remove(&current);
        }
        if !skipped.is_empty() || self.snapshots_removed {
            let known: BTreeSet<i64> =
                self.metadata.snapshots.iter().map(|snapshot| snapshot.id).collect();
            let mut log = Vec::new();
            for entry in self.metadata.snapshot_log.iter() {
                if known.contains(&entry.snapshot_id) {
                    if !skipped.contains(&entry.snapshot_id) {
                        log.push(entry.clone());
                    }
                } else if self.snapshots_removed {
                    // A gap would make an older snapshot look current for too long.
                    log.clear();
                }
            }
            if current.is_some() && log.last().map(|entry| entry.snapshot_id) != current {
                return Err(Error::invalid(
                    "Cannot set invalid snapshot log: latest entry is not the current snapshot",
                ));
            }
            self.metadata.snapshot_log = Arc::new(log);
        }
        self.check_log_order()
    }

    fn check_log_order(&self) -> Result<()> {
        // Only what this commit appended can be out of order by its fault.
        let [.., before, last] = &self.metadata.snapshot_log[..] else {
            return self.check_last_entry();
        };
        if !self.main_snapshots.is_empty()
            && last.timestamp_ms.saturating_sub(before.timestamp_ms) < -TOLERANCE_MS
        {
            return Err(Error::invalid(format!(
                "Invalid snapshot timestamp {}: before last snapshot timestamp {}",
                last.timestamp_ms, before.timestamp_ms
            )));
        }
        self.check_last_entry()
    }

    fn check_last_entry(&self) -> Result<()> {
        match self.metadata.snapshot_log.last() {
            Some(last)
                if self.now_ms.saturating_sub(last.timestamp_ms) < -TOLERANCE_MS
                    && !self.main_snapshots.is_empty() =>
            {
                Err(Error::invalid(format!(
                    "Invalid update timestamp {}: before last snapshot log entry at {}",
                    self.now_ms, last.timestamp_ms
                )))
            }
            _ => Ok(()),
        }
    }
}

/// The snapshot is stale, not wrong: the writer refreshes and tries again.
fn retry(why: &str) -> Error {
    Error::conflict(format!("Validation failed, please retry: {why}"))
}
