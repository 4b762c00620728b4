//! Settles, once a statement is optimized, what it asks of each relation: a schema that is named in a condition
//! on one relation is asked of those that are joined with it, too.
//!
//! `pg_class JOIN pg_namespace … WHERE nspname = 'ingest'` names no schema of `pg_class`. Here equal columns
//! lead from one scan to another. What one is asked goes over to another only where rows of the other that do
//! not answer it cannot change the result: both ways in an inner join, from the kept side of an outer join to
//! the other one, never through a limit or an aggregate that they would count in.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode as _};
use datafusion::common::{JoinType, Result};
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::logical_expr::{Distinct, Expr, Join, LogicalPlan, Operator, TableScan};
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

use super::need::{Need, Role, role};
use super::table::{PgTable, Question};
use super::world::{PG_CATALOG_OID, World};

/// The rule.
#[derive(Debug)]
pub(in crate::sql) struct Narrow;

/// A column of a scan.
#[derive(Clone, Copy, Debug)]
struct Origin {
    scan: usize,
    role: Role,
}

struct Scan {
    table: PgTable,
    need: Need,
}

/// From a scan to one whose rows matter only where they meet it.
struct Edge {
    from: usize,
    to: usize,
    role: Role,
}

#[derive(Default)]
struct Walk {
    scans: Vec<Scan>,
    edges: Vec<Edge>,
    /// Schemas named in conditions that are on no scan alone.
    between: Need,
}

impl OptimizerRule for Narrow {
    fn name(&self) -> &'static str {
        "nunatak_narrow"
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let mut walk = Walk::default();
        walk.visit(&plan);
        if walk.scans.is_empty() {
            return Ok(Transformed::no(plan));
        }
        let tables = walk.settled();
        let mut next = tables.into_iter();
        plan.transform_up(|node| match node {
            LogicalPlan::TableScan(scan) if pg_table(&scan).is_some() => match next.next() {
                Some(table) => Ok(replaced(scan, table)),
                None => Ok(Transformed::no(LogicalPlan::TableScan(scan))),
            },
            other => Ok(Transformed::no(other)),
        })
    }
}

fn replaced(mut scan: TableScan, table: PgTable) -> Transformed<LogicalPlan> {
    if pg_table(&scan).is_some_and(|old| old.question == table.question) {
        return Transformed::no(LogicalPlan::TableScan(scan));
    }
    scan.source = provider_as_source(Arc::new(table));
    Transformed::yes(LogicalPlan::TableScan(scan))
}

fn pg_table(scan: &TableScan) -> Option<PgTable> {
    let provider = source_as_provider(&scan.source).ok()?;
    provider.as_any().downcast_ref::<PgTable>().cloned()
}

type Origins = Vec<Option<Origin>>;

impl Walk {
    /// Where the columns of a plan come from.
    fn visit(&mut self, plan: &LogicalPlan) -> Origins {
        let width = plan.schema().fields().len();
        let inputs: Vec<Origins> = match plan {
            LogicalPlan::TableScan(scan) => return self.scan(scan, width),
            other => other.inputs().into_iter().map(|input| self.visit(input)).collect(),
        };
        match plan {
            LogicalPlan::Filter(filter) => self.between.mention(&filter.predicate),
            LogicalPlan::Join(Join { filter: Some(filter), .. }) => self.between.mention(filter),
            _ => {}
        }
        let origins = match (plan, inputs.as_slice()) {
            (
                LogicalPlan::Filter(_)
                | LogicalPlan::SubqueryAlias(_)
                | LogicalPlan::Repartition(_)
                | LogicalPlan::Distinct(Distinct::All(_)),
                [input],
            ) => input.clone(),
            (LogicalPlan::Sort(sort), [input]) if sort.fetch.is_none() => input.clone(),
            (LogicalPlan::Projection(projection), [input]) => {
                let schema = projection.input.schema();
                let origin = |expr: &Expr| origin(expr, schema, input);
                projection.expr.iter().map(origin).collect()
            }
            (LogicalPlan::Aggregate(aggregate), [input]) => {
                let schema = aggregate.input.schema();
                let origin = |expr: &Expr| origin(expr, schema, input);
                let sets =
                    aggregate.group_expr.iter().any(|expr| matches!(expr, Expr::GroupingSet(_)));
                if sets { Vec::new() } else { aggregate.group_expr.iter().map(origin).collect() }
            }
            (LogicalPlan::Join(join), [left, right]) => self.join(join, left, right),
            _ => Vec::new(),
        };
        // What is not followed has no origin.
        let mut origins = origins;
        origins.resize(width, None);
        origins
    }

    fn scan(&mut self, scan: &TableScan, width: usize) -> Origins {
        let Some(table) = pg_table(scan) else { return vec![None; width] };
        let need = table.need(&scan.filters);
        let at = self.scans.len();
        let (schema, name) = (table.layout.schema, table.layout.name);
        let filled = table.layout.filled;
        let fields = scan.projected_schema.fields().iter();
        let origins = fields
            .map(|field| {
                let known = if filled { role(schema, name, field.name()) } else { None };
                Some(Origin { scan: at, role: known.unwrap_or(Role::Other) })
            })
            .collect();
        self.scans.push(Scan { table, need });
        origins
    }

    fn join(&mut self, join: &Join, left: &Origins, right: &Origins) -> Origins {
        let (to_right, to_left) = match join.join_type {
            JoinType::Inner | JoinType::LeftSemi | JoinType::RightSemi => (true, true),
            JoinType::Left | JoinType::LeftAnti | JoinType::LeftMark => (true, false),
            JoinType::Right | JoinType::RightAnti | JoinType::RightMark => (false, true),
            JoinType::Full => (false, false),
        };
        let mut pairs: Vec<(&Expr, &Expr)> = join.on.iter().map(|(l, r)| (l, r)).collect();
        if let Some(filter) = &join.filter {
            equalities(filter, &mut pairs);
        }
        for (one, other) in pairs {
            let sides = |expr: &Expr| {
                let at_left = origin(expr, join.left.schema(), left);
                (at_left, origin(expr, join.right.schema(), right))
            };
            let (from_left, from_right) = match (sides(one), sides(other)) {
                ((Some(l), _), (_, Some(r))) | ((_, Some(r)), (Some(l), _)) => (Some(l), Some(r)),
                ((l, r), (other_l, other_r)) => (l.or(other_l), r.or(other_r)),
            };
            match (from_left, from_right) {
                (Some(l), Some(r)) => {
                    if to_right {
                        self.meets(l, r);
                    }
                    if to_left {
                        self.meets(r, l);
                    }
                }
                // Equal to something that only the rows tell.
                (Some(one), None) | (None, Some(one)) => self.open(one),
                (None, None) => {}
            }
        }
        match join.join_type {
            JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark => left.clone(),
            JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark => right.clone(),
            JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full => {
                left.iter().chain(right).copied().collect()
            }
        }
    }

    /// Rows of `to` matter only where they meet a row of `from`.
    fn meets(&mut self, from: Origin, to: Origin) {
        if from.role == to.role {
            self.edges.push(Edge { from: from.scan, to: to.scan, role: to.role });
            return;
        }
        let Some(scan) = self.scans.get_mut(to.scan) else { return };
        // No other column of these relations holds such an OID.
        match (to.role, from.role) {
            (Role::SchemaOid, Role::System) => {
                scan.need.schema_oids.insert([PG_CATALOG_OID].into());
            }
            (Role::SchemaOid, _) => drop(scan.need.schema_oids.insert(BTreeSet::new())),
            (Role::RelationOid, _) => drop(scan.need.relation_oids.insert(BTreeSet::new())),
            _ => {}
        }
    }

    fn open(&mut self, origin: Origin) {
        if matches!(origin.role, Role::RelationOid | Role::SchemaOid)
            && let Some(scan) = self.scans.get_mut(origin.scan)
        {
            scan.need.any_oid = true;
        }
    }

    /// The relations with what each is asked, in the order of the scans.
    fn settled(mut self) -> Vec<PgTable> {
        loop {
            let mut changed = false;
            for Edge { from, to, role } in &self.edges {
                let Some(source) = self.scans.get(*from).map(|scan| scan.need.clone()) else {
                    continue;
                };
                let Some(target) = self.scans.get_mut(*to) else { continue };
                let before = target.need.clone();
                target.need.absorb(&source, *role);
                changed |= target.need != before;
            }
            if !changed {
                break;
            }
        }
        let mut worlds: Vec<Arc<World>> = Vec::new();
        let named: Vec<Need> = self
            .scans
            .iter()
            .map(|scan| &scan.need)
            .chain([&self.between])
            .filter(|need| need.names_schemas() || !need.mentioned.is_empty())
            .cloned()
            .collect();
        self.scans
            .into_iter()
            .map(|scan| {
                // All scans of one view of a warehouse see the same states.
                let same = worlds.iter().find(|world| world.same(&scan.table.world));
                let world = match same {
                    Some(world) => Arc::clone(world),
                    None => {
                        worlds.push(Arc::clone(&scan.table.world));
                        Arc::clone(&scan.table.world)
                    }
                };
                let question = Question { need: scan.need, named: named.clone() };
                scan.table.asked(world, question)
            })
            .collect()
    }
}

fn origin(expr: &Expr, schema: &datafusion::common::DFSchema, origins: &Origins) -> Option<Origin> {
    match expr {
        Expr::Column(column) => {
            let at = schema.maybe_index_of_column(column)?;
            origins.get(at).copied().flatten()
        }
        Expr::Alias(alias) => origin(&alias.expr, schema, origins),
        _ => None,
    }
}

/// The pairs of expressions that must be equal.
fn equalities<'a>(filter: &'a Expr, pairs: &mut Vec<(&'a Expr, &'a Expr)>) {
    if let Expr::BinaryExpr(binary) = filter {
        match binary.op {
            Operator::And => {
                equalities(&binary.left, pairs);
                equalities(&binary.right, pairs);
            }
            Operator::Eq => pairs.push((&binary.left, &binary.right)),
            _ => {}
        }
    }
}
