//! `ntile` by the number of a row and how many there are: the planner's own gives the rows that are over to
//! other groups.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CaseWhen, DataType, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArguments, Value, WindowSpec, WindowType,
};

use super::calls::plain_name;
use super::made::{binary, case, cast, function, number};
use crate::sql::error::{SqlError, SqlResult};

/// `ntile(n) OVER (…)` in other words.
///
/// # Errors
/// `FeatureNotSupported` for a number of groups that is computed, or a window with a name.
pub(super) fn ntile(expr: &mut Expr) -> SqlResult<()> {
    let Expr::Function(called) = expr else { return Ok(()) };
    if plain_name(&called.name).as_deref() != Some("ntile") {
        return Ok(());
    }
    let Some(WindowType::WindowSpec(window)) = &called.over else {
        return Err(SqlError::unsupported("ntile() over a window with a name"));
    };
    if window.window_name.is_some() {
        return Err(SqlError::unsupported("ntile() over a window with a name"));
    }
    let groups = groups(called)?;
    let row = || over("row_number", Vec::new(), window.clone());
    let whole = WindowSpec { order_by: Vec::new(), window_frame: None, ..window.clone() };
    let rows = || over("count", vec![number("1")], whole.clone());
    let count = || number(&groups.to_string());
    // So many rows are in a group at least; so many groups have one more.
    let size = || binary(rows(), BinaryOperator::Divide, count());
    let longer = || binary(rows(), BinaryOperator::Modulo, count());
    let more = || binary(size(), BinaryOperator::Plus, number("1"));
    let place = || binary(row(), BinaryOperator::Minus, number("1"));
    let over_longer = || binary(longer(), BinaryOperator::Multiply, more());
    let in_longer =
        binary(binary(place(), BinaryOperator::Divide, more()), BinaryOperator::Plus, number("1"));
    let some = function("nullif", vec![size(), number("0")]);
    let behind = binary(place(), BinaryOperator::Minus, over_longer());
    let behind = binary(behind, BinaryOperator::Divide, some);
    let behind =
        binary(binary(behind, BinaryOperator::Plus, longer()), BinaryOperator::Plus, number("1"));
    let condition = binary(place(), BinaryOperator::Lt, over_longer());
    let group = case(vec![CaseWhen { condition, result: in_longer }], behind);
    *expr = cast(group, DataType::Int(None));
    Ok(())
}

/// The number of groups, written out and above zero.
fn groups(called: &Function) -> SqlResult<i32> {
    let refused = || SqlError::unsupported("ntile() of this");
    let FunctionArguments::List(list) = &called.args else { return Err(refused()) };
    if called.filter.is_some() || called.null_treatment.is_some() {
        return Err(refused());
    }
    match list.args.as_slice() {
        [FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(value)))] => match &value.value {
            Value::Number(text, _) => {
                text.parse().ok().filter(|groups| *groups > 0).ok_or_else(refused)
            }
            _ => Err(refused()),
        },
        _ => Err(refused()),
    }
}

fn over(name: &str, arguments: Vec<Expr>, window: WindowSpec) -> Expr {
    let mut call = function(name, arguments);
    if let Expr::Function(call) = &mut call {
        call.over = Some(WindowType::WindowSpec(window));
    }
    call
}
