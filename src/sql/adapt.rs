//! The last look at a statement before it is planned: what the planner would read otherwise than PostgreSQL
//! does is put into words that both read alike, or refused.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList,
    FunctionArguments, Ident, JoinConstraint, JoinOperator, ObjectName, Query, Select, SelectItem,
    SetExpr, SetOperator, SetQuantifier, Statement, TableFactor, TableWithJoins, TimezoneInfo,
    Value, VisitMut as _, VisitorMut, With,
};

use super::error::{SqlError, SqlResult};

/// Puts a statement into words that the planner reads as PostgreSQL does.
///
/// # Errors
/// `FeatureNotSupported` where there are none.
pub(super) fn adapt(statement: &mut Statement) -> SqlResult<()> {
    match statement.visit(&mut Adapter) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

struct Adapter;

impl VisitorMut for Adapter {
    type Break = SqlError;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<SqlError> {
        flow(recursive_columns(query.with.as_mut()).and_then(|()| body(&query.body)))
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<SqlError> {
        match factor {
            TableFactor::NestedJoin { table_with_joins, .. } => flow(joins(table_with_joins)),
            _ => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<SqlError> {
        flow(expression(expr))
    }
}

fn flow(result: SqlResult<()>) -> ControlFlow<SqlError> {
    match result {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => ControlFlow::Break(error),
    }
}

fn body(expr: &SetExpr) -> SqlResult<()> {
    match expr {
        SetExpr::Select(select) => selected(select),
        SetExpr::SetOperation { op, set_quantifier, left, right } => {
            let distinct = matches!(set_quantifier, SetQuantifier::None | SetQuantifier::Distinct);
            // The planner joins both sides, which loses how often a row is there.
            if *op != SetOperator::Union && !distinct {
                return Err(SqlError::unsupported(format_args!("{op} {set_quantifier}")));
            }
            body(left)?;
            body(right)
        }
        _ => Ok(()),
    }
}

fn selected(select: &Select) -> SqlResult<()> {
    select.from.iter().try_for_each(joins)
}

/// A column that a join merges is that of the left side for the planner, which has none there.
fn joins(tables: &TableWithJoins) -> SqlResult<()> {
    for join in &tables.joins {
        let constraint = match &join.join_operator {
            JoinOperator::Right(constraint)
            | JoinOperator::RightOuter(constraint)
            | JoinOperator::FullOuter(constraint) => constraint,
            _ => continue,
        };
        if matches!(constraint, JoinConstraint::Using(_) | JoinConstraint::Natural) {
            return Err(SqlError::unsupported("USING or NATURAL in a RIGHT or FULL JOIN")
                .with_hint("write ON, and coalesce() of both columns"));
        }
    }
    Ok(())
}

/// `WITH RECURSIVE t(n) AS (SELECT 1 …)`: the planner wants the names in the first query.
fn recursive_columns(with: Option<&mut With>) -> SqlResult<()> {
    let Some(with) = with.filter(|with| with.recursive) else { return Ok(()) };
    for cte in &mut with.cte_tables {
        if cte.alias.columns.is_empty() {
            continue;
        }
        let SetExpr::SetOperation { left, .. } = cte.query.body.as_mut() else { continue };
        let columns = std::mem::take(&mut cte.alias.columns);
        let Some(select) = first(left).filter(|select| select.projection.len() == columns.len())
        else {
            return Err(SqlError::unsupported("this list of columns of a recursive query"));
        };
        for (item, column) in select.projection.iter_mut().zip(columns) {
            let expr = match item {
                SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => expr,
                _ => return Err(SqlError::unsupported("* in a recursive query with columns")),
            };
            *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias: column.name };
        }
    }
    Ok(())
}

fn first(expr: &mut SetExpr) -> Option<&mut Select> {
    match expr {
        SetExpr::Select(select) => Some(select),
        SetExpr::SetOperation { left, .. } => first(left),
        SetExpr::Query(query) => first(&mut query.body),
        _ => None,
    }
}

fn expression(expr: &mut Expr) -> SqlResult<()> {
    match expr {
        Expr::SimilarTo { .. } => Err(SqlError::unsupported("SIMILAR TO")
            .with_hint("use LIKE, or ~ with a regular expression")),
        Expr::AtTimeZone { timestamp, time_zone } => {
            *expr = call("timezone", vec![(**time_zone).clone(), (**timestamp).clone()]);
            Ok(())
        }
        Expr::Cast { data_type, .. } => typed(data_type),
        Expr::TypedString(typed_string) => typed(&mut typed_string.data_type),
        Expr::Value(value) => literal(&mut value.value),
        Expr::Like { pattern, escape_char, .. } | Expr::ILike { pattern, escape_char, .. } => {
            escaped(pattern, escape_char)
        }
        _ => Ok(()),
    }
}

fn call(name: &str, arguments: Vec<Expr>) -> Expr {
    let args = arguments
        .into_iter()
        .map(|argument| FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)))
        .collect();
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args,
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

/// Times are kept in microseconds, which reach from before Christ to beyond the year 9999; the planner's
/// nanoseconds end in 2262.
fn typed(data_type: &mut DataType) -> SqlResult<()> {
    match data_type {
        DataType::Timestamp(precision @ None, _) => *precision = Some(6),
        DataType::Timestamp(Some(precision), _) | DataType::Time(Some(precision), _)
            if *precision != 6 =>
        {
            return Err(SqlError::unsupported(format_args!("a time with {precision} digits"))
                .with_hint("date_trunc() cuts a time"));
        }
        DataType::Time(_, TimezoneInfo::WithTimeZone | TimezoneInfo::Tz) => {
            return Err(SqlError::unsupported("time with time zone"));
        }
        DataType::Array(_) | DataType::Timestamp(..) => {}
        _ => {}
    }
    Ok(())
}

fn literal(value: &mut Value) -> SqlResult<()> {
    match value {
        // The planner reads an exponent as zeros that are not there.
        Value::Number(text, _) if text.contains(['e', 'E']) => {
            if let Some(plain) = without_exponent(text) {
                *text = plain;
            }
            Ok(())
        }
        Value::HexStringLiteral(_) | Value::SingleQuotedByteStringLiteral(_) => {
            Err(SqlError::unsupported("a literal of bits"))
        }
        _ => Ok(()),
    }
}

/// A number without its exponent: `1.5e2` as `150.`.
fn without_exponent(text: &str) -> Option<String> {
    let (mantissa, exponent) = text.split_once(['e', 'E'])?;
    let exponent: i32 = exponent.parse().ok()?;
    if !(-400..=400).contains(&exponent) {
        return None;
    }
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let point = i32::try_from(whole.len()).ok()? + exponent;
    Some(match usize::try_from(point) {
        Ok(point) if point >= digits.len() => format!("{digits:0<point$}."),
        Ok(point) => {
            let (whole, fraction) = digits.split_at_checked(point)?;
            format!("{}.{fraction}", if whole.is_empty() { "0" } else { whole })
        }
        Err(_) => format!("0.{}{digits}", "0".repeat(usize::try_from(-point).ok()?)),
    })
}

/// A pattern with another escape character as one with a backslash.
fn escaped(pattern: &mut Expr, escape: &mut Option<Value>) -> SqlResult<()> {
    let Some(value) = escape else { return Ok(()) };
    let refused = || SqlError::unsupported("ESCAPE of a pattern that is computed");
    let Value::SingleQuotedString(mark) = value else { return Err(refused()) };
    let mut marks = mark.chars();
    let (mark, None) = (marks.next(), marks.next()) else {
        return Err(SqlError::syntax("the escape of a pattern is one character"));
    };
    if mark == Some('\\') {
        return Ok(());
    }
    let Expr::Value(pattern) = pattern else { return Err(refused()) };
    let Value::SingleQuotedString(text) = &mut pattern.value else { return Err(refused()) };
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if Some(c) == mark {
            let Some(next) = chars.next() else {
                return Err(SqlError::syntax("a pattern must not end with its escape character"));
            };
            plain.push('\\');
            plain.push(next);
        } else if c == '\\' {
            plain.push_str("\\\\");
        } else {
            plain.push(c);
        }
    }
    *text = plain;
    *escape = None;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::without_exponent;

    #[test]
    fn exponents_are_written_out() {
        for (text, plain) in [
            ("1e3", "1000."),
            ("1.5e2", "150."),
            ("1.25e1", "12.5"),
            ("1e-3", "0.001"),
            ("15e-1", "1.5"),
        ] {
            assert_eq!(without_exponent(text).unwrap(), plain);
        }
    }
}
