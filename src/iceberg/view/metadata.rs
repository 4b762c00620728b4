//! The metadata document of one view. Cheap to clone, unknown fields kept.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;

use super::version::{VersionLogEntry, ViewVersion};
use crate::base::error::{Error, ErrorKind, Result};
use crate::iceberg::table::json::{Node, write_array, write_string, write_string_map};
use crate::iceberg::table::parse::{Fields, strip_trailing_slash};
use crate::iceberg::table::schema::Schema;

/// The only format version of views.
pub const VIEW_FORMAT_VERSION_MAX: i32 = 1;

/// The metadata of a view.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ViewMetadata {
    pub(super) uuid: Arc<str>,
    pub(super) format_version: i32,
    pub(super) location: Arc<str>,
    pub(super) properties: Arc<BTreeMap<String, String>>,
    pub(super) schemas: Arc<Vec<Arc<Schema>>>,
    pub(super) current_version_id: i32,
    pub(super) versions: Arc<Vec<Arc<ViewVersion>>>,
    pub(super) version_log: Arc<Vec<VersionLogEntry>>,
    pub(super) other: Arc<Vec<(String, Arc<str>)>>,
}

const SCALARS: [&str; 5] =
    ["view-uuid", "format-version", "location", "properties", "current-version-id"];
const PARTS: [&str; 3] = ["schemas", "versions", "version-log"];

impl ViewMetadata {
    /// Reads a metadata document.
    ///
    /// # Errors
    /// `InvalidInput` for a document that is no view metadata, `Unsupported` for a format version that
    /// is not known.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        const WHAT: &str = "view metadata";
        let fields = Fields::parse(WHAT, bytes)?;
        let scalars = fields.values(WHAT, &SCALARS)?;
        let node = Node(&scalars);
        let format_version = node.int("format-version")?;
        if !(1..=VIEW_FORMAT_VERSION_MAX).contains(&format_version) {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!("Unsupported format version: {format_version}"),
            ));
        }
        let missing = |key: &str| Error::invalid(format!("Cannot parse missing field: {key}"));
        let metadata = Self {
            uuid: Arc::from(node.string("view-uuid")?),
            format_version,
            location: Arc::from(strip_trailing_slash(node.string("location")?)),
            properties: Arc::new(match node.get("properties") {
                Some(_) => node.string_map("properties")?,
                None => BTreeMap::new(),
            }),
            schemas: Arc::new(
                fields
                    .items("schemas", |text| Schema::parse(text).map(Arc::new))?
                    .ok_or_else(|| missing("schemas"))?,
            ),
            current_version_id: node.int("current-version-id")?,
            versions: Arc::new(
                fields
                    .items("versions", |text| ViewVersion::parse(text).map(Arc::new))?
                    .ok_or_else(|| missing("versions"))?,
            ),
            version_log: Arc::new(
                fields
                    .items("version-log", VersionLogEntry::parse)?
                    .ok_or_else(|| missing("version-log"))?,
            ),
            other: Arc::new(fields.others(WHAT, &[&SCALARS, &PARTS])?),
        };
        let versions: BTreeSet<i32> = metadata.versions.iter().map(|version| version.id).collect();
        let schemas: BTreeSet<i32> = metadata.schemas.iter().map(|schema| schema.id()).collect();
        if versions.len() != metadata.versions.len() || schemas.len() != metadata.schemas.len() {
            return Err(Error::invalid(
                "Invalid view metadata: two versions or two schemas have one id",
            ));
        }
        if !versions.contains(&metadata.current_version_id) {
            return Err(Error::invalid(format!(
                "Cannot find current version {} in view versions: {versions:?}",
                metadata.current_version_id
            )));
        }
        Ok(metadata)
    }

    /// Writes the document: compact, always in the same order.
    #[must_use]
    pub fn to_json(&self) -> Bytes {
        let mut out = Vec::with_capacity(self.size_hint());
        out.extend_from_slice(b"{\"view-uuid\":");
        write_string(&mut out, &self.uuid);
        out.extend_from_slice(format!(",\"format-version\":{}", self.format_version).as_bytes());
        out.extend_from_slice(b",\"location\":");
        write_string(&mut out, &self.location);
        if !self.properties.is_empty() {
            out.extend_from_slice(b",\"properties\":");
            write_string_map(&mut out, &self.properties);
        }
        out.extend_from_slice(b",\"schemas\":");
        write_array(&mut out, self.schemas.iter().map(|schema| schema.json()));
        out.extend_from_slice(
            format!(",\"current-version-id\":{},\"versions\":", self.current_version_id).as_bytes(),
        );
        write_array(&mut out, self.versions.iter().map(|version| version.json()));
        out.extend_from_slice(b",\"version-log\":");
        let log: Vec<String> = self.version_log.iter().map(VersionLogEntry::json).collect();
        write_array(&mut out, log.iter().map(String::as_str));
        for (key, raw) in self.other.iter() {
            out.push(b',');
            write_string(&mut out, key);
            out.push(b':');
            out.extend_from_slice(raw.as_bytes());
        }
        out.push(b'}');
        Bytes::from(out)
    }

    /// About how long the document is; also what it weighs in a cache.
    #[must_use]
    pub fn size_hint(&self) -> usize {
        let schemas: usize = self.schemas.iter().map(|item| item.json().len() + 1).sum();
        let versions: usize = self.versions.iter().map(|item| item.json().len() + 1).sum();
        let properties: usize = self.properties.iter().map(|(k, v)| k.len() + v.len() + 6).sum();
        let other: usize = self.other.iter().map(|(k, v)| k.len() + v.len() + 6).sum();
        512 + schemas + versions + properties + other + self.version_log.len() * 60
    }

    /// The view's UUID as written.
    #[must_use]
    pub fn uuid(&self) -> &str {
        &self.uuid
    }

    /// The format version.
    #[must_use]
    pub const fn format_version(&self) -> i32 {
        self.format_version
    }

    /// The view's root, without a trailing slash.
    #[must_use]
    pub fn location(&self) -> &str {
        &self.location
    }

    /// The view's properties.
    #[must_use]
    pub fn properties(&self) -> &BTreeMap<String, String> {
        &self.properties
    }

    /// All schemas.
    #[must_use]
    pub fn schemas(&self) -> &[Arc<Schema>] {
        &self.schemas
    }

    /// A schema by number.
    #[must_use]
    pub fn schema(&self, id: i32) -> Option<&Arc<Schema>> {
        self.schemas.iter().find(|schema| schema.id() == id)
    }

    /// The number of the current version.
    #[must_use]
    pub const fn current_version_id(&self) -> i32 {
        self.current_version_id
    }

    /// The versions that are kept.
    #[must_use]
    pub fn versions(&self) -> &[Arc<ViewVersion>] {
        &self.versions
    }

    /// A version by number.
    #[must_use]
    pub fn version(&self, id: i32) -> Option<&Arc<ViewVersion>> {
        self.versions.iter().find(|version| version.id == id)
    }

    /// The current version; parsing makes sure that it is there.
    #[must_use]
    pub fn current_version(&self) -> Option<&Arc<ViewVersion>> {
        self.version(self.current_version_id)
    }

    /// Which version was current when.
    #[must_use]
    pub fn version_log(&self) -> &[VersionLogEntry] {
        &self.version_log
    }
}
