//! One snapshot: files added, files removed, everything else as it was.

use std::collections::BTreeSet;
use std::sync::Arc;

use apache_iceberg::spec::{ManifestContentType, ManifestFile};
use serde_json::{Map, Value};

use super::manifests::{ManifestFiles, Read, fill_counts, is_live, read, read_list};
use super::summary::Changes;
use super::{DataFile, SnapshotWrite, TableUpdates};
use crate::base::limits::MANIFESTS_AT_ONCE;
use crate::iceberg::table::requirement::TableRequirement;
use crate::iceberg::table::snapshot::{MAIN_BRANCH, Snapshot, SnapshotRef};
use crate::iceberg::table::update::TableUpdate;
use crate::sql::error::{SqlError, SqlResult, SqlState};

/// Which files of the current snapshot go.
pub(super) enum Removal<'a> {
    /// None.
    Nothing,
    /// Data files with these paths.
    Files(&'a BTreeSet<String>),
    /// All, delete files included.
    Everything,
}

/// Makes a snapshot, or nothing if there is nothing to change.
pub(super) async fn change(
    write: &SnapshotWrite<'_>,
    added: Vec<DataFile>,
    removal: &Removal<'_>,
) -> SqlResult<TableUpdates> {
    let parent = write.metadata.current_snapshot().map(Arc::clone);
    let mut draft = Draft {
        write,
        manifests: ManifestFiles::new(write, new_id(write)),
        changes: Changes::default(),
        new: Vec::new(),
        kept: Vec::new(),
    };
    draft.add(&added).await?;
    if let Some(parent) = &parent {
        let list = read_list(write, parent).await?;
        draft.remove(list, removal).await?;
    } else if let Removal::Files(removed) = removal
        && let Some(path) = removed.first()
    {
        return Err(not_there(path));
    }
    if draft.new.is_empty() {
        return Ok(TableUpdates::default());
    }
    let emptied = matches!(removal, Removal::Everything);
    draft.finish(parent.as_deref(), emptied).await
}

struct Draft<'a> {
    write: &'a SnapshotWrite<'a>,
    manifests: ManifestFiles<'a>,
    changes: Changes,
    /// Manifests of this snapshot.
    new: Vec<ManifestFile>,
    /// Manifests of snapshots before.
    kept: Vec<ManifestFile>,
}

impl Draft<'_> {
    async fn add(&mut self, added: &[DataFile]) -> SqlResult<()> {
        if added.is_empty() {
            return Ok(());
        }
        let form = self.write.form();
        if added.iter().any(|file| file.form != form) {
            return Err(SqlError::new(
                SqlState::SerializationFailure,
                "the table's columns or partitions were changed while rows were written for it",
            ));
        }
        let mut open = self.manifests.start_new()?;
        for file in added {
            open.add(file)?;
            self.changes.add(file.entry(), form.spec_id);
        }
        self.new.push(self.manifests.finish(open).await?);
        Ok(())
    }

    /// Goes through the manifests of the snapshot before. Those without files that are left say only what
    /// an earlier snapshot removed, and are dropped.
    async fn remove(&mut self, list: Vec<ManifestFile>, removal: &Removal<'_>) -> SqlResult<()> {
        let live = list.into_iter().filter(is_live);
        match removal {
            Removal::Nothing => {
                self.kept.extend(live);
                Ok(())
            }
            Removal::Everything => {
                let live: Vec<ManifestFile> = live.collect();
                self.rewrite(live, None).await
            }
            Removal::Files(removed) => {
                let (data, deletes): (Vec<_>, Vec<_>) =
                    live.partition(|manifest| manifest.content == ManifestContentType::Data);
                self.kept.extend(deletes);
                self.rewrite(data, Some(removed)).await
            }
        }
    }

    /// Writes again those manifests that hold files to remove; `None` removes all.
    async fn rewrite(
        &mut self,
        list: Vec<ManifestFile>,
        removed: Option<&BTreeSet<String>>,
    ) -> SqlResult<()> {
        let mut missing = removed.cloned().unwrap_or_default();
        let write = self.write;
        let mut rest = list.into_iter();
        // Read in groups: once every file was found, the rest need not be looked into.
        while removed.is_none() || !missing.is_empty() {
            let group: Vec<ManifestFile> = rest.by_ref().take(MANIFESTS_AT_ONCE).collect();
            if group.is_empty() {
                break;
            }
            let pending = group.into_iter().map(|manifest| read_with(write, manifest));
            let reads: Vec<SqlResult<(ManifestFile, Read)>> =
                futures::future::join_all(pending).await;
            for found in reads {
                let (manifest, entries) = found?;
                self.rewrite_one(manifest, &entries, removed, &mut missing).await?;
            }
        }
        self.kept.extend(rest);
        match missing.first() {
            Some(path) => Err(not_there(path)),
            None => Ok(()),
        }
    }

    async fn rewrite_one(
        &mut self,
        manifest: ManifestFile,
        read: &Read,
        removed: Option<&BTreeSet<String>>,
        missing: &mut BTreeSet<String>,
    ) -> SqlResult<()> {
        // No closure is held while the file is put away: it would tie the write to one lifetime.
        let open = {
            let goes = |path: &str| removed.is_none_or(|removed| removed.contains(path));
            let mut live = read.entries.iter().filter(|entry| entry.is_alive()).peekable();
            let touched = live.clone().any(|entry| goes(entry.file_path()));
            if !touched {
                // A manifest may turn out to hold nothing that is left.
                if live.peek().is_some() {
                    self.kept.push(manifest);
                }
                return Ok(());
            }
            let mut open = self.manifests.start_again(read)?;
            for entry in live {
                let gone = goes(entry.file_path());
                open.take_over(entry, gone)?;
                if gone {
                    missing.remove(entry.file_path());
                    self.changes.remove(&entry.data_file, manifest.partition_spec_id);
                }
            }
            open
        };
        self.new.push(self.manifests.finish(open).await?);
        Ok(())
    }

    async fn finish(self, parent: Option<&Snapshot>, emptied: bool) -> SqlResult<TableUpdates> {
        let Self { write, manifests, changes, new, mut kept } = self;
        for manifest in &mut kept {
            fill_counts(write, manifest).await?;
        }
        let metadata = write.metadata;
        let sequence_number = match metadata.format_version() {
            1 => 0,
            _ => metadata.last_sequence_number().checked_add(1).ok_or_else(|| {
                SqlError::new(SqlState::ProgramLimitExceeded, "no sequence number is left")
            })?,
        };
        let parent_id = parent.map(|parent| parent.id);
        let all = new.into_iter().chain(kept).collect();
        let list = manifests.finish_list(all, parent_id, sequence_number).await?;
        let before = parent.map(Snapshot::summary);
        let mut summary = Map::new();
        summary.insert("operation".to_owned(), Value::from(changes.operation()));
        summary.extend(changes.summary(before.as_ref(), emptied));

        let id = manifests.snapshot_id();
        let mut document = Map::new();
        let mut put = |key: &str, value: Value| document.insert(key.to_owned(), value);
        put("snapshot-id", Value::from(id));
        if let Some(parent_id) = parent_id {
            put("parent-snapshot-id", Value::from(parent_id));
        }
        if sequence_number > 0 {
            put("sequence-number", Value::from(sequence_number));
        }
        let timestamp = write.now.as_millis().max(metadata.last_updated_ms());
        put("timestamp-ms", Value::from(timestamp));
        put("summary", Value::Object(summary));
        put("manifest-list", Value::from(list));
        put("schema-id", Value::from(metadata.current_schema_id()));
        let snapshot = Snapshot::parse(&Value::Object(document).to_string())?;
        Ok(TableUpdates {
            requirements: requirements(write),
            updates: vec![
                TableUpdate::AddSnapshot(Arc::new(snapshot)),
                TableUpdate::SetSnapshotRef(MAIN_BRANCH.to_owned(), main_branch(write, id)?),
            ],
            snapshot_id: Some(id),
            rows_added: changes.added.rows(),
            rows_removed: changes.removed.rows(),
            files_added: changes.added.files(),
            files_removed: changes.removed.files(),
        })
    }
}

/// Reads a manifest and gives it back with what it holds.
async fn read_with(
    write: &SnapshotWrite<'_>,
    manifest: ManifestFile,
) -> SqlResult<(ManifestFile, Read)> {
    let entries = read(write, &manifest).await?;
    Ok((manifest, entries))
}

fn requirements(write: &SnapshotWrite<'_>) -> Vec<TableRequirement> {
    let metadata = write.metadata;
    let mut out = Vec::new();
    out.extend(metadata.uuid().map(|uuid| TableRequirement::TableUuid(uuid.to_owned())));
    out.push(TableRequirement::RefSnapshotId {
        name: MAIN_BRANCH.to_owned(),
        snapshot_id: metadata.refs().get(MAIN_BRANCH).map(|found| found.snapshot_id),
    });
    out.push(TableRequirement::CurrentSchemaId(metadata.current_schema_id()));
    out.push(TableRequirement::DefaultSpecId(metadata.default_spec_id()));
    out
}

/// The table's main branch at a new snapshot, with the retention it has.
fn main_branch(write: &SnapshotWrite<'_>, id: i64) -> SqlResult<SnapshotRef> {
    let Some(found) = write.metadata.refs().get(MAIN_BRANCH) else {
        return Ok(SnapshotRef::branch(id));
    };
    let mut document: Map<String, Value> = serde_json::from_str(found.json()).map_err(|error| {
        SqlError::new(SqlState::DataCorrupted, format!("the table's main branch: {error}"))
    })?;
    document.insert("snapshot-id".to_owned(), Value::from(id));
    Ok(SnapshotRef::parse(&Value::Object(document).to_string())?)
}

/// A random id that no snapshot of the table has.
fn new_id(write: &SnapshotWrite<'_>) -> i64 {
    loop {
        let mut bytes = [0; 8];
        write.entropy.fill(&mut bytes);
        let id = i64::from_le_bytes(bytes) & i64::MAX;
        if id != 0 && write.metadata.snapshot(id).is_none() {
            return id;
        }
    }
}

fn not_there(path: &str) -> SqlError {
    SqlError::new(
        SqlState::InternalError,
        format!("{path} shall be removed and is not in the table's current snapshot"),
    )
}
