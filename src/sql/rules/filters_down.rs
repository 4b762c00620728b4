//! Filters go down to the scans, but never to a column that only has the name of the one they are about.
//!
//! A join tells the scan of its other side which keys it looks for, a sort with a limit which rows are too late.
//! The planner's rule takes such filters down from node to node, and finds their columns below by name.

use std::any::Any;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::Schema;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode as _};
use datafusion::common::{JoinType, NullEquality, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::joins::HashJoinExec;
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};

/// The planner's rules, of which those that take filters down do it with care.
pub(super) fn rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let rules = PhysicalOptimizer::new().rules.into_iter();
    rules
        .map(|rule| match rule.name().starts_with("FilterPushdown") {
            true => Arc::new(FiltersDown(rule)) as Arc<_>,
            false => rule,
        })
        .collect()
}

/// One of the planner's rules, which sees a wall wherever a name could mean another column.
#[derive(Debug)]
struct FiltersDown(Arc<dyn PhysicalOptimizerRule + Send + Sync>);

impl PhysicalOptimizerRule for FiltersDown {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let walled = plan.transform_up(walled)?;
        let done = self.0.optimize(walled.data, config)?;
        if !walled.transformed {
            return Ok(done);
        }
        opened(done)
    }

    fn name(&self) -> &str {
        self.0.name()
    }

    fn schema_check(&self) -> bool {
        self.0.schema_check()
    }
}

/// The same plan without walls.
pub(super) fn opened(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let open = plan.transform_up(|plan| {
        Ok(match plan.as_any().downcast_ref::<Wall>() {
            Some(Wall(inner)) => Transformed::yes(Arc::clone(inner)),
            None => Transformed::no(plan),
        })
    });
    Ok(open?.data)
}

/// Puts a wall between a node and those below it that it would tell something else.
fn walled(plan: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    let below: Vec<_> = plan.children().into_iter().map(Arc::clone).collect();
    let parts = below.iter().enumerate();
    let closed: Vec<bool> = parts.map(|(at, part)| !understood(plan.as_ref(), at, part)).collect();
    if closed.iter().all(|closed| !closed) {
        return Ok(Transformed::no(plan));
    }
    let wall = |(part, closed)| match closed {
        true => Arc::new(Wall(part)) as Arc<dyn ExecutionPlan>,
        false => part,
    };
    let below = below.into_iter().zip(closed).map(wall).collect();
    Ok(Transformed::yes(plan.with_new_children(below)?))
}

/// Whether a filter means the same when a node sends it to the one below it.
fn understood(plan: &dyn ExecutionPlan, at: usize, below: &Arc<dyn ExecutionPlan>) -> bool {
    let schema = below.schema();
    if !unique(&schema) {
        return false;
    }
    // It takes filters from above into itself, by their names.
    if let Some(filter) = below.as_any().downcast_ref::<FilterExec>()
        && !unique(&filter.input().schema())
    {
        return false;
    }
    let any = plan.as_any();
    if let Some(join) = any.downcast_ref::<HashJoinExec>() {
        return joined(join, at, &schema);
    }
    if any.is::<UnionExec>() {
        let own = plan.schema();
        let names = own.fields().iter().zip(schema.fields());
        return names.into_iter().all(|(own, below)| own.name() == below.name());
    }
    if let Some(aggregate) = any.downcast_ref::<AggregateExec>() {
        return grouped(aggregate, &schema);
    }
    true
}

/// Whether filters of a join, and of what is above it, may go to one of its sides.
fn joined(join: &HashJoinExec, at: usize, side: &Schema) -> bool {
    let keys = join.on().iter();
    let (hidden, keys): (usize, Vec<(Name<'_>, Name<'_>)>) = match join.join_type() {
        // It tells its right side which keys are on the left, and says nothing of nulls.
        JoinType::Inner => {
            return at == 0 || join.null_equality() == NullEquality::NullEqualsNothing;
        }
        JoinType::LeftSemi | JoinType::LeftAnti => {
            (1, keys.map(|(left, right)| (name(left), name(right))).collect())
        }
        JoinType::RightSemi | JoinType::RightAnti => {
            (0, keys.map(|(left, right)| (name(right), name(left))).collect())
        }
        _ => return true,
    };
    if at != hidden {
        return true;
    }
    // A null that a filter leaves out there would decide about all rows.
    if join.null_aware {
        return false;
    }
    // Filters of keys that are shown go to the side that is not, for its columns of the same names.
    keys.iter().all(|(shown, _)| {
        shown.is_none_or(|shown| {
            side.index_of(shown).is_err() || keys.contains(&(Some(shown), Some(shown)))
        })
    })
}

type Name<'a> = Option<&'a str>;

fn name(key: &Arc<dyn PhysicalExpr>) -> Name<'_> {
    key.as_any().downcast_ref::<Column>().map(Column::name)
}

/// Whether filters of groups are told from those of aggregates: by name and place, of a column above it and
/// of one below.
fn grouped(aggregate: &AggregateExec, below: &Schema) -> bool {
    let groups = aggregate.group_expr().expr();
    let own = aggregate.schema();
    own.fields().iter().zip(below.fields()).enumerate().all(|(at, (own, below))| {
        let group = groups.get(at).map(|(expr, _)| expr);
        own.name() != below.name() || group.is_some_and(|group| name(group) == Some(own.name()))
    })
}

/// Whether no two columns have the same name.
pub(super) fn unique(schema: &Schema) -> bool {
    let mut names = BTreeSet::new();
    schema.fields().iter().all(|field| names.insert(field.name()))
}

/// Lets rows through, and no filter.
#[derive(Debug)]
pub(super) struct Wall(pub(super) Arc<dyn ExecutionPlan>);

impl DisplayAs for Wall {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wall")
    }
}

impl ExecutionPlan for Wall {
    fn name(&self) -> &str {
        "Wall"
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.0.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.0]
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let inner = children.into_iter().next();
        Ok(Arc::new(Self(inner.unwrap_or_else(|| Arc::clone(&self.0)))))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        self.0.execute(partition, context)
    }
}
