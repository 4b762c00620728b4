//! Every kind of change, each once.

use std::collections::BTreeMap;

use nunatak::auth::context::IdempotencyKey;
use nunatak::base::error::Error;
use nunatak::base::hash::Digest;
use nunatak::base::name::WarehouseName;
use nunatak::catalog::OpContext;
use nunatak::catalog::merges::{Isolation, MergeRequest};
use nunatak::catalog::warehouses::NewWarehouse;
use nunatak::version::conflict::Strategy;

use crate::world::{World, create, expr, lake, name, set};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Operation {
    WarehouseCreate,
    WarehouseUpdate,
    BranchCreate,
    BranchReset,
    BranchDelete,
    BranchRestore,
    TagCreate,
    TagDelete,
    NamespaceCreate,
    TableCreate,
    TableCommit,
    ManyTables,
    Merge,
    Squash,
    Revert,
    SyncFiles,
}

impl Operation {
    /// Whether the request carries an idempotency key, so that sending it again is safe.
    pub(crate) const fn has_key(self) -> bool {
        matches!(
            self,
            Self::NamespaceCreate | Self::TableCreate | Self::TableCommit | Self::ManyTables
        )
    }

    /// Makes the change.
    pub(crate) async fn run(self, world: &World) -> Result<(), Error> {
        let (catalog, context) = (&world.catalog, &world.context);
        let keyed = OpContext {
            idempotency: Some(IdempotencyKey {
                key: format!("{self:?}"),
                request: Digest::of(format!("{self:?}").as_bytes()),
            }),
            ..context.clone()
        };
        match self {
            Self::WarehouseCreate => {
                let second = WarehouseName::parse("second").unwrap();
                let new = NewWarehouse { name: second, location: None, client_gc: false };
                catalog.warehouse_create(context, new).await.map(drop)
            }
            Self::WarehouseUpdate => {
                catalog.warehouse_update(context, &lake(), Some(true)).await.map(drop)
            }
            Self::BranchCreate => {
                let from = expr("work");
                catalog.branch_create(context, &lake(), &name("new"), Some(&from)).await.map(drop)
            }
            Self::BranchReset => {
                let to = expr("main~1");
                catalog.branch_reset(context, &lake(), &name("main"), &to, None).await.map(drop)
            }
            Self::BranchDelete => {
                catalog.branch_delete(context, &lake(), &name("work"), true, None).await
            }
            Self::BranchRestore => {
                catalog.branch_restore(context, &lake(), &name("gone"), None).await.map(drop)
            }
            Self::TagCreate => {
                catalog.tag_create(context, &lake(), &name("new"), None).await.map(drop)
            }
            Self::TagDelete => catalog.tag_delete(context, &lake(), &name("old")).await,
            Self::NamespaceCreate => {
                let levels = ["new".to_owned()];
                let scope = world.scope("main");
                catalog.namespace_create(&keyed, &scope, &levels, BTreeMap::new()).await.map(drop)
            }
            Self::TableCreate => create(catalog, &keyed, &world.scope("main"), "s", "new").await,
            Self::TableCommit => set(catalog, &keyed, &world.scope("main"), &["t0"], "new").await,
            Self::ManyTables => {
                set(catalog, &keyed, &world.scope("main"), &["t0", "t1", "t2"], "new").await
            }
            Self::Merge => merge(world, false).await,
            Self::Squash => merge(world, true).await,
            Self::Revert => {
                let commit = expr("main");
                catalog.revert(context, &lake(), &commit, &name("main"), None).await.map(drop)
            }
            Self::SyncFiles => catalog.sync_files().await.map(drop),
        }
    }
}

async fn merge(world: &World, squash: bool) -> Result<(), Error> {
    let request = MergeRequest {
        source: expr("work"),
        into: name("main"),
        dry_run: false,
        squash,
        message: None,
        expected_head: None,
        strategy: Strategy::Fail,
        isolation: Isolation::Snapshot,
        resolutions: Vec::new(),
    };
    let report = world.catalog.merge(&world.context, &lake(), &request).await?;
    assert!(report.conflicts.is_empty(), "{report:?}");
    Ok(())
}
