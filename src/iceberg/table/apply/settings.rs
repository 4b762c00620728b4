//! Updates of the table's identity, place, properties and keys.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Builder;
use crate::base::error::{Error, Result};
use crate::iceberg::table::metadata::FORMAT_VERSION_MAX;
use crate::iceberg::table::parse::strip_trailing_slash;
use crate::iceberg::table::snapshot::EncryptionKey;

impl Builder {
    pub(super) fn assign_uuid(&mut self, uuid: &str) -> Result<()> {
        if uuid::Uuid::try_parse(uuid).is_err() {
            return Err(Error::invalid(format!("Cannot set uuid to '{uuid}': not a UUID")));
        }
        match self.metadata.uuid() {
            Some(current) if current.eq_ignore_ascii_case(uuid) => {}
            Some(_) => return Err(Error::invalid("Cannot reassign uuid")),
            None => {
                self.metadata.uuid = Some(Arc::from(uuid));
                self.changed = true;
            }
        }
        Ok(())
    }

    pub(super) fn upgrade_format_version(&mut self, version: i32) -> Result<()> {
        let current = self.metadata.format_version;
        if version > FORMAT_VERSION_MAX {
            return Err(Error::invalid(format!(
                "Cannot upgrade table to unsupported format version: v{version} (supported: \
                 v{FORMAT_VERSION_MAX})"
            )));
        }
        if version < current {
            return Err(Error::invalid(format!("Cannot downgrade v{current} table to v{version}")));
        }
        if version > current {
            self.metadata.format_version = version;
            self.changed = true;
        }
        Ok(())
    }

    pub(in crate::iceberg::table) fn set_location(&mut self, location: &str) -> Result<()> {
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

    pub(in crate::iceberg::table) fn set_properties(
        &mut self,
        updates: &BTreeMap<String, String>,
    ) -> Result<()> {
        if !updates.is_empty() {
            let properties = Arc::make_mut(&mut self.metadata.properties);
            properties.extend(updates.iter().map(|(key, value)| (key.clone(), value.clone())));
            self.changed = true;
        }
        Ok(())
    }

    pub(super) fn remove_properties(&mut self, names: &[String]) -> Result<()> {
        if !names.is_empty() {
            let properties = Arc::make_mut(&mut self.metadata.properties);
            for name in names {
                properties.remove(name);
            }
            self.changed = true;
        }
        Ok(())
    }

    pub(super) fn add_encryption_key(&mut self, key: &EncryptionKey) -> Result<()> {
        if !self.metadata.encryption_keys.iter().any(|known| known.key_id == key.key_id) {
            Arc::make_mut(&mut self.metadata.encryption_keys).push(key.clone());
            self.changed = true;
        }
        Ok(())
    }

    pub(super) fn remove_encryption_key(&mut self, id: &str) -> Result<()> {
        if self.metadata.encryption_keys.iter().any(|known| known.key_id == id) {
            Arc::make_mut(&mut self.metadata.encryption_keys).retain(|known| known.key_id != id);
            self.changed = true;
        }
        Ok(())
    }
}
