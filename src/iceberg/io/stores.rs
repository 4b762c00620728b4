//! Clients for object stores.

use std::collections::BTreeMap;
use std::sync::Arc;

use object_store::ObjectStore;

use super::{missing, taken};
use crate::base::error::{Error, ErrorKind, Result};
use crate::iceberg::location::NormalLocation;

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
    let endpoint = option("s3.endpoint");
    let path_style = option("s3.path-style-access").map(|text| text.eq_ignore_ascii_case("true"));
    let region = option("s3.region").or_else(|| option("client.region")).unwrap_or("us-east-1");
    let mut builder = object_store::aws::AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_region(region)
        .with_virtual_hosted_style_request(endpoint.is_none() && path_style != Some(true));
    if let Some(endpoint) = endpoint {
        builder = builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http://"));
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

#[cfg(feature = "gcp")]
fn open_gcs(bucket: &str, options: &BTreeMap<String, String>) -> Result<Arc<dyn ObjectStore>> {
    let mut builder = object_store::gcp::GoogleCloudStorageBuilder::new().with_bucket_name(bucket);
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
        .with_account(account);
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

pub(super) fn failure(location: &str, error: object_store::Error) -> Error {
    match error {
        object_store::Error::NotFound { .. } => missing(location),
        object_store::Error::AlreadyExists { .. } => taken(location),
        other => {
            let refused = matches!(
                other,
                object_store::Error::PermissionDenied { .. }
                    | object_store::Error::Unauthenticated { .. }
            );
            let (kind, what) = if refused {
                (ErrorKind::Internal, "The object store refuses access to")
            } else {
                (ErrorKind::Unavailable, "The object store does not answer for")
            };
            Error::new(kind, format!("{what} {location}")).with_source(other)
        }
    }
}
