//! Values for `$1`, `$2`, … from JSON.

use std::sync::Arc;

use arrow::datatypes::DataType;
use serde_json::value::RawValue;

use crate::sql::error::{SqlError, SqlResult, SqlState};
use crate::sql::outcome::Value;
use crate::sql::parameter::type_of_text;
use crate::sql::session::Session;
use crate::sql::syntax::statement::Parsed;

/// Reads the values for the parameters of the only statement.
///
/// # Errors
/// `InvalidParameterValue` if there are several statements, values too many or too few, or a value that is
/// no scalar; `DataException` for a text that its place cannot take.
pub(super) async fn read(
    session: &mut Session,
    statements: &[Arc<Parsed>],
    given: &[Box<RawValue>],
) -> SqlResult<Vec<Value>> {
    if given.is_empty() {
        return Ok(Vec::new());
    }
    let [statement] = statements else {
        return Err(wrong(format!(
            "parameters go with a single statement, and there are {}",
            statements.len()
        )));
    };
    let types = session.describe(statement, &[]).await?.parameters;
    if types.len() != given.len() {
        return Err(wrong(format!(
            "the statement has {} parameters, and {} values were given",
            types.len(),
            given.len()
        )));
    }
    let pairs = given.iter().zip(&types).enumerate();
    pairs.map(|(index, (value, data_type))| one(index, value.get(), data_type)).collect()
}

fn wrong(message: String) -> SqlError {
    SqlError::new(SqlState::InvalidParameterValue, message)
}

fn one(index: usize, json: &str, data_type: &DataType) -> SqlResult<Value> {
    let number = index.saturating_add(1);
    let refused = || wrong(format!("the value of ${number} is no null, boolean, number or string"));
    let value: serde_json::Value = serde_json::from_str(json).map_err(|_| refused())?;
    match value {
        serde_json::Value::Null => Ok(Value::try_from(data_type)?),
        serde_json::Value::Bool(flag) => Ok(Value::Boolean(Some(flag))),
        serde_json::Value::Number(_) if !json.contains(['.', 'e', 'E']) => {
            // A number that does not fit would be rounded to a float.
            json.parse().map(|whole| Value::Int64(Some(whole))).map_err(|_| {
                wrong(format!("the value of ${number} has more than 64 bits"))
                    .with_hint("send it as a string, and cast the parameter to numeric")
            })
        }
        serde_json::Value::Number(float) => {
            float.as_f64().map(|float| Value::Float64(Some(float))).ok_or_else(refused)
        }
        serde_json::Value::String(text) => typed(number, text, data_type),
        serde_json::Value::Array(_) | serde_json::Value::Object(_) => Err(refused()),
    }
}

/// A text as what its place needs, like a literal in quotes.
fn typed(number: usize, text: String, data_type: &DataType) -> SqlResult<Value> {
    let Some(target) = type_of_text(&text, data_type) else {
        return Err(wrong(format!("the value of ${number} is no decimal: {text:?}")));
    };
    let shown = format!("{text:?}");
    Value::Utf8(Some(text)).cast_to(&target).map_err(|error| {
        SqlError::new(
            SqlState::DataException,
            format!(
                "the value of ${number}, {shown}, is no {}: {}",
                super::column::type_name(data_type),
                SqlError::from(error).message
            ),
        )
    })
}
