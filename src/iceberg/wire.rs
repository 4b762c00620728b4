//! Metadata as clients get it.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;

use super::cache::Cached;
use super::table::metadata::TableMetadata;
use super::table::snapshot::Snapshot;

/// Which snapshots a client asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SnapshotMode {
    /// All of them.
    All,
    /// Those that a branch or tag of the table points at.
    Refs,
}

/// A table's metadata document for a client.
///
/// With `forbid_gc` it carries the property `gc.enabled=false`, which keeps clients from deleting files
/// that other branches need; the stored document does not have it.
#[must_use]
pub fn table_document(
    cached: &Cached<TableMetadata>,
    mode: SnapshotMode,
    forbid_gc: bool,
) -> Bytes {
    let metadata = &cached.metadata;
    let denied = metadata.properties().get(GC_ENABLED).is_some_and(|text| text == "false");
    let kept = match mode {
        SnapshotMode::All => None,
        SnapshotMode::Refs => Some(referenced(metadata)),
    };
    let all = kept.as_ref().is_none_or(|kept| kept.len() == metadata.snapshots().len());
    if all && (denied || !forbid_gc) {
        return cached.json.clone();
    }
    let properties: &[(&str, &str)] = if forbid_gc { &[(GC_ENABLED, "false")] } else { &[] };
    let mut out = Vec::with_capacity(cached.json.len() + 32);
    metadata.write_document(&mut out, kept.as_deref().unwrap_or(metadata.snapshots()), properties);
    Bytes::from(out)
}

const GC_ENABLED: &str = "gc.enabled";

fn referenced(metadata: &TableMetadata) -> Vec<Arc<Snapshot>> {
    let ids: BTreeSet<i64> =
        metadata.refs().values().map(|reference| reference.snapshot_id).collect();
    metadata.snapshots().iter().filter(|snapshot| ids.contains(&snapshot.id)).cloned().collect()
}
