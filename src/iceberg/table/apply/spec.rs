//! Updates of partition specs.

use std::sync::Arc;

use super::schema::next;
use super::{Builder, unknown_spec};
use crate::base::error::{Error, Result};
use crate::iceberg::table::partition::PartitionSpec;

impl Builder {
    /// Adds a partition spec, or finds the same one; returns its number.
    pub(in crate::iceberg::table) fn add_spec(&mut self, spec: &PartitionSpec) -> Result<i32> {
        let schema = Arc::clone(self.metadata.current_schema().ok_or_else(|| {
            Error::invalid("Cannot add a partition spec before a schema is added")
        })?);
        spec.check_names(&schema.index()?)?;
        spec.check_compatibility(&schema)?;
        let mut id = 0;
        for existing in self.metadata.specs.iter() {
            if spec.compatible_with(existing) {
                let id = existing.id();
                self.last_added_spec = self.added_specs.contains(&id).then_some(id);
                return Ok(id);
            }
            if existing.id() >= id {
                id = next(existing.id())?;
            }
        }
        let spec = spec.with_ids(id, &self.field_ids(spec)?)?;
        if self.metadata.format_version == 1 && !spec.has_sequential_ids() {
            return Err(Error::invalid(format!(
                "Spec does not use sequential IDs that are required in v1: {}",
                spec.json()
            )));
        }
        self.metadata.last_partition_id =
            self.metadata.last_partition_id.max(spec.last_assigned_field_id());
        Arc::make_mut(&mut self.metadata.specs).push(Arc::new(spec));
        self.added_specs.insert(id);
        self.last_added_spec = Some(id);
        self.changed = true;
        self.structure_changed = true;
        Ok(id)
    }

    /// The field ids of a new spec: those it brings; else those of the same source and transform in
    /// other specs (from format version 2 on); else new ones.
    fn field_ids(&self, spec: &PartitionSpec) -> Result<Vec<i32>> {
        if self.metadata.format_version == 1 {
            return Ok(spec
                .fields()
                .iter()
                .zip(1000..)
                .map(|(field, id)| field.field_id.unwrap_or(id))
                .collect());
        }
        let mut last = self.metadata.last_partition_id.max(spec.last_assigned_field_id());
        let mut taken = Vec::new();
        for field in spec.fields() {
            let reused = self
                .metadata
                .specs
                .iter()
                .flat_map(|existing| existing.fields())
                .filter(|known| {
                    known.source_ids == field.source_ids && known.transform == field.transform
                })
                .filter_map(|known| known.field_id)
                .filter(|id| !taken.contains(id))
                .max();
            let id = match field.field_id.or(reused) {
                Some(id) => id,
                None => {
                    last = next(last)?;
                    last
                }
            };
            taken.push(id);
        }
        Ok(taken)
    }

    /// Makes a spec the default one; -1 is the one added last.
    pub(in crate::iceberg::table) fn set_default_spec(&mut self, id: i32) -> Result<()> {
        let id = match (id, self.last_added_spec) {
            (-1, None) => {
                return Err(Error::invalid("Cannot set last added spec: no spec has been added"));
            }
            (-1, Some(last)) => last,
            (id, _) => id,
        };
        if id == self.metadata.default_spec_id {
            return Ok(());
        }
        if self.metadata.spec(id).is_none() {
            return Err(unknown_spec(id));
        }
        self.metadata.default_spec_id = id;
        self.structure_changed = true;
        self.changed = true;
        Ok(())
    }

    pub(super) fn remove_specs(&mut self, ids: &[i32]) -> Result<()> {
        if ids.contains(&self.metadata.default_spec_id) {
            return Err(Error::invalid("Cannot remove the default partition spec"));
        }
        if !ids.is_empty() {
            Arc::make_mut(&mut self.metadata.specs).retain(|spec| !ids.contains(&spec.id()));
            self.changed = true;
        }
        Ok(())
    }
}
