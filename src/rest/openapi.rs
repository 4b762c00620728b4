//! The management API's description, generated from the handlers, and a page that shows it.
//!
//! The page needs nothing from anywhere else: it fetches the document from this server and lists it.

use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use utoipa::OpenApi;

use super::error::Answer;
use super::management::{
    branch_create, branch_delete, branch_get, branch_list, branch_reset, branch_restore,
    cherry_pick_create, commit_get, commit_list, content_list, diff_list, merge_create, ref_list,
    ref_log_list, revert_create, sql_run, tag_create, tag_delete, tag_get, tag_list,
    warehouse_create, warehouse_delete, warehouse_get, warehouse_list, warehouse_update,
};
use crate::base::error::Error;

/// The document.
#[derive(Debug, OpenApi)]
#[openapi(
    info(
        title = "Nunatak",
        description = "The management API: warehouses, branches, tags, history, diff and merge, SQL. \
                       Errors are problem details (RFC 9457); lists are pages.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    paths(
        warehouse_list::handle,
        warehouse_create::handle,
        warehouse_get::handle,
        warehouse_update::handle,
        warehouse_delete::handle,
        branch_list::handle,
        branch_create::handle,
        branch_get::handle,
        branch_delete::handle,
        branch_reset::handle,
        branch_restore::handle,
        tag_list::handle,
        tag_create::handle,
        tag_get::handle,
        tag_delete::handle,
        ref_list::handle,
        ref_log_list::handle,
        commit_list::handle,
        commit_get::handle,
        content_list::handle,
        diff_list::handle,
        merge_create::handle,
        revert_create::handle,
        cherry_pick_create::handle,
        sql_run::handle,
    ),
    tags(
        (name = "warehouses", description = "Versioned collections of tables"),
        (name = "branches", description = "Refs that move"),
        (name = "tags", description = "Refs that never move"),
        (name = "refs", description = "All refs, and how they moved"),
        (name = "history", description = "Commits, diff, merge, revert, cherry-pick"),
        (name = "contents", description = "What a ref holds"),
        (name = "sql", description = "Statements over every branch")
    )
)]
pub struct Document;

/// `GET /api/openapi.json`: the document.
///
/// # Errors
/// `Internal` if it cannot be written: a mistake in an annotation.
pub async fn document() -> Answer<Response> {
    let text = Document::openapi()
        .to_json()
        .map_err(|error| Error::internal("the API's description is damaged").with_source(error))?;
    Ok(([(CONTENT_TYPE, "application/json")], text).into_response())
}

/// `GET /api/docs`: a page that shows the document.
pub async fn page() -> Response {
    (
        [
            (CONTENT_TYPE, "text/html; charset=utf-8"),
            (CACHE_CONTROL, "no-cache"),
            (
                CONTENT_SECURITY_POLICY,
                "default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; \
                 script-src 'unsafe-inline'; frame-ancestors 'none'",
            ),
        ],
        include_str!("openapi.html"),
    )
        .into_response()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::rest::management;

    #[test]
    fn every_route_is_described_and_nothing_else() {
        let routes: BTreeSet<(String, String)> = management::routes()
            .iter()
            .map(|route| (route.path.to_owned(), route.method.to_string()))
            .collect();
        assert_eq!(routes.len(), management::routes().len(), "a route is listed twice");
        let document = serde_json::to_value(Document::openapi()).unwrap();
        let described: BTreeSet<(String, String)> = document["paths"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(path, item)| {
                item.as_object()
                    .unwrap()
                    .keys()
                    .map(|method| (path.clone(), method.to_uppercase()))
                    .collect::<Vec<_>>()
            })
            .collect();
        assert_eq!(routes, described);
    }

    #[test]
    fn every_parameter_and_reference_resolves() {
        let document = serde_json::to_value(Document::openapi()).unwrap();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let named: BTreeSet<&str> = operation["parameters"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter(|parameter| parameter["in"] == "path")
                    .map(|parameter| parameter["name"].as_str().unwrap())
                    .collect();
                let wanted: BTreeSet<&str> = path
                    .split('/')
                    .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
                    .collect();
                assert_eq!(named, wanted, "{method} {path}");
            }
        }
        let text = document.to_string();
        for reference in text.split("\"#/components/schemas/").skip(1) {
            let name = reference.split('"').next().unwrap();
            assert!(document["components"]["schemas"][name].is_object(), "{name}");
        }
    }
}
