//! Calls of functions that the planner has by the same name, with other rules.

use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, ObjectName, Value,
};

use super::made::function;
use crate::sql::bind::folded;

/// A call in words with which the planner answers as PostgreSQL does.
pub(super) fn call(expr: &mut Expr) {
    let Expr::Function(written) = expr else { return };
    let Some(name) = plain_name(&written.name) else { return };
    match name.as_str() {
        // Rows, where a value stands.
        "generate_series" => {
            let series = std::mem::replace(expr, Expr::Value(Value::Null.into()));
            *expr = function("unnest", vec![series]);
        }
        // `$1` is a text there; groups are written with a backslash in both.
        "regexp_replace" => {
            if let Some(by) = argument(written, 2) {
                doubled(by);
            }
        }
        // Every 76 characters end a line.
        "encode" if argument(written, 1).is_some_and(|form| is_text(form, "base64")) => {
            let long = std::mem::replace(expr, Expr::Value(Value::Null.into()));
            let text = |text: &str| Expr::Value(Value::SingleQuotedString(text.to_owned()).into());
            let lines = vec![long, text("(.{76})"), text("\\1\n"), text("g")];
            *expr = function("regexp_replace", lines);
        }
        _ => {}
    }
}

/// The name of a function that is called; `None` with a schema before it, which has no functions: `pg_catalog`
/// is taken off by then.
pub(super) fn plain_name(called: &ObjectName) -> Option<String> {
    match called.0.as_slice() {
        [name] => name.as_ident().map(folded),
        _ => None,
    }
}

fn argument(written: &mut Function, at: usize) -> Option<&mut Expr> {
    let FunctionArguments::List(list) = &mut written.args else { return None };
    match list.args.get_mut(at)? {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)) => Some(argument),
        _ => None,
    }
}

fn is_text(expr: &Expr, wanted: &str) -> bool {
    matches!(expr, Expr::Value(value)
        if matches!(&value.value, Value::SingleQuotedString(text) if text.eq_ignore_ascii_case(wanted)))
}

/// A text with every `$` twice.
fn doubled(by: &mut Expr) {
    if let Expr::Value(value) = by
        && let Value::SingleQuotedString(text) | Value::EscapedStringLiteral(text) =
            &mut value.value
    {
        *text = text.replace('$', "$$");
        return;
    }
    let text = |text: &str| Expr::Value(Value::SingleQuotedString(text.to_owned()).into());
    let by_value = std::mem::replace(by, Expr::Value(Value::Null.into()));
    *by = function("replace", vec![by_value, text("$"), text("$$")]);
}
