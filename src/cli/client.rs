//! Speaks the management API: one connection pool, with timeouts.

use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, StatusCode};
use serde_json::Value;

use super::error::{CONFLICT, Failed};
use crate::base::limits::{
    CLIENT_ANSWER_SECONDS_MAX, CLIENT_CONNECT_SECONDS_MAX, CLIENT_SQL_SECONDS_MAX,
};

/// The server that is meant where none is named.
pub const DEFAULT_URL: &str = "http://127.0.0.1:8181";
/// The warehouse that is meant where none is named.
pub const DEFAULT_WAREHOUSE: &str = "lake";

/// Everything but what a URL may hold without a meaning of its own.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Percent-encodes one segment or one value.
#[must_use]
pub fn escape(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

/// A connection to a server.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
}

/// An answer that is no failure, or one with a body that the command wants to show.
#[derive(Debug)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The body; null if there is none.
    pub body: Value,
}

impl Client {
    /// Prepares a connection.
    ///
    /// # Errors
    /// For a URL that is none.
    pub fn new(url: &str, token: Option<&str>) -> Result<Self, Failed> {
        let parsed = url::Url::parse(url)
            .ok()
            .filter(|parsed| matches!(parsed.scheme(), "http" | "https") && parsed.has_host());
        if parsed.is_none() {
            return Err(Failed::usage(format!(
                "'{url}' is no server's URL; use one such as {DEFAULT_URL}"
            )));
        }
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(CLIENT_CONNECT_SECONDS_MAX))
            .timeout(Duration::from_secs(CLIENT_ANSWER_SECONDS_MAX))
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| Failed::new(format!("no HTTP client: {error}")))?;
        Ok(Self {
            http,
            base: url.trim_end_matches('/').to_owned(),
            token: token.map(str::to_owned),
        })
    }

    /// Sends a request; any failure of the server becomes one of the command.
    ///
    /// # Errors
    /// With what the server said, or how to start it if it does not answer.
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Failed> {
        let reply = self.send(method, path, body, None).await?;
        if reply.status.is_success() { Ok(reply.body) } else { Err(refused(&reply)) }
    }

    /// Sends a request and gives back whatever the server answers.
    ///
    /// # Errors
    /// If the server does not answer, or not with JSON.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        if_match: Option<&str>,
    ) -> Result<Reply, Failed> {
        let mut request = self.request(method, &format!("/api/v1/warehouses{path}"));
        if let Some(head) = if_match {
            request = request.header("if-match", format!("\"{head}\""));
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        self.reply(request).await
    }

    /// Runs statements, however long they take.
    ///
    /// # Errors
    /// If the server does not answer, or not with JSON.
    pub async fn sql(&self, body: &Value) -> Result<Reply, Failed> {
        let request = self.request(Method::POST, "/api/v1/sql").json(body);
        self.reply(request.timeout(Duration::from_secs(CLIENT_SQL_SECONDS_MAX))).await
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn reply(&self, request: reqwest::RequestBuilder) -> Result<Reply, Failed> {
        let answer = request.send().await.map_err(|error| self.silent(&error))?;
        let status = answer.status();
        let bytes = answer.bytes().await.map_err(|error| self.silent(&error))?;
        if bytes.is_empty() {
            return Ok(Reply { status, body: Value::Null });
        }
        let body = serde_json::from_slice(&bytes).map_err(|_| {
            Failed::new(format!(
                "{} answered {status} and no JSON: is this a Nunatak server?",
                self.base
            ))
        })?;
        Ok(Reply { status, body })
    }

    /// Reads a list to its end, or to `limit` items, page by page.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn list(&self, path: &str, limit: Option<usize>) -> Result<Value, Failed> {
        let mut items = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let joint = if path.contains('?') { '&' } else { '?' };
            let mut url = path.to_owned();
            if let Some(limit) = limit {
                url = format!("{url}{joint}limit={}", limit.saturating_sub(items.len()));
            }
            if let Some(token) = &token {
                let joint = if url.contains('?') { '&' } else { '?' };
                url = format!("{url}{joint}page_token={}", escape(token));
            }
            let mut page = self.call(Method::GET, &url, None).await?;
            if let Value::Array(found) = page["items"].take() {
                items.extend(found);
            }
            token = page["next_page_token"].as_str().map(str::to_owned);
            let full = limit.is_some_and(|limit| items.len() >= limit);
            if token.is_none() || full {
                break;
            }
        }
        let mut list = serde_json::json!({ "items": items });
        if let Some(token) = token {
            list["next_page_token"] = token.into();
        }
        Ok(list)
    }

    fn silent(&self, error: &reqwest::Error) -> Failed {
        if error.is_connect() {
            return Failed::new(format!(
                "no server answers at {}: start one with `nunatak serve`, or name another with --url \
                 or NUNATAK_URL",
                self.base
            ));
        }
        if error.is_timeout() {
            return Failed::new(format!(
                "{} did not answer in time; look at the result before you try again",
                self.base
            ));
        }
        let mut message = format!("the request to {} failed: {error}", self.base);
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            message = format!("{message}: {cause}");
            source = cause.source();
        }
        Failed::new(message)
    }
}

/// A failure of the server as one of the command.
#[must_use]
pub fn refused(reply: &Reply) -> Failed {
    let detail = reply.body["detail"]
        .as_str()
        .map_or_else(|| format!("the server answered {}", reply.status), str::to_owned);
    let code = if reply.status == StatusCode::CONFLICT { CONFLICT } else { super::error::FAILED };
    Failed { message: detail, code }
}
