//! Every route of the HTTP doors, in one table each, and the layers around them.

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, get};
use tower_http::compression::predicate::{NotForContentType, Predicate as _, SizeAbove};
use tower_http::compression::{CompressionLayer, CompressionLevel};

use super::error::{Answer, Failure};
use super::middleware::origin::Hosts;
use super::middleware::stack::{self, Stack};
use super::state::AppState;
use super::{iceberg, management, openapi};
use crate::auth::context::{ANONYMOUS, OpContext};
use crate::base::error::{Entity, Error, ErrorKind};
use crate::base::limits::{BODY_BYTES_MAX, COMPRESSED_BYTES_MIN};
use crate::base::page::PageRequest;
use crate::telemetry::metrics::MEDIA_TYPE;

/// One method of one path.
#[derive(Debug)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path, with segments in braces.
    pub path: &'static str,
    /// Who answers.
    pub handler: MethodRouter<AppState>,
}

impl Route {
    /// Puts a handler behind a method and a path.
    #[must_use]
    pub const fn new(method: Method, path: &'static str, handler: MethodRouter<AppState>) -> Self {
        Self { method, path, handler }
    }
}

/// Builds the service of all doors.
pub fn router(state: AppState, hosts: Hosts) -> Router {
    let mut router = Router::new();
    for route in management::routes().into_iter().chain(system_routes()) {
        router = router.route(route.path, route.handler);
    }
    router
        .nest("/iceberg", iceberg::router())
        .fallback(unknown_route)
        .method_not_allowed_fallback(wrong_method)
        .with_state(state.clone())
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn_with_state(Stack { state, hosts }, stack::run))
        .layer(
            CompressionLayer::new().gzip(true).quality(CompressionLevel::Fastest).compress_when(
                SizeAbove::new(COMPRESSED_BYTES_MIN)
                    .and(NotForContentType::IMAGES)
                    .and(NotForContentType::SSE),
            ),
        )
}

/// Routes for machines that run the server, and the API's description.
fn system_routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, "/health/live", get(live)),
        Route::new(Method::GET, "/health/ready", get(ready)),
        Route::new(Method::GET, "/metrics", get(metrics)),
        Route::new(Method::GET, "/api/openapi.json", get(openapi::document)),
        Route::new(Method::GET, "/api/docs", get(openapi::page)),
    ]
}

/// The process answers.
async fn live() -> Response {
    status_ok()
}

/// The server can do its work: the metadata store answers.
async fn ready(State(state): State<AppState>) -> Answer<Response> {
    let context = OpContext::for_actor(ANONYMOUS);
    let page = PageRequest { limit: 1, after: None };
    state.catalog.warehouse_list(&context, &page).await.map_err(|error| {
        Error::new(ErrorKind::Unavailable, format!("not ready: {}", error.message()))
            .with_source(error)
    })?;
    Ok(status_ok())
}

fn status_ok() -> Response {
    ([(CONTENT_TYPE, "application/json")], "{\"status\":\"ok\"}").into_response()
}

async fn metrics(State(state): State<AppState>) -> Answer<Response> {
    let committer = state.catalog.committer().stats();
    state.metrics.committer(
        committer.groups,
        committer.commits,
        committer.movements,
        committer.waiting,
    );
    let text = state
        .metrics
        .render()
        .map_err(|error| Error::internal("the metrics cannot be written").with_source(error))?;
    Ok(([(CONTENT_TYPE, MEDIA_TYPE)], text).into_response())
}

async fn unknown_route(uri: Uri) -> Failure {
    Error::not_found(Entity::Resource, format!("there is no route '{}'", uri.path())).into()
}

async fn wrong_method(method: Method, uri: Uri) -> Failure {
    Failure::new(Error::new(
        ErrorKind::Unsupported,
        format!("the route '{}' does not take {method}", uri.path()),
    ))
    .with_status(StatusCode::METHOD_NOT_ALLOWED)
}
