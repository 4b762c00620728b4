//! The changes that a commit to a view asks for, and what it takes for granted.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::metadata::ViewMetadata;
use super::version::ViewVersion;
use crate::base::error::{Error, Result};
use crate::iceberg::table::json::{self, Node, deserialize_raw};
use crate::iceberg::table::schema::Schema;
use crate::iceberg::table::update::{Update, read_properties, read_removals, unknown_action};

/// One change, by its `action` in the REST specification.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ViewUpdate {
    /// `assign-uuid`
    AssignUuid(String),
    /// `upgrade-format-version`
    UpgradeFormatVersion(i32),
    /// `add-schema`
    AddSchema(Arc<Schema>),
    /// `add-view-version`; its schema -1 is the one added last.
    AddViewVersion(Arc<ViewVersion>),
    /// `set-current-view-version`; -1 is the one added last.
    SetCurrentViewVersion(i32),
    /// `set-location`
    SetLocation(String),
    /// `set-properties`
    SetProperties(BTreeMap<String, String>),
    /// `remove-properties`
    RemoveProperties(Vec<String>),
}

deserialize_raw!(ViewUpdate);

impl ViewUpdate {
    /// Reads one update.
    ///
    /// # Errors
    /// `InvalidInput` for an action that views do not have, or a missing or mistyped field.
    pub fn parse(text: &str) -> Result<Self> {
        let update = Update::parse(text)?;
        let values = update.values()?;
        let node = Node(&values);
        Ok(match update.action(node)?.as_str() {
            "assign-uuid" => Self::AssignUuid(node.string("uuid")?.to_owned()),
            "upgrade-format-version" => Self::UpgradeFormatVersion(node.int("format-version")?),
            "add-schema" => Self::AddSchema(Arc::new(Schema::parse(update.document("schema")?)?)),
            "add-view-version" => {
                let text = update.document("view-version")?;
                Self::AddViewVersion(Arc::new(ViewVersion::parse(text)?))
            }
            "set-current-view-version" => Self::SetCurrentViewVersion(node.int("view-version-id")?),
            "set-location" => Self::SetLocation(node.string("location")?.to_owned()),
            "set-properties" => Self::SetProperties(read_properties(node)?),
            "remove-properties" => Self::RemoveProperties(read_removals(node)?),
            other => return Err(unknown_action(other, "view")),
        })
    }
}

/// One requirement, by its `type` in the REST specification.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ViewRequirement {
    /// `assert-view-uuid`
    ViewUuid(String),
}

deserialize_raw!(ViewRequirement);

impl ViewRequirement {
    /// Reads one requirement.
    ///
    /// # Errors
    /// `InvalidInput` for a type that views do not have, or a missing or mistyped field.
    pub fn parse(text: &str) -> Result<Self> {
        let value = json::parse("update requirement", text)?;
        let node = Node::of("update requirement", &value)?;
        match node.string_opt("type")?.map(str::to_ascii_lowercase).as_deref() {
            None => Err(Error::invalid("Cannot parse update requirement. Missing field: type")),
            Some("assert-view-uuid") => Ok(Self::ViewUuid(node.string("uuid")?.to_owned())),
            Some(other) => Err(Error::invalid(format!("Cannot validate {other} against a view"))),
        }
    }

    /// Checks the requirement against the view as it is.
    ///
    /// # Errors
    /// `Conflict` that says what changed.
    pub fn check(&self, base: &ViewMetadata) -> Result<()> {
        let Self::ViewUuid(uuid) = self;
        if uuid.eq_ignore_ascii_case(base.uuid()) {
            return Ok(());
        }
        Err(Error::conflict(format!(
            "Requirement failed: view UUID does not match: expected {} != {uuid}",
            base.uuid()
        )))
    }
}
