//! `PARTITIONED BY (day(ts), bucket(16, id), …)`: Iceberg's transforms.

use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, Value,
};
use serde_json::json;

use crate::iceberg::table::partition::PartitionSpec;
use crate::sql::bind::folded;
use crate::sql::error::{SqlError, SqlResult, SqlState};

/// Reads the list. Sources are the places of `columns`, counted from 1, which are their ids in a new schema.
pub(super) fn read(list: &Expr, columns: &[String]) -> SqlResult<PartitionSpec> {
    let exprs: Vec<&Expr> = match list {
        Expr::Tuple(exprs) => exprs.iter().collect(),
        Expr::Nested(expr) => vec![expr],
        other => vec![other],
    };
    let mut fields = Vec::with_capacity(exprs.len());
    for expr in exprs {
        let (column, transform, suffix) = field(expr)?;
        let place = place(columns, &column)?;
        let source = columns.get(place).cloned().unwrap_or_default();
        fields.push(json!({
            "source-id": place + 1,
            "name": format!("{}{suffix}", plain(&source)),
            "transform": transform,
        }));
    }
    Ok(PartitionSpec::parse(&json!({ "fields": fields }).to_string())?)
}

/// A name that Avro takes for a field, which partition fields are in manifests: other characters are written
/// as the reference implementation does.
fn plain(name: &str) -> String {
    let mut plain = String::with_capacity(name.len());
    for (at, c) in name.chars().enumerate() {
        if c == '_' || c.is_ascii_alphabetic() || (at > 0 && c.is_ascii_digit()) {
            plain.push(c);
        } else if c.is_ascii_digit() {
            plain.push('_');
            plain.push(c);
        } else {
            plain.extend(format!("_x{:X}", u32::from(c)).chars());
        }
    }
    plain
}

fn place(columns: &[String], name: &str) -> SqlResult<usize> {
    let exact = columns.iter().position(|column| column == name);
    exact
        .or_else(|| columns.iter().position(|column| column.eq_ignore_ascii_case(name)))
        .ok_or_else(|| {
            SqlError::new(
                SqlState::UndefinedColumn,
                format!("column {name:?} named in partition key does not exist"),
            )
        })
}

/// The source, the transform in the specification's words, and what the field's name adds to the source's.
fn field(expr: &Expr) -> SqlResult<(String, String, &'static str)> {
    match expr {
        Expr::Nested(inner) => field(inner),
        Expr::Identifier(ident) => Ok((folded(ident), "identity".to_owned(), "")),
        Expr::Function(function) => call(function),
        // The parser knows these words.
        Expr::Extract { .. } => Err(unknown(expr)),
        other => Err(unknown(other)),
    }
}

fn unknown(expr: &Expr) -> SqlError {
    SqlError::syntax(format!("{expr} is no partition field")).with_hint(
        "a column, or year(c), month(c), day(c), hour(c), bucket(count, c), truncate(width, c)",
    )
}

fn call(function: &Function) -> SqlResult<(String, String, &'static str)> {
    let wrong = || unknown(&Expr::Function(function.clone()));
    let FunctionArguments::List(list) = &function.args else { return Err(wrong()) };
    let mut column: Option<&Ident> = None;
    let mut width: Option<&str> = None;
    for argument in &list.args {
        match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Identifier(ident)))
                if column.is_none() =>
            {
                column = Some(ident);
            }
            FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(value))) if width.is_none() => {
                let Value::Number(number, _) = &value.value else { return Err(wrong()) };
                width = Some(number);
            }
            _ => return Err(wrong()),
        }
    }
    let name = function.name.to_string().to_lowercase();
    let column = folded(column.ok_or_else(wrong)?);
    let (transform, suffix) = match (name.as_str(), width) {
        ("identity", None) => ("identity", ""),
        ("year" | "years", None) => ("year", "_year"),
        ("month" | "months", None) => ("month", "_month"),
        ("day" | "days" | "date", None) => ("day", "_day"),
        ("hour" | "hours", None) => ("hour", "_hour"),
        ("bucket", Some(_)) => ("bucket", "_bucket"),
        ("truncate" | "trunc", Some(_)) => ("truncate", "_trunc"),
        _ => return Err(wrong()),
    };
    let transform = match width {
        None => transform.to_owned(),
        Some(width) => {
            let number: i32 = width.parse().ok().filter(|number| *number > 0).ok_or_else(wrong)?;
            format!("{transform}[{number}]")
        }
    };
    Ok((column, transform, suffix))
}
