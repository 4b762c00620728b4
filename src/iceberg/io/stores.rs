//! Clients for object stores.

use std::collections::BTreeMap;
use std::sync::Arc;
#[cfg(any(feature = "aws", feature = "gcp", feature = "azure"))]
use std::time::Duration;

use object_store::ObjectStore;

use super::{missing, taken};
use crate::base::error::{Error, ErrorKind, Result};
#[cfg(any(feature = "aws", feature = "gcp", feature = "azure"))]
use crate::base::limits::{OBJECT_STORE_RETRIES_MAX, OBJECT_STORE_RETRY_SECONDS_MAX};
use crate::iceberg::location::NormalLocation;

/// The region of a store that has none, for the signature of requests.
#[cfg(feature = "aws")]
const S3_REGION: &str = "us-east-1";

/// Opens the store of a location.
pub(super) fn open(
    location: &NormalLocation,
    options: &BTreeMap<String, String>,
) -> Result<Arc<dyn ObjectStore>> {
    match location.scheme() {
        #[cfg(feature = "aws")]
        "s3" => open_s3(location.authority(), options),
        #[cfg(feature = "gcp")]
        "gs" => open_gcs(location.authority(), options),
        #[cfg(feature = "azure")]
        "abfs" | "abfss" | "wasb" | "wasbs" => open_azure(location.authority(), options),
        scheme => {
            let _: &BTreeMap<String, String> = options;
            Err(Error::new(
                ErrorKind::Unsupported,
                format!("No access to locations of the scheme '{scheme}': {location}"),
            ))
        }
    }
}

#[cfg(feature = "aws")]
fn open_s3(bucket: &str, options: &BTreeMap<String, String>) -> Result<Arc<dyn ObjectStore>> {
    let option = |name: &str| options.get(name).map(String::as_str);
    let by_path = s3_path_style(options);
    let region = option("s3.region").or_else(|| option("client.region")).unwrap_or(S3_REGION);
    let mut builder = object_store::aws::AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_region(region)
        .with_retry(retries())
        .with_virtual_hosted_style_request(!by_path);
    if let Some(endpoint) = option("s3.endpoint") {
        let endpoint =
            if by_path { endpoint.to_owned() } else { endpoint_of_bucket(endpoint, bucket)? };
        let plain = endpoint.starts_with("http://");
        builder = builder.with_endpoint(endpoint).with_allow_http(plain);
    }
    if let Some(key) = option("s3.access-key-id") {
        builder = builder.with_access_key_id(key);
    }
    if let Some(secret) = option("s3.secret-access-key") {
        builder = builder.with_secret_access_key(secret);
    }
    if let Some(token) = option("s3.session-token") {
        builder = builder.with_token(token);
    }
    let store = builder.build().map_err(|error| unusable("s3", bucket, error))?;
    Ok(Arc::new(store))
}

/// Whether the bucket goes into the path. Stores with an endpoint of their own seldom have a host name
/// for each bucket, so there it is the rule unless it is switched off.
fn s3_path_style(options: &BTreeMap<String, String>) -> bool {
    match options.get("s3.path-style-access") {
        Some(text) => text.eq_ignore_ascii_case("true"),
        None => options.contains_key("s3.endpoint"),
    }
}

/// The endpoint with the bucket in its host name.
#[cfg(feature = "aws")]
fn endpoint_of_bucket(endpoint: &str, bucket: &str) -> Result<String> {
    let (scheme, rest) = endpoint
        .split_once("://")
        .ok_or_else(|| Error::invalid(format!("the endpoint '{endpoint}' is no URL")))?;
    Ok(format!("{scheme}://{bucket}.{rest}"))
}

/// What clients need to reach the same store: where it is, never how to log in there.
pub(super) fn client_settings(options: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut settings = BTreeMap::new();
    if let Some(endpoint) = options.get("s3.endpoint") {
        settings.insert("s3.endpoint".to_owned(), endpoint.clone());
    }
    if let Some(region) = options.get("s3.region") {
        // Java and DuckDB read the second name only.
        settings.insert("s3.region".to_owned(), region.clone());
        settings.insert("client.region".to_owned(), region.clone());
    }
    if options.contains_key("s3.endpoint") || options.contains_key("s3.path-style-access") {
        let by_path = s3_path_style(options);
        settings.insert("s3.path-style-access".to_owned(), by_path.to_string());
        // PyIceberg's name for the opposite.
        settings.insert("s3.force-virtual-addressing".to_owned(), (!by_path).to_string());
    }
    settings
}

/// A store that is down must be reported soon: writers of every branch wait behind the one that asks.
#[cfg(any(feature = "aws", feature = "gcp", feature = "azure"))]
fn retries() -> object_store::RetryConfig {
    object_store::RetryConfig {
        backoff: object_store::BackoffConfig {
            max_backoff: Duration::from_secs(1),
            ..object_store::BackoffConfig::default()
        },
        max_retries: OBJECT_STORE_RETRIES_MAX,
        retry_timeout: Duration::from_secs(OBJECT_STORE_RETRY_SECONDS_MAX),
    }
}

#[cfg(feature = "gcp")]
fn open_gcs(bucket: &str, options: &BTreeMap<String, String>) -> Result<Arc<dyn ObjectStore>> {
    let mut builder = object_store::gcp::GoogleCloudStorageBuilder::new()
        .with_bucket_name(bucket)
        .with_retry(retries());
    if let Some(path) = options.get("gcs.service-account-path") {
        builder = builder.with_service_account_path(path);
    }
    if let Some(key) = options.get("gcs.service-account-key") {
        builder = builder.with_service_account_key(key);
    }
    let store = builder.build().map_err(|error| unusable("gs", bucket, error))?;
    Ok(Arc::new(store))
}

/// The authority is `container@account.dfs.core.windows.net`.
#[cfg(feature = "azure")]
fn open_azure(authority: &str, options: &BTreeMap<String, String>) -> Result<Arc<dyn ObjectStore>> {
    let (container, host) = authority.split_once('@').ok_or_else(|| {
        Error::invalid(format!("Invalid Azure location: '{authority}' names no container@account"))
    })?;
    let account = host.split('.').next().unwrap_or(host);
    let mut builder = object_store::azure::MicrosoftAzureBuilder::new()
        .with_container_name(container)
        .with_account(account)
        .with_retry(retries());
    if let Some(key) = options.get("adls.auth.shared-key.account.key") {
        builder = builder.with_access_key(key);
    }
    let store = builder.build().map_err(|error| unusable("abfss", authority, error))?;
    Ok(Arc::new(store))
}

#[cfg(any(feature = "aws", feature = "gcp", feature = "azure"))]
fn unusable(scheme: &str, bucket: &str, error: object_store::Error) -> Error {
    Error::internal(format!("Cannot open {scheme}://{bucket}: check the options of its store"))
        .with_source(error)
}

/// What a failed call means. A store that refuses, or that has no such bucket, is unavailable like one
/// that is down: nothing was done, and the same request succeeds once the store is put right. It must
/// not look like a failure of this server, after which Iceberg clients take a commit's outcome for unknown.
pub(super) fn failure(location: &str, error: object_store::Error) -> Error {
    let what = match &error {
        object_store::Error::NotFound { source, .. } if is_about_bucket(source.as_ref()) => {
            "The object store has no such bucket:"
        }
        object_store::Error::NotFound { .. } => return missing(location),
        object_store::Error::AlreadyExists { .. } => return taken(location),
        object_store::Error::PermissionDenied { .. }
        | object_store::Error::Unauthenticated { .. } => {
            "The object store refuses access (check the credentials of the server) to"
        }
        _ => "The object store does not answer for",
    };
    Error::new(ErrorKind::Unavailable, format!("{what} {location}")).with_source(error)
}

/// A failed write. Nothing need be there before an object is written but its bucket.
pub(super) fn write_failure(location: &str, error: object_store::Error) -> Error {
    match error {
        object_store::Error::NotFound { .. } => Error::new(
            ErrorKind::Unavailable,
            format!("The object store has no such bucket: {location}"),
        )
        .with_source(error),
        other => failure(location, other),
    }
}

/// Whether the error or one of its causes says that the bucket is missing.
fn is_about_bucket(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source())
        .any(|error| error.to_string().contains("NoSuchBucket"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn clients_learn_where_the_store_is_and_no_secret() {
        assert_eq!(client_settings(&options(&[("s3.access-key-id", "a")])), BTreeMap::new());
        let all = options(&[
            ("s3.endpoint", "http://127.0.0.1:9000"),
            ("s3.region", "eu-north-7"),
            ("s3.access-key-id", "hush"),
            ("s3.secret-access-key", "hush"),
            ("s3.session-token", "hush"),
        ]);
        let expected = options(&[
            ("s3.endpoint", "http://127.0.0.1:9000"),
            ("s3.region", "eu-north-7"),
            ("client.region", "eu-north-7"),
            ("s3.path-style-access", "true"),
            ("s3.force-virtual-addressing", "false"),
        ]);
        assert_eq!(client_settings(&all), expected);
    }

    #[test]
    fn the_path_holds_the_bucket_at_an_own_endpoint_unless_it_shall_not() {
        let endpoint = ("s3.endpoint", "https://store.example");
        assert!(!s3_path_style(&options(&[])));
        assert!(s3_path_style(&options(&[endpoint])));
        assert!(!s3_path_style(&options(&[endpoint, ("s3.path-style-access", "false")])));
        assert!(s3_path_style(&options(&[("s3.path-style-access", "true")])));
    }

    #[cfg(feature = "aws")]
    #[test]
    fn a_bucket_goes_before_the_host() {
        assert_eq!(
            endpoint_of_bucket("https://store.example:1", "b").ok().as_deref(),
            Some("https://b.store.example:1")
        );
        assert!(endpoint_of_bucket("store.example", "b").is_err());
    }

    #[test]
    fn a_store_that_cannot_be_used_is_unavailable() {
        let refused = object_store::Error::PermissionDenied {
            path: "t/x".to_owned(),
            source: "AccessDenied".into(),
        };
        let error = failure("s3://b/t/x", refused);
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.message().contains("credentials"), "{error}");
        let not_found = |text: &str| object_store::Error::NotFound {
            path: "t/x".to_owned(),
            source: text.to_owned().into(),
        };
        let kind = |error: Error| error.kind();
        let missing_file = ErrorKind::NotFound(crate::base::error::Entity::File);
        assert_eq!(kind(failure("s3://b/t/x", not_found("NoSuchKey"))), missing_file);
        let bucket = "<Code>NoSuchBucket</Code>";
        assert_eq!(kind(failure("s3://b/t/x", not_found(bucket))), ErrorKind::Unavailable);
        assert_eq!(kind(write_failure("s3://b/t/x", not_found("404"))), ErrorKind::Unavailable);
    }
}
