//! Applying a commit to view metadata. Pure; on an error nothing of it is left.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::metadata::{VIEW_FORMAT_VERSION_MAX, ViewMetadata};
use super::update::{ViewRequirement, ViewUpdate};
use super::version::{VersionLogEntry, ViewVersion};
use crate::base::clock::Timestamp;
use crate::base::error::{Error, Result};
use crate::iceberg::table::parse::strip_trailing_slash;
use crate::iceberg::table::schema::Schema;

const HISTORY_SIZE: &str = "version.history.num-entries";
const HISTORY_SIZE_DEFAULT: usize = 10;
const DROP_DIALECT: &str = "replace.drop-dialect.allowed";

/// Applies a commit to a view that exists. If the updates change nothing, `base` comes back as it is.
///
/// # Errors
/// `Conflict` for a requirement that fails, `InvalidInput` for an update that cannot be.
pub fn apply(
    base: &ViewMetadata,
    requirements: &[ViewRequirement],
    updates: &[ViewUpdate],
    now: Timestamp,
) -> Result<ViewMetadata> {
    Ok(apply_if_changed(base, requirements, updates, now)?.unwrap_or_else(|| base.clone()))
}

/// As [`apply`]; `None` if the updates change nothing.
///
/// # Errors
/// As [`apply`].
pub fn apply_if_changed(
    base: &ViewMetadata,
    requirements: &[ViewRequirement],
    updates: &[ViewUpdate],
    now: Timestamp,
) -> Result<Option<ViewMetadata>> {
    requirements.iter().try_for_each(|requirement| requirement.check(base))?;
    let mut builder = Builder::new(base.clone(), now.as_millis());
    builder.previous = base.current_version().map(Arc::clone);
    updates.iter().try_for_each(|update| builder.update(update))?;
    if !builder.changed {
        return Ok(None);
    }
    builder.finish().map(Some)
}

/// Metadata in the making.
#[derive(Debug)]
pub(super) struct Builder {
    metadata: ViewMetadata,
    now_ms: i64,
    changed: bool,
    /// The version that readers saw before this commit.
    previous: Option<Arc<ViewVersion>>,
    last_added_schema: Option<i32>,
    last_added_version: Option<i32>,
    added_versions: BTreeSet<i32>,
    log_entry: Option<VersionLogEntry>,
}

impl Builder {
    fn new(metadata: ViewMetadata, now_ms: i64) -> Self {
        Self {
            metadata,
            now_ms,
            changed: false,
            previous: None,
            last_added_schema: None,
            last_added_version: None,
            added_versions: BTreeSet::new(),
            log_entry: None,
        }
    }

    pub(super) fn for_new_view(uuid: uuid::Uuid, now_ms: i64) -> Self {
        let metadata = ViewMetadata {
            uuid: Arc::from(uuid.to_string()),
            format_version: VIEW_FORMAT_VERSION_MAX,
            location: Arc::from(""),
            properties: Arc::default(),
            schemas: Arc::default(),
            current_version_id: 0,
            versions: Arc::default(),
            version_log: Arc::default(),
            other: Arc::default(),
        };
        Self::new(metadata, now_ms)
    }

    fn update(&mut self, update: &ViewUpdate) -> Result<()> {
        match update {
            ViewUpdate::AssignUuid(uuid) => {
                if uuid.eq_ignore_ascii_case(&self.metadata.uuid) {
                    return Ok(());
                }
                Err(Error::invalid("Cannot reassign uuid"))
            }
            ViewUpdate::UpgradeFormatVersion(version) => self.upgrade_format_version(*version),
            ViewUpdate::AddSchema(schema) => self.add_schema(schema).map(drop),
            ViewUpdate::AddViewVersion(version) => self.add_version(version).map(drop),
            ViewUpdate::SetCurrentViewVersion(id) => self.set_current_version(*id),
            ViewUpdate::SetLocation(location) => self.set_location(location),
            ViewUpdate::SetProperties(properties) => {
                self.set_properties(properties);
                Ok(())
            }
            ViewUpdate::RemoveProperties(names) => {
                self.remove_properties(names);
                Ok(())
            }
        }
    }

    fn upgrade_format_version(&mut self, version: i32) -> Result<()> {
        let current = self.metadata.format_version;
        if version < current {
            return Err(Error::invalid(format!("Cannot downgrade v{current} view to v{version}")));
        }
        if version > VIEW_FORMAT_VERSION_MAX {
            return Err(Error::invalid(format!("Unsupported format version: {version}")));
        }
        Ok(())
    }

    pub(super) fn add_schema(&mut self, schema: &Arc<Schema>) -> Result<i32> {
        // Views have no format version of types: what tables of version 3 have may be selected.
        schema.check_new(3)?;
        let mut id = 0;
        for existing in self.metadata.schemas.iter() {
            if existing.same_schema(schema) {
                self.last_added_schema = Some(existing.id());
                return Ok(existing.id());
            }
            id = id.max(next(existing.id())?);
        }
        Arc::make_mut(&mut self.metadata.schemas).push(Arc::new(schema.with_id(id)?));
        self.last_added_schema = Some(id);
        self.changed = true;
        Ok(id)
    }

    pub(super) fn add_version(&mut self, version: &ViewVersion) -> Result<i32> {
        let schema_id = match (version.schema_id, self.last_added_schema) {
            (-1, None) => {
                return Err(Error::invalid(
                    "Cannot set last added schema: no schema has been added",
                ));
            }
            (-1, Some(last)) => last,
            (id, _) => id,
        };
        if self.metadata.schema(schema_id).is_none() {
            return Err(Error::invalid(format!(
                "Cannot add version with unknown schema: {schema_id}"
            )));
        }
        version.dialects()?;
        let version = version.with(version.id, schema_id, version.timestamp_ms)?;
        let mut id = version.id;
        for existing in self.metadata.versions.iter() {
            if existing.same_version(&version) {
                let id = existing.id;
                self.last_added_version = Some(id);
                return Ok(id);
            }
            id = id.max(next(existing.id)?);
        }
        let version = version.with(id, schema_id, version.timestamp_ms)?;
        Arc::make_mut(&mut self.metadata.versions).push(Arc::new(version));
        self.added_versions.insert(id);
        self.last_added_version = Some(id);
        self.changed = true;
        Ok(id)
    }

    pub(super) fn set_current_version(&mut self, id: i32) -> Result<()> {
        let id = match (id, self.last_added_version) {
            (-1, None) => {
                return Err(Error::invalid(
                    "Cannot set last version id: no current version id has been set",
                ));
            }
            (-1, Some(last)) => last,
            (id, _) => id,
        };
        if id == self.metadata.current_version_id {
            return Ok(());
        }
        let Some(version) = self.metadata.version(id) else {
            return Err(Error::invalid(format!(
                "Cannot set current version to unknown version: {id}"
            )));
        };
        let added = self.added_versions.contains(&id);
        let when = if added { version.timestamp_ms } else { self.now_ms };
        self.log_entry = Some(VersionLogEntry::new(when, id));
        self.metadata.current_version_id = id;
        self.changed = true;
        Ok(())
    }

    pub(super) fn set_location(&mut self, location: &str) -> Result<()> {
        let location = strip_trailing_slash(location);
        if location.is_empty() {
            return Err(Error::invalid("Cannot set location: it is empty"));
        }
        if location != self.metadata.location() {
            self.metadata.location = Arc::from(location);
            self.changed = true;
        }
        Ok(())
    }

    pub(super) fn set_properties(&mut self, updates: &BTreeMap<String, String>) {
        if !updates.is_empty() {
            let properties = Arc::make_mut(&mut self.metadata.properties);
            properties.extend(updates.iter().map(|(key, value)| (key.clone(), value.clone())));
            self.changed = true;
        }
    }

    fn remove_properties(&mut self, names: &[String]) {
        if !names.is_empty() {
            let properties = Arc::make_mut(&mut self.metadata.properties);
            for name in names {
                properties.remove(name);
            }
            self.changed = true;
        }
    }

    /// Checks what must hold for the whole, cuts the history and gives the document out.
    pub(super) fn finish(mut self) -> Result<ViewMetadata> {
        if let Some(entry) = self.log_entry.take() {
            Arc::make_mut(&mut self.metadata.version_log).push(entry);
        }
        let Some(current) = self.metadata.current_version().map(Arc::clone) else {
            return Err(Error::invalid("Invalid view: no versions were added"));
        };
        self.check_dialects(&current)?;
        self.expire_versions()?;
        Ok(self.metadata)
    }

    /// A replacement must not take away a dialect that readers may depend on.
    fn check_dialects(&self, current: &ViewVersion) -> Result<()> {
        let allowed = self.metadata.properties.get(DROP_DIALECT);
        if allowed.is_some_and(|text| text.trim().eq_ignore_ascii_case("true")) {
            return Ok(());
        }
        let Some(previous) = &self.previous else { return Ok(()) };
        let (before, after) = (all_dialects(previous), all_dialects(current));
        if after.is_superset(&before) {
            return Ok(());
        }
        let list = |names: BTreeSet<String>| names.into_iter().collect::<Vec<_>>().join(", ");
        Err(Error::invalid(format!(
            "Cannot replace view due to loss of view dialects ({DROP_DIALECT}=false):\n\
             Previous dialects: [{}]\nNew dialects: [{}]",
            list(before),
            list(after)
        )))
    }

    fn expire_versions(&mut self) -> Result<()> {
        let size = match self.metadata.properties.get(HISTORY_SIZE) {
            None => HISTORY_SIZE_DEFAULT,
            Some(text) => match text.trim().parse::<i64>() {
                Ok(size) if size > 0 => usize::try_from(size).unwrap_or(usize::MAX),
                _ => {
                    return Err(Error::invalid(format!(
                        "{HISTORY_SIZE} must be positive but was {text}"
                    )));
                }
            },
        };
        let mut needed = self.added_versions.clone();
        needed.insert(self.metadata.current_version_id);
        let keep = needed.len().max(size);
        if self.metadata.versions.len() <= keep {
            return Ok(());
        }
        // The current version and then the newest.
        let mut ids: Vec<i32> = self
            .metadata
            .versions
            .iter()
            .map(|version| version.id)
            .filter(|id| *id != self.metadata.current_version_id)
            .collect();
        ids.sort_unstable_by_key(|id| std::cmp::Reverse(*id));
        ids.truncate(keep - 1);
        ids.push(self.metadata.current_version_id);
        Arc::make_mut(&mut self.metadata.versions).retain(|version| ids.contains(&version.id));
        let mut log = Vec::new();
        for entry in self.metadata.version_log.iter() {
            if ids.contains(&entry.version_id) {
                log.push(entry.clone());
            } else {
                // History before a gap would tell who was current wrongly.
                log.clear();
            }
        }
        self.metadata.version_log = Arc::new(log);
        Ok(())
    }
}

fn all_dialects(version: &ViewVersion) -> BTreeSet<String> {
    let names = version.representations.iter().filter_map(|item| item.dialect.as_ref());
    names.map(|name| name.to_lowercase()).collect()
}

fn next(id: i32) -> Result<i32> {
    id.checked_add(1).ok_or_else(|| Error::invalid(format!("No id is left after {id}")))
}
