//! Tags: names that never move.

use super::branches::{Ref, read};
use super::{Catalog, OpContext};
use crate::base::error::{Entity, Error, Result};
use crate::base::name::{RefExpr, RefName, WarehouseName};
use crate::store::records::RefKind;
use crate::version::committer::RefChange;

impl Catalog {
    /// Finds a tag.
    ///
    /// # Errors
    /// `NotFound(Tag)`, also for a branch of that name.
    pub async fn tag_get(
        &self,
        _ctx: &OpContext,
        warehouse: &WarehouseName,
        name: &RefName,
    ) -> Result<Ref> {
        let warehouse = self.warehouse(warehouse)?;
        match self.reference(warehouse.id, name)? {
            Some(record) if record.kind == RefKind::Tag => read(&record),
            Some(_) | None => Err(Error::not_found(
                Entity::Tag,
                format!("tag '{name}' does not exist in warehouse '{}'", warehouse.name),
            )),
        }
    }

    /// Makes a tag where `from` (by default the default branch) points now.
    ///
    /// # Errors
    /// `AlreadyExists`, `NotFound(Ref)`.
    pub async fn tag_create(
        &self,
        ctx: &OpContext,
        warehouse: &WarehouseName,
        name: &RefName,
        from: Option<&RefExpr>,
    ) -> Result<Ref> {
        self.ref_create(ctx, warehouse, name, from, RefKind::Tag).await
    }

    /// Removes a tag. The ref log keeps where it pointed.
    ///
    /// # Errors
    /// `NotFound(Tag)`.
    pub async fn tag_delete(
        &self,
        ctx: &OpContext,
        warehouse: &WarehouseName,
        name: &RefName,
    ) -> Result<()> {
        let warehouse = self.warehouse(warehouse)?;
        let change = RefChange::Delete { kind: RefKind::Tag, expected: None };
        self.delete_ref(ctx, &warehouse, name, change).await
    }
}
