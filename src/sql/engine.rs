//! What all SQL sessions of a server share: the catalog, the query engine's settings and memory, manifests.

use std::fmt;
use std::sync::Arc;

use datafusion::catalog::{
    CatalogProvider, MemoryCatalogProvider, MemoryCatalogProviderList, MemorySchemaProvider,
    SchemaProvider, TableProvider,
};
use datafusion::execution::memory_pool::{FairSpillPool, MemoryPool};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::prelude::SessionConfig;

use super::connect::Databases;
use super::door::Database;
use super::error::{SqlError, SqlResult, SqlState};
use super::functions;
use super::names::Names;
use super::pg;
use super::rules;
use super::scan::provider::TableReader;
use super::semantics::{self, Semantics};
use super::session::Session;
use crate::auth::context::OpContext;
use crate::base::limits::{JOIN_TABLE_BYTES, JOIN_TABLE_ROWS, SQL_BATCH_ROWS, SQL_MEMORY_BYTES};
use crate::catalog::Catalog;
use crate::catalog::address::{Scope, ViewOf, parse_warehouse};

/// Where the planner finds the tables of a statement.
const CATALOG: &str = "nunatak";
const SCHEMA: &str = "statement";

/// What sessions share.
pub struct Engine {
    pub(super) catalog: Arc<Catalog>,
    pub(super) reader: Arc<TableReader>,
    /// OIDs of names, for all sessions.
    pub(super) pg: Arc<pg::Shared>,
    state: SessionState,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}

impl Engine {
    /// An engine over a catalog; queries run on this many threads at most.
    ///
    /// # Errors
    /// If there is no place for what queries put on disk.
    pub fn new(catalog: Arc<Catalog>, threads: usize) -> SqlResult<Arc<Self>> {
        Self::with_memory(catalog, threads, SQL_MEMORY_BYTES)
    }

    /// The same, with so many bytes for all queries. What needs more is put on disk, or fails.
    ///
    /// # Errors
    /// As [`Engine::new`].
    pub fn with_memory(
        catalog: Arc<Catalog>,
        threads: usize,
        memory: usize,
    ) -> SqlResult<Arc<Self>> {
        let mut config = SessionConfig::new()
            .with_target_partitions(threads.max(1))
            .with_batch_size(SQL_BATCH_ROWS)
            .with_information_schema(false)
            .with_default_catalog_and_schema(CATALOG, SCHEMA)
            .with_create_default_catalog_and_schema(false);
        let options = config.options_mut();
        options.sql_parser.dialect = datafusion::common::config::Dialect::PostgreSQL;
        // As in PostgreSQL: `1.5` is a numeric.
        options.sql_parser.parse_float_as_decimal = true;
        options.execution.time_zone = Some("+00:00".to_owned());
        // It compares what fields say beside their types, which rules of ours need not keep.
        options.execution.skip_physical_aggregate_schema_check = true;
        // A side of a join that few threads put into one table: the other need not be taken apart then.
        options.optimizer.hash_join_single_partition_threshold = JOIN_TABLE_BYTES / threads.max(1);
        options.optimizer.hash_join_single_partition_threshold_rows =
            JOIN_TABLE_ROWS / threads.max(1);
        // It loses nulls that come first.
        options.optimizer.enable_topk_aggregation = false;
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(FairSpillPool::new(memory)))
            .build_arc()?;
        let mut state = SessionStateBuilder::new()
            .with_config(config)
            .with_runtime_env(runtime)
            .with_expr_planners(vec![Arc::new(Semantics::default())])
            .with_default_features()
            .with_optimizer_rule(Arc::new(pg::Narrow))
            .with_analyzer_rules(rules::analyzers())
            .with_optimizer_rules(rules::optimizers())
            .with_physical_optimizer_rules(rules::physical())
            .build();
        semantics::register(&mut state)?;
        let reader = Arc::new(TableReader::new(Arc::clone(catalog.files())));
        Ok(Arc::new(Self { catalog, reader, pg: Arc::default(), state }))
    }

    /// The databases as a door sees them.
    #[must_use]
    pub fn databases(self: &Arc<Self>) -> Arc<dyn Database> {
        Arc::new(Databases(Arc::clone(self)))
    }

    /// Opens a session for somebody who said nothing about commits, as [`Engine::session_with`] does.
    ///
    /// # Errors
    /// `InvalidCatalogName` for a warehouse or a ref that does not exist.
    pub fn session(self: &Arc<Self>, database: &str, actor: &str) -> SqlResult<Session> {
        self.session_with(OpContext::for_actor(actor), database)
    }

    /// Opens a session on a database: `lake`, or `lake@ingest` with any ref expression. Commits that it
    /// makes have the message and the properties of the context.
    ///
    /// # Errors
    /// `InvalidCatalogName` for a warehouse or a ref that does not exist.
    pub fn session_with(self: &Arc<Self>, ctx: OpContext, database: &str) -> SqlResult<Session> {
        let names = self.names(database).map_err(|error| no_database(database, error))?;
        Ok(Session::new(Arc::clone(self), names, ctx))
    }

    fn names(&self, database: &str) -> SqlResult<Names> {
        let (name, view) = parse_warehouse(database)?;
        let warehouse = self.catalog.warehouse(&name)?;
        if let ViewOf::Ref(at) = &view {
            self.catalog.resolve(&warehouse, at)?;
        }
        let scope = Scope { warehouse, view };
        Ok(Names { search_path: first_search_path(&scope), scope })
    }

    /// What was read for questions about schemas and tables since the server started: refs whose
    /// namespaces were listed, namespaces whose tables were listed, tables looked up by name, tables whose
    /// metadata was asked for.
    #[must_use]
    pub fn catalog_reads(&self) -> [u64; 4] {
        self.pg.reads()
    }

    /// The name of the database that is meant where none is named.
    #[must_use]
    pub fn default_database(&self) -> &str {
        self.catalog.options().default_warehouse.as_str()
    }

    /// Bytes that queries, temporary tables and cursors hold now.
    #[must_use]
    pub fn memory_reserved(&self) -> usize {
        self.memory_pool().reserved()
    }

    /// The memory that all queries of the server share.
    pub(super) fn memory_pool(&self) -> Arc<dyn MemoryPool> {
        Arc::clone(&self.state.runtime_env().memory_pool)
    }

    /// The planner's state for one statement, which finds these tables by these keys.
    pub(super) fn state(
        &self,
        names: &Names,
        actor: &str,
        tables: Vec<(String, Arc<dyn TableProvider>)>,
    ) -> SqlResult<SessionState> {
        let schema = MemorySchemaProvider::new();
        for (key, table) in tables {
            schema.register_table(key, table)?;
        }
        let catalog = MemoryCatalogProvider::new();
        catalog.register_schema(SCHEMA, Arc::new(schema))?;
        let list = MemoryCatalogProviderList::new();
        datafusion::catalog::CatalogProviderList::register_catalog(
            &list,
            CATALOG.to_owned(),
            Arc::new(catalog),
        );
        // A copy: to build one anew would register every function again.
        let mut state = self.state.clone();
        state.register_catalog_list(Arc::new(list));
        functions::register(&mut state, names, actor)?;
        // `now()` is the time at which the statement was planned.
        state.mark_start_execution();
        Ok(state)
    }
}

/// The schemas in which a new session looks for names without one.
pub(super) fn first_search_path(scope: &Scope) -> Vec<String> {
    let schema = match &scope.view {
        ViewOf::Warehouse => scope.warehouse.default_branch.to_string(),
        ViewOf::Ref(_) => crate::base::name::DEFAULT_NAMESPACE.to_owned(),
    };
    vec![quoted_schema(&schema)]
}

/// Says what a database is where one is not there.
fn no_database(database: &str, error: SqlError) -> SqlError {
    if matches!(error.state, SqlState::InvalidCatalogName | SqlState::UndefinedObject) {
        let message = format!("database {database:?} does not exist: {}", error.message);
        return SqlError::new(SqlState::InvalidCatalogName, message)
            .with_hint("name a warehouse, or a warehouse and a ref: lake, lake@main");
    }
    error
}

/// A schema as it stands in `search_path`: one level, quoted where it holds a dot.
#[must_use]
pub fn quoted_schema(level: &str) -> String {
    if level.contains(['.', '"']) {
        format!("\"{}\"", level.replace('"', "\"\""))
    } else {
        level.to_owned()
    }
}
