//! Views: making, changing and registering them. Finding, listing, renaming and dropping is the same as
//! for tables.

use std::sync::Arc;

use bytes::Bytes;

use super::address::{ContentAddress, Scope, no_content};
use super::table_change::metadata_location;
use super::tables::{Registration, creation};
use super::writing::{ChangeFn, Loads, Properties, Written, check_free, find, properties_message};
use super::{Catalog, OpContext};
use crate::base::entropy::uuid_v4;
use crate::base::error::{Entity, Error, ErrorKind, Result};
use crate::iceberg::cache::Cached;
use crate::iceberg::location::{
    LocationPolicy, metadata_directory, new_metadata_location, next_metadata_version,
};
use crate::iceberg::table::schema::Schema;
use crate::iceberg::view::apply::apply_if_changed;
use crate::iceberg::view::create::{NewView, create};
use crate::iceberg::view::metadata::ViewMetadata;
use crate::iceberg::view::update::{ViewRequirement, ViewUpdate};
use crate::iceberg::view::version::RequestedVersion;
use crate::version::committer::{ChangeContext, ChangeError, NewFile, Proposal, Write};
use crate::version::content::{ContentKind, Object};
use crate::version::snapshot::Snapshot;

/// What a view shall be made from.
#[derive(Clone, Debug)]
pub struct ViewRequest {
    /// Its name.
    pub name: String,
    /// Where it shall lie; `None` lets the catalog choose.
    pub location: Option<String>,
    /// The columns of what it selects.
    pub schema: Schema,
    /// What it selects.
    pub version: RequestedVersion,
    /// Its properties.
    pub properties: Properties,
}

impl Catalog {
    /// The metadata that a location holds.
    ///
    /// # Errors
    /// `NotFound(File)`, `Corrupt` or `Unavailable` if it cannot be read.
    pub async fn view_metadata(&self, location: &str) -> Result<Cached<ViewMetadata>> {
        if let Some(bytes) = self.file_private(location) {
            return self.files.cache().view_from(location, &bytes);
        }
        self.files.cache().view(self.files.io(), location).await
    }

    /// A view's metadata and where it is.
    ///
    /// # Errors
    /// `NotFound(View)`, also if the namespace or the ref is missing.
    pub async fn view_load(
        &self,
        _ctx: &OpContext,
        scope: &Scope,
        levels: &[String],
        name: &str,
    ) -> Result<(String, Cached<ViewMetadata>)> {
        let location = self.content_locate(scope, levels, name, ContentKind::View)?;
        let metadata = self.view_metadata(&location).await?;
        Ok((location, metadata))
    }

    /// Makes a view; answers where its metadata is.
    ///
    /// # Errors
    /// `AlreadyExists` if a table or view has the name, `NotFound(Namespace)`, `InvalidInput` for what
    /// cannot be made.
    pub async fn view_create(
        &self,
        ctx: &OpContext,
        scope: &Scope,
        levels: &[String],
        request: ViewRequest,
    ) -> Result<Written<String>> {
        let address = scope.content(levels, &request.name)?;
        let branch =
            self.branch_to_write(&scope.warehouse, &address.at, &address.shown.join("."))?;
        let location = self.new_location(scope, &address, request.location.as_deref())?;
        let new = NewView {
            schema: request.schema,
            version: request.version,
            location,
            properties: request.properties,
        };
        let policy = self.policy(&scope.warehouse)?;
        self.check_path_properties(&policy, &new.properties)?;
        let (uuid, id) = (uuid_v4(&*self.entropy), self.new_content_id());
        let views = self.loaded::<ViewMetadata>();
        let (loads, entropy) = (Loads::Views(Arc::clone(&views)), Arc::clone(&self.entropy));
        let change = ChangeFn(move |base: &Snapshot, at: &ChangeContext| {
            check_free(base, &address, Entity::View)?;
            let metadata = Arc::new(create(&new, uuid, at.now)?);
            let directory = metadata_directory(&new.location, metadata.properties(), &policy)?;
            let location = new_metadata_location(&directory, 0, &*entropy);
            let bytes = metadata.to_json();
            views.remember(&location, metadata, bytes.clone());
            let file = NewFile { location: location.clone(), bytes };
            let object = Object::View { metadata_location: location };
            let message = format!("create view {}", address.path);
            Ok(creation(&address, id, object, message, Some(file)))
        });
        let committed = self.submit(ctx, &scope.warehouse, branch, loads, Box::new(change)).await?;
        Ok(Written { value: location_of(&committed.answer)?, commit: committed.commit })
    }

    /// Commits a change to a view; answers where its metadata is afterwards.
    ///
    /// # Errors
    /// `Conflict` if a requirement fails, `NotFound(View)`, `InvalidInput` for an update that cannot be.
    pub async fn view_commit(
        &self,
        ctx: &OpContext,
        scope: &Scope,
        address: ContentAddress,
        requirements: Vec<ViewRequirement>,
        updates: Vec<ViewUpdate>,
    ) -> Result<Written<String>> {
        let branch = self
            .branch_to_write(&scope.warehouse, &address.at, &address.shown.join("."))
            .map_err(|error| match error.kind() {
                ErrorKind::NotFound(_) => no_content(Entity::View, &address.dotted()),
                _ => error,
            })?;
        let policy = self.policy(&scope.warehouse)?;
        for update in &updates {
            if let ViewUpdate::SetLocation(location) = update {
                self.files.io().check_location(&policy, location)?;
            }
            if let ViewUpdate::SetProperties(properties) = update {
                self.check_path_properties(&policy, properties)?;
            }
        }
        let views = self.loaded::<ViewMetadata>();
        let loads = Loads::Views(Arc::clone(&views));
        let entropy = Arc::clone(&self.entropy);
        let change = ChangeFn(move |base: &Snapshot, at: &ChangeContext| {
            let found = find(base, &address, ContentKind::View)?;
            let before_location = metadata_location(&*base.object(&found)?)?;
            let Some(before) = views.get(&before_location) else {
                return Err(ChangeError::NeedsLoad(vec![before_location]));
            };
            let changed = apply_if_changed(&before, &requirements, &updates, at.now)?;
            let Some(after) = changed else {
                return Ok(Proposal { answer: before_location.into(), ..Proposal::default() });
            };
            let directory = view_directory(&after, &policy)?;
            let version = next_metadata_version(&before_location);
            let location = new_metadata_location(&directory, version, &*entropy);
            let bytes = after.to_json();
            let message = describe(&before, &after, &updates, &address.path.to_string());
            views.remember(&location, Arc::new(after), bytes.clone());
            Ok(Proposal {
                writes: vec![Write::Put {
                    path: address.path.parts(),
                    id: found.entry.id,
                    object: Object::View { metadata_location: location.clone() },
                }],
                message,
                files: vec![NewFile { location: location.clone(), bytes }],
                answer: location.into(),
                ..Proposal::default()
            })
        });
        let committed = self.submit(ctx, &scope.warehouse, branch, loads, Box::new(change)).await?;
        Ok(Written { value: location_of(&committed.answer)?, commit: committed.commit })
    }

    /// Adds a view whose metadata file exists.
    ///
    /// # Errors
    /// `NotFound(File)`, `InvalidInput` for a file or location that is not allowed or cannot be read,
    /// `AlreadyExists`.
    pub async fn view_register(
        &self,
        ctx: &OpContext,
        scope: &Scope,
        levels: &[String],
        name: &str,
        location: &str,
    ) -> Result<Written<String>> {
        let address = scope.content(levels, name)?;
        let branch =
            self.branch_to_write(&scope.warehouse, &address.at, &address.shown.join("."))?;
        let bytes = self.read_to_register(scope, location).await?;
        let metadata = ViewMetadata::parse(&bytes)?;
        let policy = self.policy(&scope.warehouse)?;
        self.files.io().check_location(&policy, metadata.location())?;
        self.check_path_properties(&policy, metadata.properties())?;
        let json = metadata.to_json();
        self.files.cache().insert_view(location, Arc::new(metadata), json);
        let registration = Registration {
            address,
            kind: ContentKind::View,
            object: Object::View { metadata_location: location.to_owned() },
            overwrite: false,
        };
        self.submit_registration(ctx, scope, branch, registration).await
    }
}

/// The directory of a view's metadata files; checks the view's location, too.
fn view_directory(metadata: &ViewMetadata, policy: &LocationPolicy) -> Result<String> {
    policy.check(metadata.location())?;
    metadata_directory(metadata.location(), metadata.properties(), policy)
}

fn location_of(answer: &Bytes) -> Result<String> {
    String::from_utf8(answer.to_vec())
        .map_err(|error| Error::corrupt("a kept answer is damaged").with_source(error))
}

/// Says in words what a commit did to a view.
fn describe(
    before: &ViewMetadata,
    after: &ViewMetadata,
    updates: &[ViewUpdate],
    shown: &str,
) -> String {
    if before.current_version_id() != after.current_version_id() {
        return format!("replace view {shown}");
    }
    let (mut set, mut removed) = (0, 0);
    for update in updates {
        match update {
            ViewUpdate::SetProperties(properties) => set += properties.len(),
            ViewUpdate::RemoveProperties(names) => removed += names.len(),
            ViewUpdate::SetLocation(_) => return format!("move view {shown} to another location"),
            ViewUpdate::AssignUuid(_)
            | ViewUpdate::UpgradeFormatVersion(_)
            | ViewUpdate::AddSchema(_)
            | ViewUpdate::AddViewVersion(_)
            | ViewUpdate::SetCurrentViewVersion(_) => {}
        }
    }
    if set + removed > 0 {
        return properties_message(set, removed, shown);
    }
    format!("update view {shown}")
}
