//! The last look at a statement before it is planned: what the planner would read otherwise than PostgreSQL
//! does is put into words that both read alike, or refused.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CaseWhen, CastKind, DataType, ExactNumberInfo, Expr, Function, FunctionArg,
    FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident, JoinConstraint, JoinOperator,
    ObjectName, Query, Select, SelectItem, SetExpr, SetOperator, SetQuantifier, Statement,
    TableAlias, TableAliasColumnDef, TableFactor, TableWithJoins, TimezoneInfo, UnaryOperator,
    Value, Values, VisitMut as _, VisitorMut, With,
};

use super::error::{SqlError, SqlResult};
use super::made::{query, query_of};
use super::syntax::at::SEPARATOR;

/// Puts a statement into words that the planner reads as PostgreSQL does.
///
/// # Errors
/// `FeatureNotSupported` where there are none.
pub(super) fn adapt(statement: &mut Statement) -> SqlResult<()> {
    match statement.visit(&mut Adapter::default()) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

#[derive(Default)]
struct Adapter {
    /// How many queries got a name of ours.
    named: usize,
}

impl VisitorMut for Adapter {
    type Break = SqlError;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<SqlError> {
        super::headings::give_query(query);
        let adapted = recursive_columns(query.with.as_mut()).and_then(|()| body(&query.body));
        if let SetExpr::Select(select) = query.body.as_mut()
            && let Some(filter) = &mut select.selection
        {
            self.rows_in_query(filter);
        }
        flow(adapted)
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<SqlError> {
        match factor {
            TableFactor::NestedJoin { table_with_joins, .. } => flow(joins(table_with_joins)),
            _ => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<SqlError> {
        flow(self.quantified(expr).and_then(|()| expression(expr)))
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<SqlError> {
        arrays(expr);
        ControlFlow::Continue(())
    }
}

impl Adapter {
    /// `x > ANY (SELECT …)` by the least and the greatest value of the query, and by whether it has nulls.
    /// The planner's own way takes columns of the query for those of the same name around it.
    fn quantified(&mut self, expr: &mut Expr) -> SqlResult<()> {
        use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
        let (left, op, right, all) = match expr {
            Expr::AnyOp { left, compare_op, right, .. } => (left, compare_op, right, false),
            Expr::AllOp { left, compare_op, right } => (left, compare_op, right, true),
            _ => return Ok(()),
        };
        let Expr::Subquery(query) = right.as_ref() else { return Ok(()) };
        let (value, query) = (left.as_ref().clone(), query.clone());
        // For all is not for any the opposite.
        let op = match (op, all) {
            (Eq, false) | (NotEq, true) => {
                let expr_in =
                    Expr::InSubquery { expr: Box::new(value), subquery: query, negated: all };
                *expr = expr_in;
                return Ok(());
            }
            (NotEq, false) | (Eq, true) => NotEq,
            (Lt, false) | (GtEq, true) => Lt,
            (LtEq, false) | (Gt, true) => LtEq,
            (Gt, false) | (LtEq, true) => Gt,
            (GtEq, false) | (Lt, true) => GtEq,
            (other, _) => {
                return Err(SqlError::unsupported(format_args!("{other} ANY or ALL")));
            }
        };
        let compared = |this: &mut Self, call: &str, op| {
            let end = this.aggregated(&query, |column| function(call, vec![column]));
            binary(value.clone(), op, end)
        };
        let there = match op {
            Gt | GtEq => compared(self, "min", op),
            Lt | LtEq => compared(self, "max", op),
            _ => {
                let least = compared(self, "min", NotEq);
                binary(least, BinaryOperator::Or, compared(self, "max", NotEq))
            }
        };
        let rows = || function("count", vec![number("1")]);
        let empty = binary(self.aggregated(&query, |_| rows()), Eq, number("0"));
        let nulls = self.aggregated(&query, |column| {
            binary(rows(), BinaryOperator::Minus, function("count", vec![column]))
        });
        let nulls = binary(nulls, Gt, number("0"));
        let unknown = binary(Expr::IsNull(Box::new(value.clone())), BinaryOperator::Or, nulls);
        *expr = cases(vec![(there, Some(!all)), (empty, Some(all)), (unknown, None)], all);
        Ok(())
    }

    /// An aggregate over the only column of a query.
    fn aggregated(&mut self, query: &Query, aggregate: impl Fn(Expr) -> Expr) -> Expr {
        let column = Ident::with_quote('"', "value");
        let (from, name) = self.named(Box::new(query.clone()), vec![column.clone()]);
        let value = aggregate(Expr::CompoundIdentifier(vec![name, column]));
        Expr::Subquery(Box::new(selected_from(value, from, None)))
    }

    /// `(a, b) IN (SELECT …)` where only true counts, as `EXISTS`.
    fn rows_in_query(&mut self, filter: &mut Expr) {
        match filter {
            Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
                self.rows_in_query(left);
                self.rows_in_query(right);
            }
            Expr::Nested(inner) => self.rows_in_query(inner),
            Expr::InSubquery { expr, subquery, negated: false } => {
                let Expr::Tuple(values) = expr.as_ref() else { return };
                let values = values.clone();
                let column = |at: usize| Ident::with_quote('"', format!("value{SEPARATOR}{at}"));
                let columns = (0..values.len()).map(column).collect();
                let query = std::mem::replace(subquery, Box::new(nothing()));
                let (from, name) = self.named(query, columns);
                let equal = values.into_iter().enumerate().map(|(at, value)| {
                    let column = Expr::CompoundIdentifier(vec![name.clone(), column(at)]);
                    binary(value, BinaryOperator::Eq, column)
                });
                let filter_inside = equal.reduce(|a, b| binary(a, BinaryOperator::And, b));
                let query = selected_from(number("1"), from, filter_inside);
                *filter = Expr::Exists { subquery: Box::new(query), negated: false };
            }
            _ => {}
        }
    }

    /// A query as a table with a name that nobody else uses.
    fn named(&mut self, query: Box<Query>, columns: Vec<Ident>) -> (TableWithJoins, Ident) {
        self.named += 1;
        let name = Ident::with_quote('"', format!("query{SEPARATOR}{}", self.named));
        let columns =
            columns.into_iter().map(|name| TableAliasColumnDef { name, data_type: None }).collect();
        let alias = TableAlias { explicit: true, name: name.clone(), columns };
        let relation = TableFactor::Derived {
            lateral: false,
            subquery: query,
            alias: Some(alias),
            sample: None,
        };
        (TableWithJoins { relation, joins: Vec::new() }, name)
    }
}

fn binary(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::Nested(Box::new(Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) }))
}

fn number(text: &str) -> Expr {
    Expr::Value(Value::Number(text.to_owned(), false).into())
}

fn nothing() -> Query {
    query_of(SetExpr::Values(Values {
        explicit_row: false,
        value_keyword: false,
        rows: Vec::new(),
    }))
}

/// `SELECT value FROM from WHERE filter`
fn selected_from(value: Expr, from: TableWithJoins, filter: Option<Expr>) -> Query {
    query(vec![SelectItem::UnnamedExpr(value)], vec![from], filter)
}

/// Comparisons with the items of an array, of which some may be null.
fn arrays(expr: &mut Expr) {
    let (item, array, all) = match expr {
        Expr::AnyOp { left, compare_op: BinaryOperator::Eq, right, .. } => (left, right, false),
        Expr::AllOp { left, compare_op: BinaryOperator::NotEq, right } => (left, right, true),
        Expr::BinaryOp { left, op: BinaryOperator::PGOverlap, right } => {
            *expr = function("array_has_any", vec![(**left).clone(), (**right).clone()]);
            return;
        }
        _ => return,
    };
    if matches!(**array, Expr::Subquery(_)) {
        return;
    }
    let (item, array) = ((**item).clone(), (**array).clone());
    let there = Expr::AnyOp {
        left: Box::new(item.clone()),
        compare_op: BinaryOperator::Eq,
        right: Box::new(array.clone()),
        is_some: false,
    };
    let unknown = function(super::arrays::HAS_NULL, vec![array.clone()]);
    let conditions =
        vec![(there, Some(!all)), (Expr::IsNull(Box::new(item)), None), (unknown, None)];
    *expr = cases(conditions, all);
}

/// `CASE` with truth values, of which none is unknown.
fn cases(conditions: Vec<(Expr, Option<bool>)>, otherwise: bool) -> Expr {
    let value = |truth: Option<bool>| Expr::Value(truth.map_or(Value::Null, Value::Boolean).into());
    let conditions = conditions
        .into_iter()
        .map(|(condition, truth)| CaseWhen { condition, result: value(truth) })
        .collect();
    Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions,
        else_result: Some(Box::new(value(Some(otherwise)))),
    }
}

/// Rows that are compared, as their columns compared.
fn rows(left: &[Expr], op: &BinaryOperator, right: &[Expr]) -> SqlResult<Option<Expr>> {
    use BinaryOperator::{And, Eq, Gt, GtEq, Lt, LtEq, NotEq, Or};
    if !matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq) {
        return Ok(None);
    }
    if left.len() != right.len() {
        return Err(SqlError::syntax("unequal number of entries in row expressions"));
    }
    let pairs = left.iter().cloned().zip(right.iter().cloned());
    Ok(match op {
        Eq => pairs.map(|(l, r)| binary(l, Eq, r)).reduce(|a, b| binary(a, And, b)),
        NotEq => pairs.map(|(l, r)| binary(l, NotEq, r)).reduce(|a, b| binary(a, Or, b)),
        _ => {
            let strict = match op {
                Lt | LtEq => Lt,
                _ => Gt,
            };
            let mut pairs = pairs.rev();
            let last = pairs.next().map(|(l, r)| binary(l, op.clone(), r));
            pairs.fold(last, |rest, (l, r)| {
                let less = binary(l.clone(), strict.clone(), r.clone());
                let tie = binary(l, Eq, r);
                rest.map(|rest| binary(less, Or, binary(tie, And, rest)))
            })
        }
    })
}

/// The columns of a row that is written out.
fn row(expr: &Expr) -> Option<&[Expr]> {
    match expr {
        Expr::Tuple(values) => Some(values),
        Expr::Nested(inner) => row(inner),
        _ => None,
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
        let (JoinOperator::Right(constraint)
        | JoinOperator::RightOuter(constraint)
        | JoinOperator::FullOuter(constraint)) = &join.join_operator
        else {
            continue;
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
            let (SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) = item
            else {
                return Err(SqlError::unsupported("* in a recursive query with columns"));
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
        Expr::BinaryOp { left, op, right } => {
            if let (Some(l), Some(r)) = (row(left), row(right))
                && let Some(compared) = rows(l, op, r)?
            {
                *expr = compared;
            }
            Ok(())
        }
        Expr::InList { expr: item, list, negated } => {
            let Some(columns) = row(item) else { return Ok(()) };
            let mut any = None;
            for other in list.iter() {
                let Some(other) = row(other) else {
                    return Err(SqlError::unsupported("a row in a list of values"));
                };
                let equal = rows(columns, &BinaryOperator::Eq, other)?;
                any = match (any, equal) {
                    (Some(any), Some(equal)) => Some(binary(any, BinaryOperator::Or, equal)),
                    (any, equal) => any.or(equal),
                };
            }
            let Some(any) = any else { return Ok(()) };
            let negated = *negated;
            *expr = if negated {
                Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(any) }
            } else {
                any
            };
            Ok(())
        }
        Expr::InSubquery { expr, .. } if row(expr).is_some() => Err(SqlError::unsupported(
            "a row NOT IN a query, or IN one outside of the conditions of WHERE",
        )
        .with_hint("write [NOT] EXISTS (SELECT … WHERE …)")),
        Expr::IsDistinctFrom(left, right) | Expr::IsNotDistinctFrom(left, right)
            if row(left).is_some() || row(right).is_some() =>
        {
            Err(SqlError::unsupported("IS [NOT] DISTINCT FROM of rows"))
        }
        Expr::AtTimeZone { timestamp, time_zone } => {
            *expr = function("timezone", vec![(**time_zone).clone(), (**timestamp).clone()]);
            Ok(())
        }
        Expr::Cast {
            kind: CastKind::Cast | CastKind::DoubleColon,
            expr: value,
            data_type:
                DataType::Numeric(ExactNumberInfo::None)
                | DataType::Decimal(ExactNumberInfo::None)
                | DataType::Dec(ExactNumberInfo::None),
            format: None,
            ..
        } => {
            *expr = function(super::numeric::NUMERIC, vec![(**value).clone()]);
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

fn function(name: &str, arguments: Vec<Expr>) -> Expr {
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
