//! Commits to tables, evaluated on the committer's thread against the state they follow.
//!
//! One change may touch many tables of one branch, and one table several times; it lands as one commit
//! or not at all. Pure but for the metadata cache: new metadata is put there under its own, new
//! location, so that the next request of the same group finds it.

use std::sync::Arc;

use bytes::Bytes;

use super::address::{ContentAddress, no_content};
use super::files::PATH_PROPERTIES;
use super::loaded::Loaded;
use super::writing::{check_free, counted, joined, properties_message, taken};
use crate::base::clock::Timestamp;
use crate::base::entropy::SharedEntropy;
use crate::base::error::{Entity, Error, Result};
use crate::base::ids::ContentId;
use crate::iceberg::location::{
    LocationPolicy, metadata_directory, new_metadata_location, next_metadata_version,
};
use crate::iceberg::table::apply::apply_if_changed;
use crate::iceberg::table::create::create_from_updates;
use crate::iceberg::table::metadata::TableMetadata;
use crate::iceberg::table::requirement::TableRequirement;
use crate::iceberg::table::update::TableUpdate;
use crate::version::committer::{Change, ChangeContext, ChangeError, NewFile, Proposal, Write};
use crate::version::content::{ContentKind, Object};
use crate::version::snapshot::Snapshot;

/// What a commit asks of one table.
#[derive(Clone, Debug)]
pub struct TableChange {
    /// The table.
    pub address: ContentAddress,
    /// What is taken for granted.
    pub requirements: Vec<TableRequirement>,
    /// What changes.
    pub updates: Vec<TableUpdate>,
}

impl TableChange {
    fn creates(&self) -> bool {
        self.requirements.contains(&TableRequirement::Create)
    }
}

/// A commit to tables.
pub(super) struct TableCommit {
    pub(super) tables: Arc<Loaded<TableMetadata>>,
    pub(super) entropy: SharedEntropy,
    pub(super) policy: LocationPolicy,
    pub(super) changes: Vec<TableChange>,
    /// Ids for tables that turn out to be new, one for each change.
    pub(super) ids: Vec<ContentId>,
}

/// A table while the changes are carried out.
struct Working {
    address: ContentAddress,
    id: ContentId,
    /// What is stored, and where.
    stored: Option<(String, Arc<TableMetadata>)>,
    /// Whether the file of what is stored is not there: only a transaction knows it so far.
    unwritten: bool,
    /// What the changes so far make of it.
    current: Option<Arc<TableMetadata>>,
    updates: Vec<TableUpdate>,
}

impl Change for TableCommit {
    fn evaluate(
        &mut self,
        base: &Snapshot,
        at: &ChangeContext,
    ) -> std::result::Result<Proposal, ChangeError> {
        let mut tables = self.read(base)?;
        for change in &self.changes {
            let table = tables
                .iter_mut()
                .find(|table| table.address.path == change.address.path)
                .ok_or_else(|| Error::internal("a table of the commit was not read"))?;
            table.change(change, at.now, &self.entropy)?;
        }
        let mut proposal = Proposal::default();
        let mut messages = Vec::new();
        for table in &tables {
            let location = self.write(table, &mut proposal, &mut messages)?;
            // One table: the answer says where its metadata is. Many: there is nothing to say.
            if tables.len() == 1 {
                proposal.answer = Bytes::from(location);
            }
        }
        proposal.message = joined(&messages, |count| format!("change {count} tables"));
        Ok(proposal)
    }
}

impl TableCommit {
    /// Reads every table once; asks for metadata that is not in memory.
    fn read(&self, base: &Snapshot) -> std::result::Result<Vec<Working>, ChangeError> {
        let mut tables: Vec<Working> = Vec::new();
        let mut missing = Vec::new();
        for (change, id) in self.changes.iter().zip(&self.ids) {
            let path = &change.address.path;
            if tables.iter().any(|table| table.address.path == *path) {
                continue;
            }
            let mut table = Working {
                address: change.address.clone(),
                id: *id,
                stored: None,
                unwritten: false,
                current: None,
                updates: Vec::new(),
            };
            match base.content(path)? {
                Some(found) if found.entry.kind == ContentKind::Table => {
                    let location = metadata_location(&*base.object(&found)?)?;
                    table.id = found.entry.id;
                    table.unwritten = self.tables.is_private(&location);
                    match self.tables.get(&location) {
                        Some(metadata) => table.stored = Some((location, metadata)),
                        None => missing.push(location),
                    }
                }
                Some(found) if change.creates() => {
                    return Err(taken(&found, &change.address, Entity::Table).into());
                }
                None if change.creates() => check_free(base, &change.address, Entity::Table)?,
                Some(_) | None => {
                    return Err(no_content(Entity::Table, &change.address.dotted()).into());
                }
            }
            table.current = table.stored.as_ref().map(|(_, metadata)| Arc::clone(metadata));
            tables.push(table);
        }
        if missing.is_empty() { Ok(tables) } else { Err(ChangeError::NeedsLoad(missing)) }
    }

    fn new_metadata_location(&self, metadata: &TableMetadata, version: u64) -> Result<String> {
        let directory =
            metadata_directory(metadata.location(), metadata.properties(), &self.policy)?;
        Ok(new_metadata_location(&directory, version, &*self.entropy))
    }

    /// Adds what a changed table needs to the proposal; returns where its metadata is afterwards.
    fn write(
        &self,
        table: &Working,
        proposal: &mut Proposal,
        messages: &mut Vec<String>,
    ) -> Result<String> {
        let Some(current) = &table.current else {
            return Err(no_content(Entity::Table, &table.address.dotted()));
        };
        let before = match &table.stored {
            Some((location, metadata)) if Arc::ptr_eq(metadata, current) => {
                return Ok(location.clone());
            }
            Some((location, metadata)) => Some((location, metadata)),
            None => None,
        };
        check_locations(&self.policy, before.map(|(_, metadata)| &**metadata), current)?;
        let version = before.map_or(0, |(location, _)| next_metadata_version(location));
        let location = self.new_metadata_location(current, version)?;
        let bytes = current.to_json();
        self.tables.remember(&location, Arc::clone(current), bytes.clone());
        let shown = table.address.path.to_string();
        messages.push(describe(
            before.map(|(_, metadata)| &**metadata),
            current,
            &table.updates,
            &shown,
        ));
        proposal.writes.push(Write::Put {
            path: table.address.path.parts(),
            id: table.id,
            object: Object::Table { metadata_location: location.clone() },
        });
        proposal.files.push(NewFile { location: location.clone(), bytes });
        Ok(location)
    }
}

impl Working {
    /// Carries out one more change: its requirements against what there is by now, its updates together
    /// with those before, because they become one version of the table.
    fn change(
        &mut self,
        change: &TableChange,
        now: Timestamp,
        entropy: &SharedEntropy,
    ) -> Result<()> {
        match (&self.current, &self.stored) {
            (None, _) => {
                self.updates.clone_from(&change.updates);
                let made =
                    create_from_updates(&change.requirements, &self.updates, now, &**entropy)?;
                self.current = Some(Arc::new(made));
                return Ok(());
            }
            (Some(current), stored) => {
                let current: &TableMetadata = current;
                for requirement in &change.requirements {
                    requirement.check(Some(current))?;
                }
                if change.updates.is_empty() {
                    return Ok(());
                }
                self.updates.extend_from_slice(&change.updates);
                let changed = match stored {
                    Some((location, metadata)) => {
                        let log = Some(location.as_str()).filter(|_| !self.unwritten);
                        apply_if_changed(metadata, log, &[], &self.updates, now)?
                    }
                    None => {
                        let created = [TableRequirement::Create];
                        Some(create_from_updates(&created, &self.updates, now, &**entropy)?)
                    }
                };
                if let Some(changed) = changed {
                    self.current = Some(Arc::new(changed));
                } else if let Some((_, metadata)) = stored {
                    self.current = Some(Arc::clone(metadata));
                }
            }
        }
        Ok(())
    }
}

/// Checks every location that a commit sets.
pub(super) fn check_locations(
    policy: &LocationPolicy,
    before: Option<&TableMetadata>,
    after: &TableMetadata,
) -> Result<()> {
    if before.is_none_or(|before| before.location() != after.location()) {
        policy.check(after.location())?;
    }
    for key in PATH_PROPERTIES {
        let set = after.properties().get(key);
        if let Some(location) = set
            && before.is_none_or(|before| before.properties().get(key) != set)
        {
            policy.check(location)?;
        }
    }
    Ok(())
}

/// Where the metadata of a table or view is.
pub(super) fn metadata_location(object: &Object) -> Result<String> {
    match object {
        Object::Table { metadata_location } | Object::View { metadata_location } => {
            Ok(metadata_location.clone())
        }
        Object::Namespace { .. } | Object::Artifact { .. } => {
            Err(Error::corrupt("a table or view is stored as something else"))
        }
    }
}

/// Says in words what a commit did to a table.
fn describe(
    before: Option<&TableMetadata>,
    after: &TableMetadata,
    updates: &[TableUpdate],
    shown: &str,
) -> String {
    let Some(before) = before else {
        return match rows_of(after, "added-records") {
            Some(rows) if rows > 0 => {
                format!("create table {shown} with {}", counted(rows, "row"))
            }
            Some(_) | None => format!("create table {shown}"),
        };
    };
    if after.current_snapshot_id() != before.current_snapshot_id()
        && let Some(snapshot) = after.current_snapshot()
    {
        let added = rows_of(after, "added-records").unwrap_or(0);
        let deleted = rows_of(after, "deleted-records").unwrap_or(0);
        let is_new = before.snapshot(snapshot.id).is_none();
        return match snapshot.operation.as_deref() {
            _ if !is_new => format!("set {shown} to snapshot {}", snapshot.id),
            Some("append") => format!("append {} to {shown}", counted(added, "row")),
            Some("delete") => match deleted {
                0 => format!("delete rows from {shown}"),
                rows => format!("delete {} from {shown}", counted(rows, "row")),
            },
            Some("overwrite") => format!(
                "overwrite {shown}: {} added, {} removed with replaced files",
                counted(added, "row"),
                counted(deleted, "row")
            ),
            Some("replace") => format!("rewrite files of {shown}"),
            Some(_) | None => format!("add a snapshot to {shown}"),
        };
    }
    describe_settings(before, after, updates, shown)
}

/// The number of rows that the current snapshot says it added or deleted.
fn rows_of(metadata: &TableMetadata, key: &str) -> Option<i64> {
    metadata.current_snapshot()?.summary().get(key)?.parse().ok()
}

/// What a commit without a new current snapshot did.
fn describe_settings(
    before: &TableMetadata,
    after: &TableMetadata,
    updates: &[TableUpdate],
    shown: &str,
) -> String {
    if after.current_snapshot_id().is_none() && before.current_snapshot_id().is_some() {
        return format!("empty {shown}");
    }
    if after.format_version() != before.format_version() {
        return format!("upgrade {shown} to format version {}", after.format_version());
    }
    if after.current_schema_id() != before.current_schema_id()
        || after.schemas().len() > before.schemas().len()
    {
        return format!("change the schema of {shown}");
    }
    if after.default_spec_id() != before.default_spec_id() {
        return format!("change the partitioning of {shown}");
    }
    if after.default_sort_order_id() != before.default_sort_order_id() {
        return format!("change the sort order of {shown}");
    }
    if after.snapshots().len() < before.snapshots().len() {
        let count = before.snapshots().len() - after.snapshots().len();
        let count = counted(i64::try_from(count).unwrap_or(i64::MAX), "snapshot");
        return format!("expire {count} of {shown}");
    }
    let (mut set, mut removed) = (0, 0);
    for update in updates {
        match update {
            TableUpdate::SetProperties(properties) => set += properties.len(),
            TableUpdate::RemoveProperties(names) => removed += names.len(),
            TableUpdate::SetSnapshotRef(name, _) => {
                return format!("set the table ref '{name}' of {shown}");
            }
            TableUpdate::RemoveSnapshotRef(name) => {
                return format!("remove the table ref '{name}' of {shown}");
            }
            TableUpdate::AddSnapshot(_) => return format!("stage a snapshot of {shown}"),
            TableUpdate::SetLocation(_) => return format!("move {shown} to another location"),
            TableUpdate::SetStatistics(_) | TableUpdate::SetPartitionStatistics(_) => {
                return format!("set statistics of {shown}");
            }
            TableUpdate::AssignUuid(_)
            | TableUpdate::UpgradeFormatVersion(_)
            | TableUpdate::AddSchema(_)
            | TableUpdate::SetCurrentSchema(_)
            | TableUpdate::AddSpec(_)
            | TableUpdate::SetDefaultSpec(_)
            | TableUpdate::AddSortOrder(_)
            | TableUpdate::SetDefaultSortOrder(_)
            | TableUpdate::RemoveSnapshots(_)
            | TableUpdate::RemoveStatistics(_)
            | TableUpdate::RemovePartitionStatistics(_)
            | TableUpdate::RemovePartitionSpecs(_)
            | TableUpdate::RemoveSchemas(_)
            | TableUpdate::AddEncryptionKey(_)
            | TableUpdate::RemoveEncryptionKey(_) => {}
        }
    }
    if set + removed > 0 {
        return properties_message(set, removed, shown);
    }
    format!("update {shown}")
}
