//! Tags: names that never move.

use super::branches::Ref;
use super::{Catalog, OpContext};
use crate::base::error::Result;
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
        self.ref_of(&warehouse, name, RefKind::Tag)
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
