//! The management API under `/api/v1`: warehouses, refs, history, diff and merge, SQL.
//!
//! One endpoint per file: what it takes, what it answers, who does the work. [`model`] has what several
//! answer with, [`read`] how paths, times and ids are read. All routes are in [`routes`].

#![expect(unused_qualifications, reason = "utoipa's annotation names a query's type with a path")]

use axum::http::Method;
use axum::routing::{delete, get, patch, post};

use super::router::Route;

pub mod branch_create;
pub mod branch_delete;
pub mod branch_get;
pub mod branch_list;
pub mod branch_reset;
pub mod branch_restore;
pub mod cherry_pick_create;
pub mod commit_get;
pub mod commit_list;
pub mod content_list;
pub mod diff_list;
pub mod merge_create;
pub mod model;
pub mod read;
pub mod ref_list;
pub mod ref_log_list;
pub mod revert_create;
pub mod sql_run;
pub mod tag_create;
pub mod tag_delete;
pub mod tag_get;
pub mod tag_list;
pub mod warehouse_create;
pub mod warehouse_delete;
pub mod warehouse_get;
pub mod warehouse_list;
pub mod warehouse_update;

const WAREHOUSES: &str = "/api/v1/warehouses";
const WAREHOUSE: &str = "/api/v1/warehouses/{wh}";
const BRANCHES: &str = "/api/v1/warehouses/{wh}/branches";
const BRANCH: &str = "/api/v1/warehouses/{wh}/branches/{name}";
const TAGS: &str = "/api/v1/warehouses/{wh}/tags";
const TAG: &str = "/api/v1/warehouses/{wh}/tags/{name}";

/// Every route of the management API.
#[must_use]
pub fn routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, WAREHOUSES, get(warehouse_list::handle)),
        Route::new(Method::POST, WAREHOUSES, post(warehouse_create::handle)),
        Route::new(Method::GET, WAREHOUSE, get(warehouse_get::handle)),
        Route::new(Method::PATCH, WAREHOUSE, patch(warehouse_update::handle)),
        Route::new(Method::DELETE, WAREHOUSE, delete(warehouse_delete::handle)),
        Route::new(Method::GET, BRANCHES, get(branch_list::handle)),
        Route::new(Method::POST, BRANCHES, post(branch_create::handle)),
        Route::new(Method::GET, BRANCH, get(branch_get::handle)),
        Route::new(Method::DELETE, BRANCH, delete(branch_delete::handle)),
        Route::new(
            Method::POST,
            "/api/v1/warehouses/{wh}/branches/{name}/reset",
            post(branch_reset::handle),
        ),
        Route::new(
            Method::POST,
            "/api/v1/warehouses/{wh}/branches/{name}/restore",
            post(branch_restore::handle),
        ),
        Route::new(Method::GET, TAGS, get(tag_list::handle)),
        Route::new(Method::POST, TAGS, post(tag_create::handle)),
        Route::new(Method::GET, TAG, get(tag_get::handle)),
        Route::new(Method::DELETE, TAG, delete(tag_delete::handle)),
        Route::new(Method::GET, "/api/v1/warehouses/{wh}/refs", get(ref_list::handle)),
        Route::new(Method::GET, "/api/v1/warehouses/{wh}/ref-log", get(ref_log_list::handle)),
        Route::new(Method::GET, "/api/v1/warehouses/{wh}/commits", get(commit_list::handle)),
        Route::new(Method::GET, "/api/v1/warehouses/{wh}/commits/{id}", get(commit_get::handle)),
        Route::new(Method::GET, "/api/v1/warehouses/{wh}/contents", get(content_list::handle)),
        Route::new(Method::GET, "/api/v1/warehouses/{wh}/diff", get(diff_list::handle)),
        Route::new(Method::POST, "/api/v1/warehouses/{wh}/merges", post(merge_create::handle)),
        Route::new(Method::POST, "/api/v1/warehouses/{wh}/reverts", post(revert_create::handle)),
        Route::new(
            Method::POST,
            "/api/v1/warehouses/{wh}/cherry-picks",
            post(cherry_pick_create::handle),
        ),
        Route::new(Method::POST, "/api/v1/sql", post(sql_run::handle)),
    ]
}
