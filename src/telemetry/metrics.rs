//! The metrics of one server, in a registry of their own.
//!
//! Label values come from bounded sets: route templates, methods, status codes. A path or a name from
//! a request is never a label, or an attacker could grow memory without end.

use std::time::Duration;

use prometheus::{
    Encoder as _, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
    Opts, Registry, TextEncoder,
};

/// Upper bounds of latency buckets in seconds: 0.25 ms to 10 s.
const SECONDS: &[f64] =
    &[0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// Handles of all metrics.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    request_seconds: HistogramVec,
    commits: IntCounter,
    groups: IntCounter,
    movements: IntCounter,
    waiting: IntGauge,
    store_calls: IntCounterVec,
    store_seconds: HistogramVec,
    cache_bytes: IntGaugeVec,
    sql_statements: IntCounterVec,
    sql_connections: IntGaugeVec,
}

impl Metrics {
    /// Makes and registers all metrics.
    ///
    /// # Errors
    /// If two metrics have one name, or a name is not one: a mistake of this file.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new_custom(Some("nunatak".to_owned()), None)?;
        let this = Self {
            requests: IntCounterVec::new(
                Opts::new("http_requests_total", "Requests answered"),
                &["route", "method", "status"],
            )?,
            request_seconds: HistogramVec::new(
                HistogramOpts::new("http_request_seconds", "Time until the answer was ready")
                    .buckets(SECONDS.to_vec()),
                &["route", "method"],
            )?,
            commits: IntCounter::new("commits_total", "Commits published")?,
            groups: IntCounter::new("commit_groups_total", "Groups of commits published")?,
            movements: IntCounter::new("ref_movements_total", "Ref movements published")?,
            waiting: IntGauge::new("commit_requests_waiting", "Requests that wait for a group")?,
            store_calls: IntCounterVec::new(
                Opts::new("store_calls_total", "Calls to the metadata store"),
                &["call", "outcome"],
            )?,
            store_seconds: HistogramVec::new(
                HistogramOpts::new("store_call_seconds", "Time of calls to the metadata store")
                    .buckets(SECONDS.to_vec()),
                &["call"],
            )?,
            cache_bytes: IntGaugeVec::new(
                Opts::new("cache_bytes", "Bytes held by caches"),
                &["cache"],
            )?,
            sql_statements: IntCounterVec::new(
                Opts::new("sql_statements_total", "Statements of SQL that were run"),
                &["door", "outcome"],
            )?,
            sql_connections: IntGaugeVec::new(
                Opts::new("sql_connections", "Connections of SQL clients"),
                &["door"],
            )?,
            registry,
        };
        let registry = &this.registry;
        registry.register(Box::new(this.requests.clone()))?;
        registry.register(Box::new(this.request_seconds.clone()))?;
        registry.register(Box::new(this.commits.clone()))?;
        registry.register(Box::new(this.groups.clone()))?;
        registry.register(Box::new(this.movements.clone()))?;
        registry.register(Box::new(this.waiting.clone()))?;
        registry.register(Box::new(this.store_calls.clone()))?;
        registry.register(Box::new(this.store_seconds.clone()))?;
        registry.register(Box::new(this.cache_bytes.clone()))?;
        registry.register(Box::new(this.sql_statements.clone()))?;
        registry.register(Box::new(this.sql_connections.clone()))?;
        Ok(this)
    }

    /// Counts one answered request.
    pub fn request(&self, route: &str, method: &str, status: &str, took: Duration) {
        self.requests.with_label_values(&[route, method, status]).inc();
        self.request_seconds.with_label_values(&[route, method]).observe(took.as_secs_f64());
    }

    /// Takes the committer's numbers, which only grow, before the metrics are read.
    pub fn committer(&self, groups: u64, commits: u64, movements: u64, waiting: u64) {
        for (counter, value) in
            [(&self.groups, groups), (&self.commits, commits), (&self.movements, movements)]
        {
            counter.inc_by(value.saturating_sub(counter.get()));
        }
        self.waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
    }

    /// Counts one call to the metadata store.
    pub fn store_call(&self, call: &'static str, failed: bool, took: Duration) {
        let outcome = if failed { "error" } else { "ok" };
        self.store_calls.with_label_values(&[call, outcome]).inc();
        self.store_seconds.with_label_values(&[call]).observe(took.as_secs_f64());
    }

    /// Notes how many bytes a cache holds.
    pub fn cache_bytes(&self, cache: &'static str, bytes: u64) {
        self.cache_bytes.with_label_values(&[cache]).set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// Counts one statement of SQL.
    pub fn sql_statement(&self, door: &'static str, failed: bool) {
        let outcome = if failed { "error" } else { "ok" };
        self.sql_statements.with_label_values(&[door, outcome]).inc();
    }

    /// Notes that a connection of an SQL client was opened or closed.
    pub fn sql_connection(&self, door: &'static str, opened: bool) {
        let connections = self.sql_connections.with_label_values(&[door]);
        if opened {
            connections.inc();
        } else {
            connections.dec();
        }
    }

    /// All metrics in the text format that Prometheus reads.
    ///
    /// # Errors
    /// If a metric cannot be written.
    pub fn render(&self) -> prometheus::Result<Vec<u8>> {
        let mut out = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut out)?;
        Ok(out)
    }
}

/// The media type of [`Metrics::render`].
pub const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renders_what_was_counted() {
        let metrics = Metrics::new().unwrap();
        metrics.request("/a/{b}", "GET", "200", Duration::from_millis(3));
        metrics.committer(1, 2, 4, 0);
        metrics.committer(2, 3, 5, 1);
        metrics.store_call("commit", false, Duration::from_millis(2));
        metrics.cache_bytes("nodes", 7);
        metrics.sql_statement("flight", true);
        metrics.sql_connection("flight", true);
        let text = String::from_utf8(metrics.render().unwrap()).unwrap();
        for line in [
            r#"nunatak_http_requests_total{method="GET",route="/a/{b}",status="200"} 1"#,
            r#"nunatak_http_request_seconds_bucket{method="GET",route="/a/{b}",le="0.005"} 1"#,
            "nunatak_commits_total 3",
            "nunatak_commit_groups_total 2",
            "nunatak_commit_requests_waiting 1",
            r#"nunatak_store_calls_total{call="commit",outcome="ok"} 1"#,
            r#"nunatak_cache_bytes{cache="nodes"} 7"#,
            r#"nunatak_sql_statements_total{door="flight",outcome="error"} 1"#,
            r#"nunatak_sql_connections{door="flight"} 1"#,
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
    }
}
