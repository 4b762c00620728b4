//! Room on the stack for what recurses by the nesting of a statement: planning, views that read views.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures::future::BoxFuture;

use crate::base::limits::{SQL_STACK_FREE_BYTES, SQL_STACK_MORE_BYTES};

/// A future that is polled with some stack left, on a new piece of stack if need be.
struct Roomy<'a, T>(BoxFuture<'a, T>);

impl<T> Future for Roomy<'_, T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        stacker::maybe_grow(SQL_STACK_FREE_BYTES, SQL_STACK_MORE_BYTES, || {
            self.0.as_mut().poll(context)
        })
    }
}

/// Gives a future room at every poll. A future that polls itself again inside (a view inside a view) has
/// to be wrapped at each level.
pub(super) fn roomy<'a, T: 'a>(
    future: impl Future<Output = T> + Send + 'a,
) -> impl Future<Output = T> + Send + 'a {
    Roomy(Box::pin(future))
}
