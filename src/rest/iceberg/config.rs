//! `GET /v1/config`: which warehouse and view a client gets, and what the server can do.

use std::collections::BTreeMap;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use serde::Serialize;

use super::{answer, endpoints, request};
use crate::base::error::{Entity, Error, ErrorKind, Result};
use crate::base::limits::IDEMPOTENCY_LIFETIME_SECONDS;
use crate::base::name::{RefBase, RefExpr};
use crate::catalog::Catalog;
use crate::catalog::address::{ViewOf, encode_prefix, parse_warehouse};
use crate::rest::error::Answer;
use crate::rest::state::AppState;

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Config {
    defaults: BTreeMap<String, String>,
    overrides: BTreeMap<String, String>,
    endpoints: Vec<String>,
    idempotency_key_lifetime: String,
}

/// Answers the configuration. `warehouse` is `lake` or `lake@ref`; without it, the default warehouse.
pub(super) async fn load(
    State(app): State<AppState>,
    RawQuery(query): RawQuery,
) -> Answer<Response> {
    let asked = request::parameter(query.as_deref(), "warehouse")?.filter(|text| !text.is_empty());
    let prefix = prefix_of(&app.catalog, asked.as_deref())?;
    answer::json(&Config {
        // Defaults, not overrides: a client may reach the object store by another address.
        defaults: app.catalog.files().io().client_settings(),
        overrides: BTreeMap::from([("prefix".to_owned(), prefix)]),
        endpoints: endpoints(),
        idempotency_key_lifetime: format!("PT{IDEMPOTENCY_LIFETIME_SECONDS}S"),
    })
}

/// The prefix of a client's URLs. A relative expression is frozen to the commit that it means now.
fn prefix_of(catalog: &Catalog, asked: Option<&str>) -> Result<String> {
    let Some(asked) = asked else {
        return Ok(encode_prefix(&catalog.options().default_warehouse, &ViewOf::Warehouse));
    };
    let missing = |error: Error| match error.kind() {
        ErrorKind::InvalidInput | ErrorKind::NotFound(_) => Error::not_found(
            Entity::Warehouse,
            format!("there is no warehouse '{asked}': {}", error.message()),
        )
        .with_source(error),
        _ => error,
    };
    let (name, view) = parse_warehouse(asked).map_err(missing)?;
    let warehouse = catalog.warehouse(&name).map_err(missing)?;
    let view = match view {
        ViewOf::Warehouse => ViewOf::Warehouse,
        ViewOf::Ref(at) => {
            let resolved = catalog.resolve(&warehouse, &at).map_err(missing)?;
            if at.as_name().is_some() {
                ViewOf::Ref(at)
            } else {
                let base = RefBase::CommitPrefix(resolved.commit.to_string());
                ViewOf::Ref(RefExpr { base, steps: Vec::new() })
            }
        }
    };
    Ok(encode_prefix(&name, &view))
}
