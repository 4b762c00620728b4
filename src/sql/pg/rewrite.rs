//! Turns what only PostgreSQL has into what the planner knows, before names are bound.
//!
//! What is written with `pg_catalog` in front (functions, operators, types) and casts to types that name things
//! (`::regclass`) are an error to the planner anywhere, so they are replaced anywhere. All else is done only to
//! statements that read `pg_catalog` or `information_schema`; a user's query stays as it was written.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CastKind, DataType, Expr, Ident, ObjectName, ObjectNamePart, Query, SelectItem,
    SetExpr, Statement, TableFactor, UnaryOperator, Value, Visit as _, VisitMut as _, Visitor,
    VisitorMut,
};

use super::functions::LIKE_PATTERN;
use super::{empty, layout, wildcard};
use crate::sql::bind::folded;
use crate::sql::error::SqlResult;
use crate::sql::made::function;

/// Rewrites a statement.
///
/// # Errors
/// None so far; what is left as it was the planner refuses.
pub(in crate::sql) fn rewrite(statement: &mut Statement) -> SqlResult<()> {
    let catalog = reads_catalog(statement);
    if catalog {
        empty::cut(statement);
    }
    let mut rewriter = Rewriter { catalog };
    // The visitor never ends early.
    match statement.visit(&mut rewriter) {
        ControlFlow::Continue(()) | ControlFlow::Break(()) => {}
    }
    if let Statement::Query(query) = statement {
        name_results(query);
    }
    Ok(())
}

/// The parts of a name; `None` for a computed one.
pub(super) fn parts(name: &ObjectName) -> Option<Vec<String>> {
    name.0.iter().map(|part| part.as_ident().map(folded)).collect()
}

/// The relation of the two schemas that a name stands for.
pub(super) fn relation(name: &ObjectName) -> Option<&'static layout::Layout> {
    let parts = parts(name)?;
    let last = parts.len().min(2);
    let (schema, name) = layout::named(parts.get(parts.len() - last..)?)?;
    layout::find(schema, name)
}

fn reads_catalog(statement: &Statement) -> bool {
    struct Finder;
    impl Visitor for Finder {
        type Break = ();

        fn pre_visit_relation(&mut self, name: &ObjectName) -> ControlFlow<()> {
            if relation(name).is_some() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        }
    }
    statement.visit(&mut Finder).is_break()
}

struct Rewriter {
    /// Whether the statement reads the two schemas.
    catalog: bool,
}

impl VisitorMut for Rewriter {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        if let SetExpr::Select(select) = query.body.as_mut()
            && self.catalog
        {
            wildcard::expand(select);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, args: Some(_), .. } | TableFactor::Function { name, .. } =
            factor
        {
            unqualify(name);
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::Function(function) => unqualify(&mut function.name),
            Expr::BinaryOp { op, .. } => {
                if let Some(plain) = operator(op) {
                    *op = plain;
                }
            }
            Expr::Collate { expr: inner, collation } if self.catalog => {
                // Texts are compared by their bytes, which is what these say.
                let plain = parts(collation).is_some_and(|parts| {
                    parts
                        .last()
                        .is_some_and(|last| ["default", "C", "POSIX"].contains(&last.as_str()))
                });
                if plain {
                    *expr = (**inner).clone();
                }
            }
            Expr::Like { pattern, escape_char: escape @ Some(_), .. }
            | Expr::ILike { pattern, escape_char: escape @ Some(_), .. }
                if self.catalog =>
            {
                // The planner's escape is the backslash.
                if let Some(written) = escape.take() {
                    let arguments = vec![(**pattern).clone(), Expr::Value(written.into())];
                    **pattern = function(LIKE_PATTERN, arguments);
                }
            }
            Expr::AllOp { left, compare_op: BinaryOperator::NotEq, right }
                if self.catalog && !matches!(**right, Expr::Subquery(_)) =>
            {
                let any = Expr::AnyOp {
                    left: left.clone(),
                    compare_op: BinaryOperator::Eq,
                    right: right.clone(),
                    is_some: false,
                };
                *expr = Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(any) };
            }
            Expr::Cast { kind: CastKind::Cast | CastKind::DoubleColon, .. } => cast(expr),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// Takes `pg_catalog` off the name of a function.
fn unqualify(name: &mut ObjectName) {
    let schema = match name.0.as_slice() {
        [ObjectNamePart::Identifier(schema), ObjectNamePart::Identifier(_)] => folded(schema),
        _ => return,
    };
    if schema == layout::PG_CATALOG {
        name.0.remove(0);
    }
}

fn operator(op: &BinaryOperator) -> Option<BinaryOperator> {
    let BinaryOperator::PGCustomBinaryOperator(parts) = op else { return None };
    let name = match parts.as_slice() {
        [name] => name,
        [schema, name] if schema.eq_ignore_ascii_case(layout::PG_CATALOG) => name,
        _ => return None,
    };
    Some(match name.as_str() {
        "~" => BinaryOperator::PGRegexMatch,
        "~*" => BinaryOperator::PGRegexIMatch,
        "!~" => BinaryOperator::PGRegexNotMatch,
        "!~*" => BinaryOperator::PGRegexNotIMatch,
        "~~" => BinaryOperator::PGLikeMatch,
        "~~*" => BinaryOperator::PGILikeMatch,
        "!~~" => BinaryOperator::PGNotLikeMatch,
        "!~~*" => BinaryOperator::PGNotILikeMatch,
        "=" => BinaryOperator::Eq,
        "<>" | "!=" => BinaryOperator::NotEq,
        "<" => BinaryOperator::Lt,
        "<=" => BinaryOperator::LtEq,
        ">" => BinaryOperator::Gt,
        ">=" => BinaryOperator::GtEq,
        "+" => BinaryOperator::Plus,
        "-" => BinaryOperator::Minus,
        "*" => BinaryOperator::Multiply,
        "/" => BinaryOperator::Divide,
        "||" => BinaryOperator::StringConcat,
        _ => return None,
    })
}

/// The name of a type that the planner does not know, `pg_catalog` left out.
fn type_name(data_type: &DataType) -> Option<String> {
    match data_type {
        DataType::Regclass => Some("regclass".to_owned()),
        DataType::Custom(name, modifiers) if modifiers.is_empty() => {
            match parts(name)?.as_slice() {
                [name] => Some(name.clone()),
                [schema, name] if schema == layout::PG_CATALOG => Some(name.clone()),
                _ => None,
            }
        }
        _ => None,
    }
}

fn plain_type(name: &str) -> Option<DataType> {
    Some(match name {
        "text" | "name" | "char" | "bpchar" | "varchar" | "regproc" | "cstring" => DataType::Text,
        "oid" | "xid" | "int8" | "bigint" => DataType::BigInt(None),
        "int4" | "integer" | "int" => DataType::Integer(None),
        "int2" | "smallint" => DataType::SmallInt(None),
        "bool" | "boolean" => DataType::Boolean,
        "float8" => DataType::DoublePrecision,
        "float4" => DataType::Real,
        "date" => DataType::Date,
        _ => return None,
    })
}

/// Casts to PostgreSQL's own types.
fn cast(expr: &mut Expr) {
    use datafusion::sql::sqlparser::ast::ArrayElemTypeDef;
    let Expr::Cast { expr: inner, data_type, .. } = expr else { return };
    if let DataType::Array(ArrayElemTypeDef::SquareBracket(item, _)) = data_type {
        if let Some(plain) = type_name(item).and_then(|name| plain_type(&name)) {
            **item = plain;
        }
    } else if let Some(name) = type_name(data_type) {
        match name.as_str() {
            "regclass" | "regtype" | "regnamespace" | "regrole" => {
                *expr = function(&format!("{name}{IN}"), vec![(**inner).clone()]);
                return;
            }
            "regproc" | "regprocedure" => {
                *expr = function("regproc_out", vec![(**inner).clone()]);
                return;
            }
            "_text" => {
                let item = ArrayElemTypeDef::SquareBracket(Box::new(DataType::Text), None);
                *data_type = DataType::Array(item);
            }
            other => {
                if let Some(plain) = plain_type(other) {
                    *data_type = plain;
                }
            }
        }
    }
    // The text of something that has a name is its name.
    if matches!(data_type, DataType::Text | DataType::Varchar(_))
        && let Some(named) = name_of(inner)
    {
        *expr = named;
    }
}

/// Ends the name of the function that makes an OID of what a cast is given.
pub(super) const IN: &str = "_in";
/// Ends the name of the function that makes a name of it.
pub(super) const OUT: &str = "_out";

/// A cast to `regclass` and the like, as the name instead of the OID.
fn name_of(expr: &Expr) -> Option<Expr> {
    let Expr::Function(function) = expr else { return None };
    let name = parts(&function.name)?;
    let [name] = name.as_slice() else { return None };
    let kind = match name.as_str() {
        "to_regclass" | "to_regtype" => name,
        _ => name
            .strip_suffix(IN)
            .filter(|kind| matches!(*kind, "regclass" | "regtype" | "regnamespace" | "regrole"))?,
    };
    let mut function = function.clone();
    function.name = ObjectName::from(vec![Ident::new(format!("{kind}{OUT}"))]);
    Some(Expr::Function(function))
}

/// A result of type `regclass` is shown as the name.
fn name_results(query: &mut Query) {
    fn body(set: &mut SetExpr) {
        match set {
            SetExpr::Select(select) => {
                for item in &mut select.projection {
                    if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } =
                        item
                        && let Some(named) = name_of(expr)
                    {
                        *expr = named;
                    }
                }
            }
            SetExpr::Query(query) => body(&mut query.body),
            SetExpr::SetOperation { left, right, .. } => {
                body(left);
                body(right);
            }
            _ => {}
        }
    }
    body(&mut query.body);
}

/// NULL of a type.
pub(super) fn null(data_type: Option<DataType>) -> Expr {
    let null = Expr::Value(Value::Null.into());
    match data_type {
        Some(data_type) => Expr::Cast {
            kind: CastKind::Cast,
            expr: Box::new(null),
            data_type,
            array: false,
            format: None,
        },
        None => null,
    }
}
