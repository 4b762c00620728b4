//! The names in a path: the prefix, a namespace with its levels, a table or view.
//!
//! Java clients write a space in a path as `+` and a plus as `%2B`; levels of a namespace are separated
//! by the control character 1F. The router sees segments before they are decoded, so an encoded slash
//! stays inside its name.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::base::error::{Entity, Error, ErrorKind, Result};
use crate::catalog::Catalog;
use crate::catalog::address::{Scope, parse_prefix};
use crate::rest::error::Failure;
use crate::rest::state::AppState;

/// Separates the levels of a namespace.
pub(super) const LEVEL_SEPARATOR: char = '\u{1f}';

/// `/v1/{prefix}/…`
#[derive(Debug)]
pub(super) struct InWarehouse {
    pub(super) scope: Scope,
}

/// `/v1/{prefix}/namespaces/{namespace}/…`
#[derive(Debug)]
pub(super) struct InNamespace {
    pub(super) scope: Scope,
    pub(super) levels: Vec<String>,
}

/// `/v1/{prefix}/namespaces/{namespace}/tables/{table}/…`, or views.
#[derive(Debug)]
pub(super) struct OfContent {
    pub(super) scope: Scope,
    pub(super) levels: Vec<String>,
    pub(super) name: String,
}

impl FromRequestParts<AppState> for InWarehouse {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, Failure> {
        let mut segments = segments(parts);
        Ok(Self { scope: scope(&app.catalog, segments.next())? })
    }
}

impl FromRequestParts<AppState> for InNamespace {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, Failure> {
        let mut segments = segments(parts);
        let scope = scope(&app.catalog, segments.next())?;
        let levels = levels(&decode(segments.nth(1))?);
        Ok(Self { scope, levels })
    }
}

impl FromRequestParts<AppState> for OfContent {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, Failure> {
        let mut segments = segments(parts);
        let scope = scope(&app.catalog, segments.next())?;
        let levels = levels(&decode(segments.nth(1))?);
        let name = decode(segments.nth(1))?;
        Ok(Self { scope, levels, name })
    }
}

/// The segments behind `/v1/`, not decoded.
fn segments(parts: &Parts) -> std::str::Split<'_, char> {
    let path = parts.uri.path();
    path.split_once("/v1/").map_or("", |(_, rest)| rest).split('/')
}

fn decode(segment: Option<&str>) -> Result<String> {
    let segment = segment.unwrap_or_default();
    let spaced;
    let segment = if segment.contains('+') {
        spaced = segment.replace('+', " ");
        &spaced
    } else {
        segment
    };
    percent_encoding::percent_decode_str(segment)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| Error::invalid("the path holds bytes that are not UTF-8"))
}

/// The levels of a namespace as a path or a query writes them.
pub(super) fn levels(text: &str) -> Vec<String> {
    if text.is_empty() {
        return Vec::new();
    }
    text.split(LEVEL_SEPARATOR).map(str::to_owned).collect()
}

fn scope(catalog: &Catalog, prefix: Option<&str>) -> Result<Scope> {
    let prefix = decode(prefix)?;
    let (name, view) = parse_prefix(&prefix).map_err(|error| match error.kind() {
        ErrorKind::InvalidInput => {
            Error::not_found(Entity::Warehouse, format!("there is no warehouse '{prefix}'"))
                .with_source(error)
        }
        _ => error,
    })?;
    Ok(Scope { warehouse: catalog.warehouse(&name)?, view })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_as_clients_write_them() {
        for (written, name) in [
            ("orders", "orders"),
            ("a+b", "a b"),
            ("a%20b", "a b"),
            ("a%2Bb", "a+b"),
            ("a%2Fb", "a/b"),
            ("a.b", "a.b"),
            ("%C3%BC", "ü"),
            ("100%25", "100%"),
            ("a%1Fb", "a\u{1f}b"),
        ] {
            assert_eq!(decode(Some(written)).unwrap(), name, "{written}");
        }
        assert!(decode(Some("%ff")).is_err());
        assert_eq!(levels("a\u{1f}b.c"), ["a", "b.c"]);
        assert!(levels("").is_empty());
    }
}
