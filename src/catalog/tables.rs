//! Tables: finding, listing, making, changing, renaming and dropping them.
//!
//! A table is an entry of a ref that points at a metadata file. Reads take the entry from the tree and
//! the file from the cache; every change is one commit on one branch.

use std::sync::Arc;

use bytes::Bytes;

use super::address::{ContentAddress, Scope, no_content};
use super::table_change::{TableChange, TableCommit, check_locations, metadata_location};
use super::writing::{
    ChangeFn, Loads, Properties, Written, check_free, check_namespace, entity_of, find, kind_word,
};
use super::{Catalog, OpContext, page_of};
use crate::base::entropy::uuid_v4;
use crate::base::error::{Entity, Error, ErrorKind, Result};
use crate::base::name::RefName;
use crate::base::page::{Page, PageRequest};
use crate::iceberg::cache::Cached;
use crate::iceberg::io::Files;
use crate::iceberg::location::{metadata_directory, new_metadata_location, new_table_location};
use crate::iceberg::table::create::{NewTable, create};
use crate::iceberg::table::metadata::TableMetadata;
use crate::iceberg::table::partition::PartitionSpec;
use crate::iceberg::table::schema::Schema;
use crate::iceberg::table::sort::SortOrder;
use crate::iceberg::table::update::TableUpdate;
use crate::version::committer::{Change, ChangeContext, NewFile, Proposal, Write};
use crate::version::content::{ContentKind, Object};
use crate::version::key::{self, KeyKind};
use crate::version::snapshot::{Found, Snapshot};

/// Entries that are read at once while a list looks for one kind of content.
const LIST_SCAN: usize = 1024;

/// What a table shall be made from.
#[derive(Clone, Debug)]
pub struct TableRequest {
    /// Its name.
    pub name: String,
    /// Where it shall lie; `None` lets the catalog choose.
    pub location: Option<String>,
    /// Its columns.
    pub schema: Schema,
    /// How it is partitioned.
    pub spec: Option<PartitionSpec>,
    /// How it is sorted.
    pub sort_order: Option<SortOrder>,
    /// Its properties.
    pub properties: Properties,
}

impl Catalog {
    /// Where the current metadata of a table or view is. Does not wait for anything.
    ///
    /// # Errors
    /// `NotFound` with the kind's entity, also if the namespace or the ref is missing.
    pub fn content_locate(
        &self,
        scope: &Scope,
        levels: &[String],
        name: &str,
        kind: ContentKind,
    ) -> Result<String> {
        let address = scope.content_to_read(levels, name, entity_of(kind))?;
        let state = self.state_of(&scope.warehouse, &address.at, || {
            no_content(entity_of(kind), &address.dotted())
        })?;
        let found = find(&state, &address, kind)?;
        metadata_location(&*state.object(&found)?)
    }

    /// Checks that a local metadata file was not taken away, although its content may be in memory: other
    /// readers of the table could not go on, so this one should not seem to. Does not wait.
    ///
    /// # Errors
    /// `NotFound(File)`.
    pub fn metadata_file_check(&self, location: &str) -> Result<()> {
        if Files::is_missing_local(location) {
            let message = format!("Failed to open input stream for file: {location}");
            return Err(Error::not_found(Entity::File, message));
        }
        Ok(())
    }

    /// The metadata that a location holds.
    ///
    /// # Errors
    /// `NotFound(File)`, `Corrupt` or `Unavailable` if it cannot be read.
    pub async fn table_metadata(&self, location: &str) -> Result<Cached<TableMetadata>> {
        if let Some(bytes) = self.file_private(location) {
            return self.files.cache().table_from(location, &bytes);
        }
        self.files.cache().table(self.files.io(), location).await
    }

    /// A table's metadata and where it is.
    ///
    /// # Errors
    /// `NotFound(Table)`, also if the namespace or the ref is missing.
    pub async fn table_load(
        &self,
        _ctx: &OpContext,
        scope: &Scope,
        levels: &[String],
        name: &str,
    ) -> Result<(String, Cached<TableMetadata>)> {
        let location = self.content_locate(scope, levels, name, ContentKind::Table)?;
        let metadata = self.table_metadata(&location).await?;
        Ok((location, metadata))
    }

    /// Checks that there is a table or view.
    ///
    /// # Errors
    /// As [`Catalog::content_locate`].
    pub async fn content_exists(
        &self,
        _ctx: &OpContext,
        scope: &Scope,
        levels: &[String],
        name: &str,
        kind: ContentKind,
    ) -> Result<()> {
        self.content_locate(scope, levels, name, kind).map(drop)
    }

    /// Names of the tables, or of the views, directly in a namespace.
    ///
    /// # Errors
    /// `NotFound(Namespace)`.
    pub async fn content_list(
        &self,
        _ctx: &OpContext,
        scope: &Scope,
        levels: &[String],
        kind: ContentKind,
        page: &PageRequest,
    ) -> Result<Page<String>> {
        let place = scope.container_to_read(levels)?;
        let missing = || super::address::no_namespace(&place.dotted());
        let state = self.state_of(&scope.warehouse, &place.at, missing)?;
        check_namespace(&state, &place.namespace, &place.shown)?;
        page.check_within(&key::children(&place.namespace, KeyKind::Content))?;
        let mut after = page.after.clone();
        let mut items: Vec<Found> = Vec::new();
        loop {
            let read = state.contents(&place.namespace, after.as_deref(), LIST_SCAN)?;
            let more = read.len() == LIST_SCAN;
            after = read.last().map(|found| found.key.to_vec());
            items.extend(read.into_iter().filter(|found| found.entry.kind == kind));
            if !more || items.len() > page.limit {
                break;
            }
        }
        let page = page_of(items, page.limit, |found| found.key.to_vec());
        Ok(page.map(|found| found.entry.path.last().cloned().unwrap_or_default()))
    }

    /// Makes a table; answers where its metadata is.
    ///
    /// # Errors
    /// `AlreadyExists` if a table or view has the name, `NotFound(Namespace)`, `InvalidInput` for what
    /// cannot be made.
    pub async fn table_create(
        &self,
        ctx: &OpContext,
        scope: &Scope,
        levels: &[String],
        request: TableRequest,
    ) -> Result<Written<String>> {
        let address = scope.content(levels, &request.name)?;
        let branch =
            self.branch_to_write(&scope.warehouse, &address.at, &address.shown.join("."))?;
        let new = self.new_table(scope, &address, request)?;
        let table_location = new.location.clone();
        let policy = self.policy(&scope.warehouse)?;
        let (uuid, id) = (uuid_v4(&*self.entropy), self.new_content_id());
        let tables = self.loaded::<TableMetadata>();
        let (loads, entropy) = (Loads::Tables(Arc::clone(&tables)), Arc::clone(&self.entropy));
        let change = ChangeFn(move |base: &Snapshot, at: &ChangeContext| {
            check_free(base, &address, Entity::Table)?;
            let metadata = Arc::new(create(&new, uuid, at.now)?);
            check_locations(&policy, None, &metadata)?;
            let directory = metadata_directory(&new.location, metadata.properties(), &policy)?;
            let location = new_metadata_location(&directory, 0, &*entropy);
            let bytes = metadata.to_json();
            tables.remember(&location, metadata, bytes.clone());
            let file = NewFile { location: location.clone(), bytes };
            let object = Object::Table { metadata_location: location };
            let message = format!("create table {}", address.path);
            Ok(creation(&address, id, object, message, Some(file)))
        });
        let written = self.submit_for_location(ctx, scope, branch, loads, Box::new(change)).await?;
        if written.commit.is_some() {
            self.make_directories(&table_location).await;
        }
        Ok(written)
    }

    /// Prepares a table that a later commit creates: checks everything and writes nothing but
    /// directories.
    ///
    /// # Errors
    /// As [`Catalog::table_create`].
    pub async fn table_stage(
        &self,
        _ctx: &OpContext,
        scope: &Scope,
        levels: &[String],
        request: TableRequest,
    ) -> Result<Cached<TableMetadata>> {
        let address = scope.content(levels, &request.name)?;
        let shown = address.shown.join(".");
        self.branch_to_write(&scope.warehouse, &address.at, &shown)?;
        let state =
            self.state_of(&scope.warehouse, &address.at, || super::address::no_namespace(&shown))?;
        check_free(&state, &address, Entity::Table)?;
        let new = self.new_table(scope, &address, request)?;
        let metadata = create(&new, uuid_v4(&*self.entropy), self.clock.now())?;
        check_locations(&self.policy(&scope.warehouse)?, None, &metadata)?;
        self.make_directories(&new.location).await;
        let json = metadata.to_json();
        Ok(Cached { metadata: Arc::new(metadata), json })
    }

    fn new_table(
        &self,
        scope: &Scope,
        address: &ContentAddress,
        request: TableRequest,
    ) -> Result<NewTable> {
        let location = self.new_location(scope, address, request.location.as_deref())?;
        self.check_path_properties(&self.policy(&scope.warehouse)?, &request.properties)?;
        Ok(NewTable {
            schema: request.schema,
            spec: request.spec,
            sort_order: request.sort_order,
            location,
            properties: request.properties,
        })
    }

    /// The location that was asked for, if it may be, or a new one.
    pub(super) fn new_location(
        &self,
        scope: &Scope,
        address: &ContentAddress,
        asked: Option<&str>,
    ) -> Result<String> {
        match asked {
            Some(location) => {
                let policy = self.policy(&scope.warehouse)?;
                self.files.io().check_location(&policy, location)?;
                let stripped = location.trim_end_matches('/');
                Ok(stripped.to_owned())
            }
            None => Ok(new_table_location(
                &scope.warehouse.location,
                address.path.namespace.levels(),
                &address.path.name,
                &*self.entropy,
            )),
        }
    }

    /// Makes the directories that some engines expect. A failure shows when something is written.
    async fn make_directories(&self, location: &str) {
        if let Err(error) = self.files.io().make_table_directories(location).await {
            tracing::warn!(location, error = error.chain(), "no directories for a new table");
        }
    }

    /// Commits changes to tables of one branch, all or none; answers where the table's metadata is
    /// afterwards, if it is one table.
    ///
    /// # Errors
    /// `Conflict` if a requirement fails, `NotFound(Table)`, `InvalidInput` for an update that cannot be
    /// and for tables of two refs.
    pub async fn table_commit(
        &self,
        ctx: &OpContext,
        scope: &Scope,
        changes: Vec<TableChange>,
    ) -> Result<Written<String>> {
        let Some(first) = changes.first() else {
            return Ok(Written { value: String::new(), commit: None });
        };
        if let Some(other) = changes.iter().find(|change| change.address.at != first.address.at) {
            return Err(Error::invalid(format!(
                "one commit changes tables of one branch: {} is in another than {}",
                other.address.dotted(),
                first.address.dotted()
            )));
        }
        let address = &first.address;
        let branch = self
            .branch_to_write(&scope.warehouse, &address.at, &address.shown.join("."))
            .map_err(|error| match error.kind() {
                ErrorKind::NotFound(_) => no_content(Entity::Table, &address.dotted()),
                _ => error,
            })?;
        let policy = self.policy(&scope.warehouse)?;
        for update in changes.iter().flat_map(|change| &change.updates) {
            if let TableUpdate::SetLocation(location) = update {
                self.files.io().check_location(&policy, location)?;
            }
            if let TableUpdate::SetProperties(properties) = update {
                self.check_path_properties(&policy, properties)?;
            }
        }
        let tables = self.loaded::<TableMetadata>();
        let loads = Loads::Tables(Arc::clone(&tables));
        let ids = changes.iter().map(|_| self.new_content_id()).collect();
        let change =
            TableCommit { tables, entropy: Arc::clone(&self.entropy), policy, changes, ids };
        self.submit_for_location(ctx, scope, branch, loads, Box::new(change)).await
    }

    async fn submit_for_location(
        &self,
        ctx: &OpContext,
        scope: &Scope,
        branch: RefName,
        loads: Loads,
        change: Box<dyn Change>,
    ) -> Result<Written<String>> {
        let committed = self.submit(ctx, &scope.warehouse, branch, loads, change).await?;
        let value = String::from_utf8(committed.answer.to_vec())
            .map_err(|error| Error::corrupt("a kept answer is damaged").with_source(error))?;
        Ok(Written { value, commit: committed.commit })
    }

    /// Adds a table whose metadata file exists.
    ///
    /// # Errors
    /// `NotFound(File)`, `InvalidInput` for a file or table location that is not allowed or cannot be
    /// read, `AlreadyExists` unless `overwrite` is set and the name is a table's.
    pub async fn table_register(
        &self,
        ctx: &OpContext,
        scope: &Scope,
        levels: &[String],
        name: &str,
        location: &str,
        overwrite: bool,
    ) -> Result<Written<String>> {
        let address = scope.content(levels, name)?;
        let branch =
            self.branch_to_write(&scope.warehouse, &address.at, &address.shown.join("."))?;
        let bytes = self.read_to_register(scope, location).await?;
        let metadata = TableMetadata::parse(&bytes)?;
        let policy = self.policy(&scope.warehouse)?;
        self.files.io().check_location(&policy, metadata.location())?;
        self.check_path_properties(&policy, metadata.properties())?;
        let json = metadata.to_json();
        self.files.cache().insert_table(location, Arc::new(metadata), json);
        let registration = Registration {
            address,
            kind: ContentKind::Table,
            object: Object::Table { metadata_location: location.to_owned() },
            overwrite,
        };
        self.submit_registration(ctx, scope, branch, registration).await
    }

    /// Reads a metadata file that a client names.
    pub(super) async fn read_to_register(&self, scope: &Scope, location: &str) -> Result<Bytes> {
        let policy = self.policy(&scope.warehouse)?;
        self.files.io().check_location(&policy, location)?;
        self.files.io().read_metadata(location).await
    }

    pub(super) async fn submit_registration(
        &self,
        ctx: &OpContext,
        scope: &Scope,
        branch: RefName,
        registration: Registration,
    ) -> Result<Written<String>> {
        let new_id = self.new_content_id();
        let change = ChangeFn(move |base: &Snapshot, _: &ChangeContext| {
            let Registration { address, kind, object, overwrite } = &registration;
            let same = base.content(&address.path)?.filter(|found| found.entry.kind == *kind);
            let (id, verb) = match same {
                Some(found) if *overwrite => (found.entry.id, "replace"),
                Some(_) | None => {
                    check_free(base, address, entity_of(*kind))?;
                    (new_id, "register")
                }
            };
            let message = format!("{verb} {} {}", kind.as_str(), address.path);
            Ok(creation(address, id, object.clone(), message, None))
        });
        self.submit_for_location(ctx, scope, branch, Loads::Nothing, Box::new(change)).await
    }

    /// Gives a table or view another name, in the same or another namespace of its ref.
    ///
    /// # Errors
    /// `NotFound`, `AlreadyExists`; `InvalidInput` between two refs.
    pub async fn content_rename(
        &self,
        ctx: &OpContext,
        scope: &Scope,
        from: (&[String], &str),
        to: (&[String], &str),
        kind: ContentKind,
    ) -> Result<Written<()>> {
        let source = scope.content_to_read(from.0, from.1, entity_of(kind))?;
        let target = scope.content(to.0, to.1)?;
        if source.at != target.at {
            self.state_of(&scope.warehouse, &target.at, || {
                super::address::no_namespace(&target.shown.join("."))
            })?;
            return Err(Error::invalid(format!(
                "Cannot rename {} to {}: they are in two refs; merge or cherry-pick instead",
                source.dotted(),
                target.dotted()
            )));
        }
        let branch = self
            .branch_to_write(&scope.warehouse, &source.at, &source.shown.join("."))
            .map_err(|error| match error.kind() {
                ErrorKind::NotFound(_) => no_content(entity_of(kind), &source.dotted()),
                _ => error,
            })?;
        let change = ChangeFn(move |base: &Snapshot, _: &ChangeContext| {
            let found = find(base, &source, kind)?;
            check_namespace(base, &target.path.namespace, &target.shown)?;
            if let Some(there) = base.content_folded(&target.path)? {
                return Err(cannot_rename(&source, &target, &there).into());
            }
            let object = base.object(&found)?;
            Ok(Proposal {
                writes: vec![
                    Write::Remove { path: source.path.parts(), kind: KeyKind::Content },
                    Write::Put {
                        path: target.path.parts(),
                        id: found.entry.id,
                        object: (*object).clone(),
                    },
                ],
                message: format!("rename {} {} to {}", kind.as_str(), source.path, target.path),
                ..Proposal::default()
            })
        });
        let committed =
            self.submit(ctx, &scope.warehouse, branch, Loads::Nothing, Box::new(change)).await?;
        Ok(Written { value: (), commit: committed.commit })
    }

    /// Takes a table or view out of its branch. Its files stay: older commits and other branches need
    /// them; garbage collection deletes what nobody needs.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn content_drop(
        &self,
        ctx: &OpContext,
        scope: &Scope,
        levels: &[String],
        name: &str,
        kind: ContentKind,
    ) -> Result<Written<()>> {
        let address = scope.content_to_read(levels, name, entity_of(kind))?;
        let branch = self
            .branch_to_write(&scope.warehouse, &address.at, &address.shown.join("."))
            .map_err(|error| match error.kind() {
                ErrorKind::NotFound(_) => no_content(entity_of(kind), &address.dotted()),
                _ => error,
            })?;
        let change = ChangeFn(move |base: &Snapshot, _: &ChangeContext| {
            find(base, &address, kind)?;
            let path = address.path.parts();
            Ok(Proposal {
                writes: vec![Write::Remove { path, kind: KeyKind::Content }],
                message: format!("drop {} {}", kind.as_str(), address.path),
                ..Proposal::default()
            })
        });
        let committed =
            self.submit(ctx, &scope.warehouse, branch, Loads::Nothing, Box::new(change)).await?;
        Ok(Written { value: (), commit: committed.commit })
    }
}

/// A table or view whose metadata file exists and was checked.
pub(super) struct Registration {
    pub(super) address: ContentAddress,
    pub(super) kind: ContentKind,
    pub(super) object: Object,
    pub(super) overwrite: bool,
}

/// One new entry.
pub(super) fn creation(
    address: &ContentAddress,
    id: crate::base::ids::ContentId,
    object: Object,
    message: String,
    file: Option<NewFile>,
) -> Proposal {
    let answer = metadata_location(&object).map(Bytes::from).unwrap_or_default();
    Proposal {
        writes: vec![Write::Put { path: address.path.parts(), id, object }],
        message,
        files: file.into_iter().collect(),
        answer,
        ..Proposal::default()
    }
}

fn cannot_rename(source: &ContentAddress, target: &ContentAddress, there: &Found) -> Error {
    let word = kind_word(there.entry.kind);
    let why = if there.entry.path == target.path.parts() {
        String::new()
    } else {
        format!(": {}, which differs only in case", there.entry.path.join("."))
    };
    Error::new(
        ErrorKind::AlreadyExists(entity_of(there.entry.kind)),
        format!(
            "Cannot rename {} to {}. {word} already exists{why}",
            source.dotted(),
            target.dotted()
        ),
    )
}
