//! A catalog on a store that fails when told to, and what it holds, in words.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use nunatak::base::clock::{ManualClock, SharedClock, Timestamp};
use nunatak::base::entropy::{SeededEntropy, SharedEntropy};
use nunatak::base::error::Error;
use nunatak::base::name::{RefExpr, RefName, WarehouseName};
use nunatak::base::page::PageRequest;
use nunatak::catalog::address::{Scope, ViewOf};
use nunatak::catalog::files::TableFiles;
use nunatak::catalog::table_change::TableChange;
use nunatak::catalog::tables::TableRequest;
use nunatak::catalog::warehouses::NewWarehouse;
use nunatak::catalog::{Catalog, CatalogOptions, OpContext};
use nunatak::iceberg::cache::MetadataCache;
use nunatak::iceberg::io::Files;
use nunatak::iceberg::table::schema::Schema;
use nunatak::iceberg::table::update::TableUpdate;
use nunatak::store::fault::FaultStore;
use nunatak::store::interface::MetaStore;
use nunatak::store::memory::MemoryStore;
use nunatak::store::records::WarehouseRecord;
use nunatak::version::fsck::{Probes, verify};
use nunatak::version::repository::Repository;

pub(crate) type Faulty = FaultStore<Arc<MemoryStore>>;

pub(crate) struct World {
    pub(crate) store: Arc<Faulty>,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) context: OpContext,
    pub(crate) directory: tempfile::TempDir,
}

pub(crate) fn lake() -> WarehouseName {
    WarehouseName::parse("lake").unwrap()
}

pub(crate) fn name(text: &str) -> RefName {
    RefName::parse(text).unwrap()
}

pub(crate) fn expr(text: &str) -> RefExpr {
    RefExpr::parse(text).unwrap()
}

fn open(store: Arc<dyn MetaStore>, root: &std::path::Path, seed: u64) -> Arc<Catalog> {
    let clock: SharedClock = Arc::new(ManualClock::new(Timestamp::from_micros(1_000_000)));
    let entropy: SharedEntropy = Arc::new(SeededEntropy::new(seed));
    let files = TableFiles::new(
        Files::new(BTreeMap::new()),
        MetadataCache::default(),
        tokio::runtime::Handle::current(),
    );
    let options = CatalogOptions {
        allowed_locations: Vec::new(),
        warehouse_root: format!("file://{}", root.display()),
        default_warehouse: lake(),
    };
    Catalog::open(store, Arc::new(files), clock, entropy, options).unwrap()
}

impl World {
    /// A warehouse without tables.
    pub(crate) async fn empty() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Arc::new(FaultStore::new(Arc::new(MemoryStore::new())));
        let shared: Arc<dyn MetaStore> = Arc::<Faulty>::clone(&store);
        let catalog = open(shared, directory.path(), 1);
        let context = OpContext::for_actor("ann");
        let new = NewWarehouse { name: lake(), location: None, client_gc: false };
        catalog.warehouse_create(&context, new).await.unwrap();
        Self { store, catalog, context, directory }
    }

    /// `main` with the tables `s.t0` to `s.t3`, the branch `work` that changed one and added one, the
    /// branch `gone` that was deleted, the tag `old`.
    pub(crate) async fn furnished() -> Self {
        let world = Self::empty().await;
        let (catalog, context) = (&world.catalog, &world.context);
        world.namespace("main", "s").await;
        for table in 0..4 {
            world.create("main", "s", &format!("t{table}")).await.unwrap();
        }
        for branch in ["work", "gone"] {
            catalog.branch_create(context, &lake(), &name(branch), None).await.unwrap();
        }
        catalog.tag_create(context, &lake(), &name("old"), None).await.unwrap();
        catalog.branch_delete(context, &lake(), &name("gone"), true, None).await.unwrap();
        world.set("work", &["t1"], "work").await.unwrap();
        world.create("work", "s", "added").await.unwrap();
        world.set("main", &["t2"], "main").await.unwrap();
        world
    }

    pub(crate) fn scope(&self, at: &str) -> Scope {
        let warehouse = self.catalog.warehouse(&lake()).unwrap();
        Scope { warehouse, view: ViewOf::Ref(expr(at)) }
    }

    pub(crate) async fn namespace(&self, branch: &str, namespace: &str) {
        let levels = [namespace.to_owned()];
        let scope = self.scope(branch);
        self.catalog
            .namespace_create(&self.context, &scope, &levels, BTreeMap::new())
            .await
            .unwrap();
    }

    pub(crate) async fn create(&self, at: &str, space: &str, table: &str) -> Result<(), Error> {
        create(&self.catalog, &self.context, &self.scope(at), space, table).await
    }

    /// Sets the property `n` of tables of the namespace `s` in one commit.
    pub(crate) async fn set(&self, at: &str, tables: &[&str], value: &str) -> Result<(), Error> {
        set(&self.catalog, &self.context, &self.scope(at), tables, value).await
    }

    /// What is stored, as a catalog reads it that remembers nothing.
    pub(crate) async fn stored(&self) -> String {
        let inner: Arc<dyn MetaStore> = Arc::<MemoryStore>::clone(self.store.inner());
        let fresh = open(inner, self.directory.path(), 2);
        let text = describe(&fresh, &self.context).await;
        fresh.close();
        text
    }

    /// What the catalog itself shows.
    pub(crate) async fn shown(&self) -> String {
        describe(&self.catalog, &self.context).await
    }

    /// Everything that is wrong with the store.
    pub(crate) fn problems(&self) -> Vec<String> {
        let inner: Arc<dyn MetaStore> = Arc::<MemoryStore>::clone(self.store.inner());
        let repository = Arc::new(Repository::new(Arc::clone(&inner)));
        let snapshot = |warehouse: &WarehouseRecord, id| repository.snapshot(warehouse.id, id);
        let file_exists = |location: &str| {
            std::path::Path::new(location.strip_prefix("file://").unwrap()).exists()
        };
        let probes = Probes { snapshot: &snapshot, file_exists: &file_exists };
        verify(&*inner, &probes, &mut |_| {}).unwrap().problems
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.catalog.close();
    }
}

pub(crate) async fn create(
    catalog: &Catalog,
    context: &OpContext,
    scope: &Scope,
    namespace: &str,
    table: &str,
) -> Result<(), Error> {
    let schema = r#"{ "type": "struct", "schema-id": 0, "fields": [
        { "id": 1, "name": "id", "required": true, "type": "long" } ] }"#;
    let request = TableRequest {
        name: table.to_owned(),
        location: None,
        schema: Schema::parse(schema).unwrap(),
        spec: None,
        sort_order: None,
        properties: BTreeMap::new(),
    };
    catalog.table_create(context, scope, &[namespace.to_owned()], request).await.map(drop)
}

pub(crate) async fn set(
    catalog: &Catalog,
    context: &OpContext,
    scope: &Scope,
    tables: &[&str],
    value: &str,
) -> Result<(), Error> {
    let properties: BTreeMap<_, _> = [("n".to_owned(), value.to_owned())].into();
    let change = |table: &&str| TableChange {
        address: scope.content(&["s".to_owned()], table).unwrap(),
        requirements: Vec::new(),
        updates: vec![TableUpdate::SetProperties(properties.clone())],
    };
    let changes = tables.iter().map(change).collect();
    catalog.table_commit(context, scope, changes).await.map(drop)
}

/// Warehouses, refs, what the refs hold, and how long log and history are: all that a change may change.
async fn describe(catalog: &Catalog, context: &OpContext) -> String {
    let mut out = String::new();
    let page = PageRequest { limit: 1000, after: None };
    for warehouse in catalog.warehouse_list(context, &page).await.unwrap().items {
        let known = catalog.warehouse(&warehouse.name).unwrap();
        assert_eq!(known.client_gc, warehouse.client_gc, "the catalog remembers wrongly");
        writeln!(out, "warehouse {} {}", warehouse.name, warehouse.client_gc).unwrap();
        let log = catalog.ref_log(context, &warehouse.name, None, &page).await.unwrap();
        writeln!(out, "  {} movements", log.items.len()).unwrap();
        let refs = catalog.ref_list(context, &warehouse.name, None, "", &page).await.unwrap();
        for found in refs.items {
            let resolved = catalog.resolve(&warehouse, &RefExpr::name(found.name.clone())).unwrap();
            assert_eq!(resolved.commit, found.head, "the catalog remembers another head");
            let stored = catalog.repository().commit(warehouse.id, found.head).unwrap();
            let generation = stored.commit.generation;
            writeln!(out, "  {:?} {} at {generation}", found.kind, found.name).unwrap();
            contents(catalog, context, &warehouse.name, &found.name, &mut out).await;
        }
    }
    out
}

async fn contents(
    catalog: &Catalog,
    context: &OpContext,
    warehouse: &WarehouseName,
    at: &RefName,
    out: &mut String,
) {
    let page = PageRequest { limit: 1000, after: None };
    let at = RefExpr::name(at.clone());
    let found = catalog.contents_list(context, warehouse, &at, &[], true, &page).await.unwrap();
    for item in found.items {
        let value = match &item.metadata_location {
            Some(location) => {
                let table = catalog.table_metadata(location).await.unwrap();
                table.metadata.properties().get("n").cloned().unwrap_or_default()
            }
            None => String::new(),
        };
        writeln!(out, "    {} {value}", item.path.join(".")).unwrap();
    }
}
