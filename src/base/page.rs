//! Pages of long lists: a limit, and an opaque token that names where the next page starts.
//!
//! A token holds the last key that was returned, never a count, so that a list loses and repeats
//! nothing while others write.

use super::error::{Error, Result};
use super::hash::to_hex;
use super::limits::{PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX};

/// Which part of a list is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// Items at most; between 1 and [`PAGE_ITEMS_MAX`].
    pub limit: usize,
    /// The last key of the page before.
    pub after: Option<Vec<u8>>,
}

impl Default for PageRequest {
    fn default() -> Self {
        Self { limit: PAGE_ITEMS_DEFAULT, after: None }
    }
}

impl PageRequest {
    /// Reads what a client sent; an empty token is a first page.
    ///
    /// # Errors
    /// `InvalidInput` for a limit of 0 or a token this server did not make.
    pub fn parse(limit: Option<usize>, token: Option<&str>) -> Result<Self> {
        let limit = match limit {
            Some(0) => return Err(Error::invalid("the page limit must be at least 1")),
            Some(limit) => limit.min(PAGE_ITEMS_MAX),
            None => PAGE_ITEMS_DEFAULT,
        };
        let after = match token {
            None | Some("") => None,
            Some(token) => Some(
                decode(token)
                    .ok_or_else(|| Error::invalid(format!("invalid page token '{token}'")))?,
            ),
        };
        Ok(Self { limit, after })
    }

    /// Checks that the page before was one of a list whose keys all start with `prefix`.
    ///
    /// # Errors
    /// `InvalidInput` for a token of another list.
    pub fn check_within(&self, prefix: &[u8]) -> Result<()> {
        if self.after.as_ref().is_some_and(|after| !after.starts_with(prefix)) {
            return Err(Error::invalid("the page token belongs to another list"));
        }
        Ok(())
    }
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// The key of the last item, if there may be more.
    pub next: Option<Vec<u8>>,
}

impl<T> Page<T> {
    /// The opaque token for the next page.
    #[must_use]
    pub fn next_token(&self) -> Option<String> {
        self.next.as_deref().map(encode)
    }

    /// The same page with each item changed.
    #[must_use]
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(change).collect(), next: self.next }
    }
}

/// Version 1 of the token: `p1` and the key in hexadecimal digits.
fn encode(key: &[u8]) -> String {
    format!("p1{}", to_hex(key))
}

fn decode(token: &str) -> Option<Vec<u8>> {
    let digits = token.strip_prefix("p1")?.as_bytes();
    if digits.len() % 2 != 0 {
        return None;
    }
    digits
        .chunks_exact(2)
        .map(|pair| {
            let text = std::str::from_utf8(pair).ok()?;
            u8::from_str_radix(text, 16).ok()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_round_trip() {
        let page = Page::<u8> { items: vec![], next: Some(vec![0, 255, 7]) };
        let token = page.next_token().unwrap();
        let request = PageRequest::parse(Some(1_000_000), Some(&token)).unwrap();
        assert_eq!(request, PageRequest { limit: PAGE_ITEMS_MAX, after: Some(vec![0, 255, 7]) });
        assert!(PageRequest::parse(None, Some("p1zz")).is_err());
        assert!(PageRequest::parse(Some(0), None).is_err());
        assert_eq!(PageRequest::parse(None, Some("")).unwrap().after, None);
        assert!(request.check_within(&[0, 255]).is_ok() && request.check_within(&[1]).is_err());
    }
}
