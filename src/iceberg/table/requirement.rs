//! What a commit to a table takes for granted.

use super::json::{self, Node, deserialize_raw};
use super::metadata::TableMetadata;
use crate::base::error::{Entity, Error, ErrorKind, Result};

/// One requirement, by its `type` in the REST specification.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TableRequirement {
    /// `assert-create`: there is no table.
    Create,
    /// `assert-table-uuid`
    TableUuid(String),
    /// `assert-ref-snapshot-id`; without a snapshot the ref must not exist.
    RefSnapshotId {
        /// The ref.
        name: String,
        /// The snapshot it must point at.
        snapshot_id: Option<i64>,
    },
    /// `assert-last-assigned-field-id`
    LastAssignedFieldId(i32),
    /// `assert-current-schema-id`
    CurrentSchemaId(i32),
    /// `assert-last-assigned-partition-id`
    LastAssignedPartitionId(i32),
    /// `assert-default-spec-id`
    DefaultSpecId(i32),
    /// `assert-default-sort-order-id`
    DefaultSortOrderId(i32),
}

deserialize_raw!(TableRequirement);

impl TableRequirement {
    /// Reads one requirement.
    ///
    /// # Errors
    /// `InvalidInput` for a type that tables do not have, or a missing or mistyped field.
    pub fn parse(text: &str) -> Result<Self> {
        let value = json::parse("update requirement", text)?;
        let node = Node::of("update requirement", &value)?;
        let Some(kind) = node.string_opt("type")? else {
            return Err(Error::invalid("Cannot parse update requirement. Missing field: type"));
        };
        Ok(match kind.to_ascii_lowercase().as_str() {
            "assert-create" => Self::Create,
            "assert-table-uuid" => Self::TableUuid(node.string("uuid")?.to_owned()),
            "assert-ref-snapshot-id" => Self::RefSnapshotId {
                name: node.string("ref")?.to_owned(),
                snapshot_id: node.long_opt("snapshot-id")?,
            },
            "assert-last-assigned-field-id" => {
                Self::LastAssignedFieldId(node.int("last-assigned-field-id")?)
            }
            "assert-current-schema-id" => Self::CurrentSchemaId(node.int("current-schema-id")?),
            "assert-last-assigned-partition-id" => {
                Self::LastAssignedPartitionId(node.int("last-assigned-partition-id")?)
            }
            "assert-default-spec-id" => Self::DefaultSpecId(node.int("default-spec-id")?),
            "assert-default-sort-order-id" => {
                Self::DefaultSortOrderId(node.int("default-sort-order-id")?)
            }
            other => {
                return Err(Error::invalid(format!(
                    "Unrecognized update requirement. Cannot convert to json: {other}"
                )));
            }
        })
    }

    /// Checks the requirement against the table as it is; `None` if there is no table.
    ///
    /// # Errors
    /// `Conflict` that says what changed; `NotFound` where a table is needed and there is none.
    pub fn check(&self, base: Option<&TableMetadata>) -> Result<()> {
        let failed = |text: String| Err(Error::conflict(format!("Requirement failed: {text}")));
        let Some(base) = base else {
            return match self {
                Self::Create => Ok(()),
                _ => Err(Error::new(
                    ErrorKind::NotFound(Entity::Table),
                    "Requirement failed: table does not exist",
                )),
            };
        };
        let same = |what: &str, expected: i32, found: i32| {
            if expected == found {
                return Ok(());
            }
            failed(format!("{what} changed: expected id {expected} != {found}"))
        };
        match self {
            Self::Create => failed("table already exists".to_owned()),
            Self::TableUuid(uuid) => match base.uuid() {
                Some(found) if found.eq_ignore_ascii_case(uuid) => Ok(()),
                found => failed(format!(
                    "UUID does not match: expected {} != {uuid}",
                    found.unwrap_or("null")
                )),
            },
            Self::RefSnapshotId { name, snapshot_id } => {
                check_ref(base, name, *snapshot_id).or_else(failed)
            }
            Self::LastAssignedFieldId(id) => {
                same("last assigned field id", *id, base.last_column_id())
            }
            Self::CurrentSchemaId(id) => same("current schema", *id, base.current_schema_id()),
            Self::LastAssignedPartitionId(id) => {
                same("last assigned partition id", *id, base.last_partition_id())
            }
            Self::DefaultSpecId(id) => same("default partition spec", *id, base.default_spec_id()),
            Self::DefaultSortOrderId(id) => {
                same("default sort order", *id, base.default_sort_order_id())
            }
        }
    }
}

fn check_ref(base: &TableMetadata, name: &str, expected: Option<i64>) -> Result<(), String> {
    match (base.refs().get(name), expected) {
        (None, None) => Ok(()),
        (Some(found), Some(id)) if found.snapshot_id == id => Ok(()),
        (Some(found), None) => {
            Err(format!("{} {name} was created concurrently", found.kind_name()))
        }
        (Some(found), Some(id)) => Err(format!(
            "{} {name} has changed: expected id {id} != {}",
            found.kind_name(),
            found.snapshot_id
        )),
        (None, Some(id)) => Err(format!("branch or tag {name} is missing, expected {id}")),
    }
}
