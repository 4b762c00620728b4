//! Functions that tell a client where it is: database, schema, user, version.

use std::sync::Arc;

use arrow::array::{ArrayRef, ListArray, StringArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field};
use datafusion::common::{ScalarValue, not_impl_err};
use datafusion::execution::FunctionRegistry as _;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf};

use super::engine::quoted_schema;
use super::error::SqlResult;
use super::names::{Names, split_dotted};
use crate::catalog::address::ViewOf;

/// What `version()` and the parameter `server_version` say: the PostgreSQL release whose dialect this is.
pub(super) const SERVER_VERSION: &str = "16.0";

/// Registers the functions for one statement of a session.
pub(super) fn register(state: &mut SessionState, names: &Names, actor: &str) -> SqlResult<()> {
    let version = format!("PostgreSQL {SERVER_VERSION} (Nunatak {})", env!("CARGO_PKG_VERSION"));
    let constants = [
        ("current_database", Some(names.database())),
        ("current_catalog", Some(names.database())),
        ("current_schema", names.search_path.first().map(|schema| shown(names, schema))),
        ("current_user", Some(actor.to_owned())),
        ("session_user", Some(actor.to_owned())),
        ("version", Some(version)),
    ];
    for (name, value) in constants {
        state.register_udf(Arc::new(constant(name, value)))?;
    }
    let path = names.search_path.iter().map(|schema| shown(names, schema)).collect();
    state.register_udf(Arc::new(schemas(path)))?;
    Ok(())
}

/// A schema of the search path as it is named elsewhere: a whole ref is written without quotes.
fn shown(names: &Names, schema: &str) -> String {
    match (&names.scope.view, split_dotted(schema).as_slice()) {
        (ViewOf::Warehouse, [one]) => one.clone(),
        (ViewOf::Ref(_), [one]) => quoted_schema(one),
        _ => schema.to_owned(),
    }
}

fn constant(name: &str, value: Option<String>) -> ScalarUDF {
    let answer =
        move |_: &[ColumnarValue]| Ok(ColumnarValue::Scalar(ScalarValue::Utf8(value.clone())));
    create_udf(name, Vec::new(), DataType::Utf8, Volatility::Stable, Arc::new(answer))
}

/// The schemas of the search path; asked so, with the one that is always searched first.
fn schemas(path: Vec<String>) -> ScalarUDF {
    let item = Arc::new(Field::new("item", DataType::Utf8, true));
    let list = DataType::List(Arc::clone(&item));
    let answer = move |arguments: &[ColumnarValue]| {
        let all = match arguments {
            [ColumnarValue::Scalar(ScalarValue::Boolean(all))] => all.unwrap_or(false),
            _ => return not_impl_err!("current_schemas() of what only the rows tell"),
        };
        let system = all.then(|| "pg_catalog".to_owned());
        let path: Vec<&String> = system.iter().chain(&path).collect();
        let values: ArrayRef = Arc::new(StringArray::from_iter_values(path.iter()));
        let offsets = OffsetBuffer::from_lengths([path.len()]);
        let list = ListArray::try_new(Arc::clone(&item), offsets, values, None)?;
        Ok(ColumnarValue::Scalar(ScalarValue::List(Arc::new(list))))
    };
    create_udf(
        "current_schemas",
        vec![DataType::Boolean],
        list,
        Volatility::Stable,
        Arc::new(answer),
    )
}
