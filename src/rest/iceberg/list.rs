//! Lists: pages for clients that ask for them, everything for those that do not.

use serde::Serialize;

use super::request::parameter;
use crate::base::error::{Error, Result};
use crate::base::limits::PAGE_ITEMS_MAX;
use crate::base::page::{Page, PageRequest};

/// Reads a list. A request with neither `pageToken` nor `pageSize` comes from a client that knows no
/// pages and gets every item.
///
/// # Errors
/// `InvalidInput` for a token or size that cannot be; what `read` fails with.
pub(super) async fn read<T, F>(
    query: Option<&str>,
    read: impl Fn(PageRequest) -> F,
) -> Result<(Vec<T>, Option<String>)>
where
    F: Future<Output = Result<Page<T>>>,
{
    let token = parameter(query, "pageToken")?;
    let size = match parameter(query, "pageSize")? {
        Some(text) => Some(text.parse().map_err(|_| {
            Error::invalid(format!("the parameter 'pageSize' is '{text}', not a positive number"))
        })?),
        None => None,
    };
    if token.is_some() || size.is_some() {
        let page = read(PageRequest::parse(size, token.as_deref())?).await?;
        let next = page.next_token();
        return Ok((page.items, next));
    }
    let mut items = Vec::new();
    let mut after = None;
    loop {
        let page = read(PageRequest { limit: PAGE_ITEMS_MAX, after }).await?;
        items.extend(page.items);
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok((items, None)),
        }
    }
}

/// Tables or views in an answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Identifiers<'a> {
    pub(super) identifiers: Vec<Identified<'a>>,
    pub(super) next_page_token: Option<String>,
}

/// A table or view in an answer.
#[derive(Debug, Serialize)]
pub(super) struct Identified<'a> {
    pub(super) namespace: &'a [String],
    pub(super) name: String,
}
