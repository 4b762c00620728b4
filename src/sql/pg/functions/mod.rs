//! PostgreSQL's functions about names, types and comments, for the statements of one session.

mod call;
mod describe;
mod plain;
mod resolve;

use datafusion::execution::FunctionRegistry as _;
use datafusion::execution::session_state::SessionState;

pub(super) use self::plain::LIKE_PATTERN;
use super::world;
use crate::sql::error::SqlResult;
use crate::sql::names::Pins;
use crate::sql::session::Session;

/// Registers the functions for one statement of a session, which sees refs as `pins` say.
///
/// # Errors
/// If the planner takes no functions.
pub(in crate::sql) fn register(
    state: &mut SessionState,
    session: &Session,
    pins: &Pins,
) -> SqlResult<()> {
    let world = world(session, pins);
    let functions = plain::functions(&world)
        .into_iter()
        .chain(resolve::functions(&world))
        .chain(describe::functions(&world));
    for function in functions {
        state.register_udf(function)?;
    }
    Ok(())
}
