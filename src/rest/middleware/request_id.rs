//! The id of a request: the client's `X-Request-Id` if it is one, else a new one.

use axum::http::{HeaderMap, HeaderValue};

use crate::base::entropy::Entropy;
use crate::base::hash::to_hex;

/// Header that carries the id, both ways.
pub const REQUEST_ID_HEADER: &str = "x-request-id";

/// Bytes of an id that a client may choose; it stands in logs and answers.
const REQUEST_ID_BYTES_MAX: usize = 128;

/// The id of a request; an extension of request and response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// Takes the client's id if it is short and made of harmless characters, else makes one.
    #[must_use]
    pub fn of(headers: &HeaderMap, entropy: &dyn Entropy) -> Self {
        if let Some(value) = headers.get(REQUEST_ID_HEADER)
            && (1..=REQUEST_ID_BYTES_MAX).contains(&value.len())
            && value.as_bytes().iter().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(b))
        {
            return Self(value.clone());
        }
        let mut bytes = [0_u8; 16];
        entropy.fill(&mut bytes);
        HeaderValue::from_str(&to_hex(&bytes))
            .map_or_else(|_| Self(HeaderValue::from_static("unknown")), Self)
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    /// The id as a header value.
    #[must_use]
    pub fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::entropy::SeededEntropy;

    #[test]
    fn keeps_good_ids_and_replaces_others() {
        let entropy = SeededEntropy::new(1);
        let of = |id: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID_HEADER, HeaderValue::from_static(id));
            RequestId::of(&headers, &entropy).as_str().to_owned()
        };
        assert_eq!(of("job-7.a:b_c"), "job-7.a:b_c");
        for bad in ["", "a b", "a\"b", "<x>"] {
            assert_eq!(of(bad).len(), 32, "{bad}");
        }
    }
}
