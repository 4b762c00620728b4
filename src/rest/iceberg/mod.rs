//! Iceberg REST, as the specification's clients speak it (below `/iceberg`).
//!
//! Translates between the wire and the catalog and decides nothing. Which ref a request means is in its
//! prefix and namespace ([`path`]). Errors take Iceberg's form in `middleware::render`.
//! [`routes`] is the list of everything; what `/v1/config` advertises is made from it.

mod answer;
mod config;
mod list;
mod namespaces;
mod oauth;
mod path;
mod request;
mod responses;
mod table_commit;
mod table_create;
mod table_load;
mod tables;
mod views;

use std::sync::Arc;

use axum::routing::{MethodRouter, delete, get, head, post};
use axum::{Extension, Router};

use self::responses::Responses;
use super::state::AppState;

/// One method of one path, without `/iceberg`.
struct Route {
    method: &'static str,
    path: &'static str,
    handler: MethodRouter<AppState>,
}

/// The routes of Iceberg REST, to be nested below `/iceberg`.
pub fn router() -> Router<AppState> {
    let mut router = Router::new();
    for route in routes() {
        router = router.route(route.path, route.handler);
    }
    router.layer(Extension(Arc::new(Responses::default())))
}

fn routes() -> Vec<Route> {
    let mut all = vec![
        route("GET", "/v1/config", get(config::load)),
        route("POST", "/v1/oauth/tokens", post(oauth::token)),
        route("POST", TRANSACTIONS, post(table_commit::transaction)),
    ];
    all.extend(namespace_routes());
    all.extend(table_routes());
    all.extend(view_routes());
    all
}

const fn route(method: &'static str, path: &'static str, handler: MethodRouter<AppState>) -> Route {
    Route { method, path, handler }
}

const TRANSACTIONS: &str = "/v1/{prefix}/transactions/commit";
const NAMESPACES: &str = "/v1/{prefix}/namespaces";
const NAMESPACE: &str = "/v1/{prefix}/namespaces/{namespace}";
const PROPERTIES: &str = "/v1/{prefix}/namespaces/{namespace}/properties";
const TABLES: &str = "/v1/{prefix}/namespaces/{namespace}/tables";
const TABLE: &str = "/v1/{prefix}/namespaces/{namespace}/tables/{table}";
const METRICS: &str = "/v1/{prefix}/namespaces/{namespace}/tables/{table}/metrics";
const CREDENTIALS: &str = "/v1/{prefix}/namespaces/{namespace}/tables/{table}/credentials";
const REGISTER: &str = "/v1/{prefix}/namespaces/{namespace}/register";
const RENAME_TABLE: &str = "/v1/{prefix}/tables/rename";
const VIEWS: &str = "/v1/{prefix}/namespaces/{namespace}/views";
const VIEW: &str = "/v1/{prefix}/namespaces/{namespace}/views/{view}";
const REGISTER_VIEW: &str = "/v1/{prefix}/namespaces/{namespace}/register-view";
const RENAME_VIEW: &str = "/v1/{prefix}/views/rename";

fn namespace_routes() -> Vec<Route> {
    vec![
        route("GET", NAMESPACES, get(namespaces::list)),
        route("POST", NAMESPACES, post(namespaces::create)),
        route("HEAD", NAMESPACE, head(namespaces::exists)),
        route("GET", NAMESPACE, get(namespaces::load)),
        route("DELETE", NAMESPACE, delete(namespaces::drop)),
        route("POST", PROPERTIES, post(namespaces::properties)),
    ]
}

fn table_routes() -> Vec<Route> {
    vec![
        route("GET", TABLES, get(tables::list)),
        route("POST", TABLES, post(table_create::create)),
        route("HEAD", TABLE, head(tables::exists)),
        route("GET", TABLE, get(table_load::load)),
        route("POST", TABLE, post(table_commit::commit)),
        route("DELETE", TABLE, delete(tables::drop)),
        route("POST", REGISTER, post(table_create::register)),
        route("POST", RENAME_TABLE, post(tables::rename)),
        route("POST", METRICS, post(tables::metrics)),
        route("GET", CREDENTIALS, get(tables::credentials)),
    ]
}

fn view_routes() -> Vec<Route> {
    vec![
        route("GET", VIEWS, get(views::list)),
        route("POST", VIEWS, post(views::create)),
        route("HEAD", VIEW, head(views::exists)),
        route("GET", VIEW, get(views::load)),
        route("POST", VIEW, post(views::commit)),
        route("DELETE", VIEW, delete(views::drop)),
        route("POST", REGISTER_VIEW, post(views::register)),
        route("POST", RENAME_VIEW, post(views::rename)),
    ]
}

/// What `/v1/config` advertises: every route of a warehouse.
fn endpoints() -> Vec<String> {
    routes()
        .into_iter()
        .filter(|route| route.path.contains("{prefix}"))
        .map(|route| format!("{} {}", route.method, route.path))
        .collect()
}
