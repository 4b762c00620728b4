//! The one layer around all routes.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures::FutureExt as _;

use super::origin::Hosts;
use super::render::{self, Door};
use super::request_id::{REQUEST_ID_HEADER, RequestId};
use crate::base::error::Error;
use crate::rest::error::Failure;
use crate::rest::state::AppState;

/// What the layer needs.
#[derive(Clone, Debug)]
pub struct Stack {
    /// Shared state of the server.
    pub state: AppState,
    /// Who may be addressed.
    pub hosts: Hosts,
}

/// Runs one request.
pub async fn run(State(stack): State<Stack>, mut request: Request, next: Next) -> Response {
    let started = stack.state.clock.monotonic();
    let id = RequestId::of(request.headers(), stack.state.entropy.as_ref());
    request.extensions_mut().insert(id.clone());
    let door = Door::of(request.uri().path());
    let seen = Seen::of(&request);

    let response = match stack.hosts.check(request.version(), request.uri(), request.headers()) {
        Ok(()) => AssertUnwindSafe(next.run(request))
            .catch_unwind()
            .await
            .unwrap_or_else(|panic| panicked(panic.as_ref())),
        Err(error) => Failure::new(error).into_response(),
    };
    let mut response = render::finish(response, door, &id).await;
    response.headers_mut().insert(REQUEST_ID_HEADER, id.header());

    let took = stack.state.clock.monotonic().saturating_sub(started);
    let status = response.status();
    stack.state.metrics.request(seen.route(), seen.method(), status.as_str(), took);
    seen.log(status.as_u16(), took, &id);
    response
}

/// What of a request is measured and logged after it is gone.
struct Seen {
    route: Option<MatchedPath>,
    method: Method,
    path: Option<String>,
}

impl Seen {
    fn of(request: &Request) -> Self {
        Self {
            route: request.extensions().get::<MatchedPath>().cloned(),
            method: request.method().clone(),
            path: tracing::enabled!(tracing::Level::DEBUG).then(|| request.uri().path().to_owned()),
        }
    }

    fn route(&self) -> &str {
        self.route.as_ref().map_or("unknown", MatchedPath::as_str)
    }

    /// The method, if it is a known one: anything may stand there, and labels are bounded.
    fn method(&self) -> &str {
        match self.method {
            Method::GET
            | Method::HEAD
            | Method::POST
            | Method::PUT
            | Method::PATCH
            | Method::DELETE
            | Method::OPTIONS => self.method.as_str(),
            _ => "other",
        }
    }

    fn log(&self, status: u16, took: Duration, id: &RequestId) {
        if let Some(path) = &self.path {
            tracing::debug!(
                request_id = id.as_str(),
                method = self.method.as_str(),
                path,
                status,
                micros = took.as_micros(),
                "answered"
            );
        }
    }
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> Response {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a value that is no text".to_owned());
    let error = Error::internal("the server failed to answer this request; it is in its log")
        .with_source(format!("panic: {text}"));
    Failure::new(error).into_response()
}
