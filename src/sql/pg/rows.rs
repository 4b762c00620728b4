//! Rows of a relation in the making. Only the columns that a query reads are kept.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int16Array, Int32Array, Int64Array, ListBuilder,
    StringArray, StringBuilder, TimestampMicrosecondArray, new_null_array,
};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};

use super::layout::{Kind, Layout};
use crate::sql::error::{SqlError, SqlResult, SqlState};

/// One value.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Value {
    Null,
    Text(String),
    Int(i64),
    Real(f64),
    Bool(bool),
    Texts(Vec<String>),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// Rows by columns.
pub(super) struct Rows {
    columns: Vec<(&'static str, Kind, Vec<Value>)>,
    count: usize,
}

impl Rows {
    /// No rows yet, of the columns at these places; of all for `None`.
    pub(super) fn new(layout: &Layout, projection: Option<&Vec<usize>>) -> Self {
        let all: Vec<usize> = (0..layout.columns.len()).collect();
        let columns = projection
            .unwrap_or(&all)
            .iter()
            .filter_map(|at| layout.columns.get(*at))
            .map(|(name, kind)| (*name, *kind, Vec::new()))
            .collect();
        Self { columns, count: 0 }
    }

    /// Whether one of these columns is read.
    pub(super) fn reads(&self, names: &[&str]) -> bool {
        self.columns.iter().any(|(name, ..)| names.contains(name))
    }

    /// Adds a row; what is not named is as in `rest`, and what is not named there is NULL.
    pub(super) fn push(&mut self, values: &[(&str, Value)], rest: &[(&str, Value)]) {
        self.count += 1;
        for (name, _, cells) in &mut self.columns {
            let known = values.iter().chain(rest).find(|(other, _)| other == name);
            cells.push(known.map_or(Value::Null, |(_, value)| value.clone()));
        }
    }

    /// The rows as a batch with this schema.
    pub(super) fn batch(self, schema: SchemaRef) -> SqlResult<RecordBatch> {
        let arrays = self.columns.iter().map(|(_, kind, cells)| array(*kind, cells)).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.count));
        RecordBatch::try_new_with_options(schema, arrays, &options)
            .map_err(|error| SqlError::new(SqlState::InternalError, error.to_string()))
    }
}

fn array(kind: Kind, cells: &[Value]) -> ArrayRef {
    let number = |cell: &Value| match cell {
        Value::Int(number) => Some(*number),
        _ => None,
    };
    match kind {
        Kind::Text => Arc::new(cells.iter().map(text).collect::<StringArray>()),
        Kind::Oid | Kind::Int8 => Arc::new(cells.iter().map(number).collect::<Int64Array>()),
        Kind::Int2 => {
            let small = |cell| number(cell).and_then(|number| i16::try_from(number).ok());
            Arc::new(cells.iter().map(small).collect::<Int16Array>())
        }
        Kind::Int4 => {
            let small = |cell| number(cell).and_then(|number| i32::try_from(number).ok());
            Arc::new(cells.iter().map(small).collect::<Int32Array>())
        }
        Kind::Float8 => {
            let real = |cell: &Value| match cell {
                Value::Real(number) => Some(*number),
                _ => None,
            };
            Arc::new(cells.iter().map(real).collect::<Float64Array>())
        }
        Kind::Bool => {
            let truth = |cell: &Value| match cell {
                Value::Bool(value) => Some(*value),
                _ => None,
            };
            Arc::new(cells.iter().map(truth).collect::<BooleanArray>())
        }
        Kind::Time => {
            let times = cells.iter().map(number).collect::<TimestampMicrosecondArray>();
            Arc::new(times.with_timezone("+00:00"))
        }
        Kind::Texts => {
            let mut lists = ListBuilder::new(StringBuilder::new());
            for cell in cells {
                match cell {
                    Value::Texts(texts) => lists.append_value(texts.iter().map(Some)),
                    _ => lists.append_null(),
                }
            }
            Arc::new(lists.finish())
        }
        // What these would tell is not known of anything here.
        Kind::Oids | Kind::Int2s | Kind::Floats => new_null_array(&kind.data_type(), cells.len()),
    }
}

fn text(cell: &Value) -> Option<&str> {
    match cell {
        Value::Text(text) => Some(text),
        _ => None,
    }
}
