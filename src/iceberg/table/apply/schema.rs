//! Updates of schemas.

use std::sync::Arc;

use super::Builder;
use crate::base::error::{Error, Result};
use crate::iceberg::table::schema::Schema;

impl Builder {
    /// Adds a schema, or finds the same one; returns its number.
    pub(in crate::iceberg::table) fn add_schema(&mut self, schema: &Arc<Schema>) -> Result<i32> {
        schema.check_new(self.metadata.format_version)?;
        let last_column_id = self.metadata.last_column_id.max(schema.highest_field_id());
        let mut id = self.metadata.current_schema_id;
        let mut found = false;
        for existing in self.metadata.schemas.iter() {
            if existing.same_schema(schema) {
                (id, found) = (existing.id(), true);
                break;
            }
            if existing.id() >= id {
                id = next(existing.id())?;
            }
        }
        if found && last_column_id == self.metadata.last_column_id {
            self.last_added_schema = self.added_schemas.contains(&id).then_some(id);
            return Ok(id);
        }
        if !found {
            let added = Arc::new(schema.with_id(id)?);
            Arc::make_mut(&mut self.metadata.schemas).push(added);
        }
        self.metadata.last_column_id = last_column_id;
        self.added_schemas.insert(id);
        self.last_added_schema = Some(id);
        self.changed = true;
        Ok(id)
    }

    /// Makes a schema the current one; -1 is the one added last.
    pub(in crate::iceberg::table) fn set_current_schema(&mut self, id: i32) -> Result<()> {
        let id = match (id, self.last_added_schema) {
            (-1, None) => {
                return Err(Error::invalid(
                    "Cannot set last added schema: no schema has been added",
                ));
            }
            (-1, Some(last)) => last,
            (id, _) => id,
        };
        if id == self.metadata.current_schema_id {
            return Ok(());
        }
        if self.metadata.schema(id).is_none() {
            return Err(Error::invalid(format!(
                "Cannot set current schema to unknown schema: {id}"
            )));
        }
        self.metadata.current_schema_id = id;
        self.structure_changed = true;
        self.changed = true;
        Ok(())
    }

    pub(super) fn remove_schemas(&mut self, ids: &[i32]) -> Result<()> {
        if ids.contains(&self.metadata.current_schema_id) {
            return Err(Error::invalid("Cannot remove the current schema"));
        }
        if !ids.is_empty() {
            Arc::make_mut(&mut self.metadata.schemas).retain(|schema| !ids.contains(&schema.id()));
            self.changed = true;
        }
        Ok(())
    }
}

/// The number after a number.
pub(super) fn next(id: i32) -> Result<i32> {
    id.checked_add(1).ok_or_else(|| Error::invalid(format!("No id is left after {id}")))
}
