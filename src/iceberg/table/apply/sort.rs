//! Updates of sort orders.

use std::sync::Arc;

use super::schema::next;
use super::{Builder, unknown_order};
use crate::base::error::{Error, Result};
use crate::iceberg::table::sort::SortOrder;

impl Builder {
    /// Adds a sort order, or finds the same one; returns its number.
    pub(in crate::iceberg::table) fn add_sort_order(&mut self, order: &SortOrder) -> Result<i32> {
        let schema = self
            .metadata
            .current_schema()
            .ok_or_else(|| Error::invalid("Cannot add a sort order before a schema is added"))?;
        order.check_id()?;
        order.check_compatibility(schema)?;
        let unsorted = order.fields().is_empty();
        let mut id = i32::from(!unsorted);
        for existing in self.metadata.sort_orders.iter() {
            let same =
                if unsorted { existing.id() == 0 } else { existing.fields() == order.fields() };
            if same {
                let id = existing.id();
                self.last_added_order = self.added_orders.contains(&id).then_some(id);
                return Ok(id);
            }
            if !unsorted && existing.id() >= id {
                id = next(existing.id())?;
            }
        }
        let added = Arc::new(order.with_id(id)?);
        Arc::make_mut(&mut self.metadata.sort_orders).push(added);
        self.added_orders.insert(id);
        self.last_added_order = Some(id);
        self.changed = true;
        self.structure_changed = true;
        Ok(id)
    }

    /// Makes a sort order the default one; -1 is the one added last.
    pub(in crate::iceberg::table) fn set_default_sort_order(&mut self, id: i32) -> Result<()> {
        let id = match (id, self.last_added_order) {
            (-1, None) => {
                return Err(Error::invalid(
                    "Cannot set last added sort order: no sort order has been added",
                ));
            }
            (-1, Some(last)) => last,
            (id, _) => id,
        };
        if id == self.metadata.default_sort_order_id {
            return Ok(());
        }
        if self.metadata.sort_order(id).is_none() {
            return Err(unknown_order(id));
        }
        self.metadata.default_sort_order_id = id;
        self.structure_changed = true;
        self.changed = true;
        Ok(())
    }
}
