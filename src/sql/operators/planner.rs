//! Where the planner meets an operator or a call that it would carry out in its own way.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::{Placeholder, WindowFunction};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr, RawWindowExpr};
use datafusion::logical_expr::{Expr, ExprFunctionExt as _, ExprSchemable as _, ScalarUDF, cast};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::{Arithmetic, arithmetic};
use crate::sql::error::SqlError;

/// Plans operators as functions of ours.
#[derive(Debug)]
pub(in crate::sql) struct Operators {
    arithmetic: Vec<(Arithmetic, Arc<ScalarUDF>)>,
}

impl Operators {
    pub(in crate::sql) fn new() -> Self {
        Self { arithmetic: arithmetic::functions() }
    }

    fn function(&self, operator: &BinaryOperator) -> Option<Arc<ScalarUDF>> {
        let wanted = match operator {
            BinaryOperator::Plus => Arithmetic::Add,
            BinaryOperator::Minus => Arithmetic::Subtract,
            BinaryOperator::Multiply => Arithmetic::Multiply,
            BinaryOperator::Divide => Arithmetic::Divide,
            BinaryOperator::Modulo => Arithmetic::Remainder,
            _ => return None,
        };
        self.arithmetic
            .iter()
            .find(|(operator, _)| *operator == wanted)
            .map(|(_, function)| Arc::clone(function))
    }

    /// The remainder, which is also called `mod(a, b)`.
    pub(in crate::sql) fn remainder(&self) -> Option<Arc<ScalarUDF>> {
        self.function(&BinaryOperator::Modulo)
    }
}

impl ExprPlanner for Operators {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        let Some(function) = self.function(&expr.op) else {
            return Ok(PlannerResult::Original(expr));
        };
        let RawBinaryExpr { left, right, .. } = expr;
        let (left, right) = (narrow(left), narrow(right));
        let left = typed(left, &right, schema);
        let right = typed(right, &left, schema);
        Ok(PlannerResult::Planned(function.call(vec![left, right])))
    }

    fn plan_window(&self, expr: RawWindowExpr) -> Result<PlannerResult<RawWindowExpr>> {
        // PostgreSQL counts rows in signed numbers, which can also be stored and subtracted from.
        if expr.func_def.name() == "ntile" {
            // The planner's gives the rows that are over to other groups.
            return Err(SqlError::unsupported("ntile()").into());
        }
        let counts = matches!(expr.func_def.name(), "row_number" | "rank" | "dense_rank");
        if !counts {
            return Ok(PlannerResult::Original(expr));
        }
        let RawWindowExpr {
            func_def,
            args,
            partition_by,
            order_by,
            window_frame,
            filter,
            null_treatment,
            distinct,
        } = expr;
        let mut builder = Expr::from(WindowFunction::new(func_def, args))
            .partition_by(partition_by)
            .order_by(order_by)
            .window_frame(window_frame);
        if let Some(filter) = filter {
            builder = builder.filter(*filter);
        }
        if let Some(treatment) = null_treatment {
            builder = builder.null_treatment(treatment);
        }
        if distinct {
            builder = builder.distinct();
        }
        Ok(PlannerResult::Planned(cast(builder.build()?, DataType::Int64)))
    }
}

/// A number written out is an `integer` in PostgreSQL where it fits one.
fn narrow(expr: Expr) -> Expr {
    match expr {
        Expr::Literal(ScalarValue::Int64(Some(number)), metadata) => match i32::try_from(number) {
            Ok(number) => Expr::Literal(ScalarValue::Int32(Some(number)), metadata),
            Err(_) => Expr::Literal(ScalarValue::Int64(Some(number)), metadata),
        },
        other => other,
    }
}

/// Gives an operand without a type, a parameter or a text written out, that of the other one.
fn typed(expr: Expr, other: &Expr, schema: &DFSchema) -> Expr {
    match expr {
        Expr::Placeholder(Placeholder { id, field: None }) => {
            let kind = other.get_type(schema).ok().filter(|kind| kind.is_numeric());
            let field = kind.map(|kind| Arc::new(Field::new(id.clone(), kind, true)));
            Expr::Placeholder(Placeholder { id, field })
        }
        Expr::Literal(ScalarValue::Utf8(Some(text)), metadata) => {
            let literal = Expr::Literal(ScalarValue::Utf8(Some(text)), metadata);
            match other.get_type(schema) {
                Ok(kind) if kind.is_numeric() || kind.is_temporal() => cast(literal, kind),
                _ => literal,
            }
        }
        other => other,
    }
}
