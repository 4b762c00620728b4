//! Conditions that rows of a filter have to meet, of which each can be asked for any row.
//!
//! The planner's AND asks its right side only for the rows that the left one leaves, once they are few. To take
//! those rows out of every column and to spread the answers again costs more than to compare numbers that
//! nobody asked for. So what is cheap is asked for all rows, and first.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array as _, AsArray as _, BooleanArray, BooleanBufferBuilder};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::{DataType, Schema};
use arrow::record_batch::RecordBatch;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{
    BinaryExpr, Column, IsNotNullExpr, IsNullExpr, Literal,
};

use super::narrow::Narrow;

/// Of so many rows, one at most is left when a dear condition is asked for what is left only.
const FEW: usize = 4;

/// True for rows for which all parts are. It is never null: what it says of the others holds for filters alone.
#[derive(Debug)]
pub(in crate::sql) struct Every {
    /// What is cheap comes first.
    parts: Vec<Arc<dyn PhysicalExpr>>,
    dear: Vec<Option<Narrow>>,
}

impl Every {
    /// All of these parts; the schema is that of the rows.
    ///
    /// # Errors
    /// For a part that does not go with the schema.
    pub(in crate::sql) fn new(parts: Vec<Arc<dyn PhysicalExpr>>, schema: &Schema) -> Result<Self> {
        let (mut cheap, mut dear) = (Vec::new(), Vec::new());
        for part in parts {
            if is_cheap(&part, schema)? { cheap.push(part) } else { dear.push(part) }
        }
        let narrow = dear.iter().map(|part| Some(Narrow::new(part)));
        let known = cheap.iter().map(|_| None).chain(narrow).collect();
        cheap.append(&mut dear);
        Ok(Self { parts: cheap, dear: known })
    }
}

/// Whether an expression compares numbers, days or the like, or asks whether something is null.
fn is_cheap(expr: &Arc<dyn PhysicalExpr>, schema: &Schema) -> Result<bool> {
    let place = |expr: &Arc<dyn PhysicalExpr>| {
        let any = expr.as_any();
        any.is::<Column>() || any.is::<Literal>()
    };
    let any = expr.as_any();
    if any.is::<IsNullExpr>() || any.is::<IsNotNullExpr>() {
        return Ok(expr.children().into_iter().all(place));
    }
    let Some(binary) = any.downcast_ref::<BinaryExpr>() else { return Ok(place(expr)) };
    Ok(binary.op().supports_propagation()
        && place(binary.left())
        && place(binary.right())
        && binary.left().data_type(schema)?.primitive_width().is_some())
}

/// Where an answer is true.
fn trues(answer: ColumnarValue, rows: usize) -> Result<BooleanBuffer> {
    if let ColumnarValue::Scalar(ScalarValue::Boolean(Some(all))) = answer {
        return Ok(if all { BooleanBuffer::new_set(rows) } else { BooleanBuffer::new_unset(rows) });
    }
    let answer = answer.into_array(rows)?;
    let answer = answer.as_boolean();
    Ok(match answer.nulls() {
        Some(known) => answer.values() & known.inner(),
        None => answer.values().clone(),
    })
}

/// The rows of those left that an answer, which is about those alone, is true for.
fn spread(left: &BooleanBuffer, answer: &BooleanBuffer) -> BooleanBuffer {
    let mut rows = BooleanBufferBuilder::new(left.len());
    rows.append_n(left.len(), false);
    for (at, row) in left.set_indices().enumerate() {
        if answer.value(at) {
            rows.set_bit(row, true);
        }
    }
    rows.finish()
}

impl PhysicalExpr for Every {
    fn as_any(&self) -> &dyn std::any::Any {
        self
    }

    fn data_type(&self, _schema: &Schema) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn nullable(&self, _schema: &Schema) -> Result<bool> {
        Ok(false)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let rows = batch.num_rows();
        let mut left: Option<(BooleanBuffer, usize)> = None;
        for (part, dear) in self.parts.iter().zip(&self.dear) {
            let found = match (&left, dear) {
                (Some((_, 0)), _) => break,
                (Some((left, count)), Some(dear)) if count * FEW <= rows => {
                    let selected = BooleanArray::new(left.clone(), None);
                    spread(left, &trues(dear.of(batch, &selected)?, *count)?)
                }
                (Some((left, _)), _) => left & &trues(part.evaluate(batch)?, rows)?,
                (None, _) => trues(part.evaluate(batch)?, rows)?,
            };
            let count = found.count_set_bits();
            left = Some((found, count));
        }
        let (left, _) = left.unwrap_or_else(|| (BooleanBuffer::new_set(rows), rows));
        Ok(ColumnarValue::Array(Arc::new(BooleanArray::new(left, None))))
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        self.parts.iter().collect()
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        if children.len() != self.parts.len() {
            return datafusion::common::internal_err!("all parts of a condition are needed");
        }
        let parts = children.iter().zip(&self.dear);
        let dear = parts.map(|(part, dear)| dear.as_ref().map(|_| Narrow::new(part))).collect();
        Ok(Arc::new(Self { parts: children, dear }))
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Every {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, part) in self.parts.iter().enumerate() {
            if at > 0 {
                f.write_str(" AND ")?;
            }
            write!(f, "{part}")?;
        }
        Ok(())
    }
}

impl PartialEq for Every {
    fn eq(&self, other: &Self) -> bool {
        self.parts == other.parts
    }
}

impl Eq for Every {}

impl Hash for Every {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts.hash(state);
    }
}
