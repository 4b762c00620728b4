//! Arithmetic as PostgreSQL does it: a result that does not fit its type is an error.
//!
//! The planner's own `+` on whole numbers wraps around, its numeric division keeps four digits and cuts
//! the rest, a date plus an hour is the same date. So every `+ - * / %` becomes a function of ours, whose
//! types (`types`) and results (`integers`, `floats`, `decimals`, `times`) are PostgreSQL's.

mod arithmetic;
mod decimals;
mod floats;
mod integers;
pub(super) mod planner;
mod times;
mod types;

use super::error::{SqlError, SqlState};

/// An operator of arithmetic.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Arithmetic {
    const ALL: [Self; 5] =
        [Self::Add, Self::Subtract, Self::Multiply, Self::Divide, Self::Remainder];

    const fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
        }
    }
}

fn out_of_range(what: &str) -> SqlError {
    SqlError::new(SqlState::NumericValueOutOfRange, format!("{what} out of range"))
}

fn division_by_zero() -> SqlError {
    SqlError::new(SqlState::DivisionByZero, "division by zero")
}

/// A type as PostgreSQL calls it.
pub(super) fn type_name(data_type: &arrow::datatypes::DataType) -> String {
    types::name(data_type)
}

/// The error for a call of a function that takes no arguments of these types.
pub(super) fn undefined_function(name: &str, arg_types: &[arrow::datatypes::DataType]) -> SqlError {
    let shown: Vec<String> = arg_types.iter().map(types::name).collect();
    let message = format!("function {name}({}) does not exist", shown.join(", "));
    SqlError::new(SqlState::UndefinedFunction, message)
}

/// The function that `-` becomes.
pub(super) fn minus() -> std::sync::Arc<datafusion::logical_expr::ScalarUDF> {
    arithmetic::function(Arithmetic::Subtract)
}
