//! The settings of a server and of the command line, each with where it came from.
//!
//! Flags win over `NUNATAK_…` variables, these over the file (`--config`), that over defaults. Nothing
//! else reads the environment. An unknown key in the file is refused; a secret is never shown.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use crate::base::error::{Entity, Error, ErrorKind, Result};
use crate::telemetry::init::{LogFormat, check_filter};

/// One setting.
#[derive(Debug)]
struct Key {
    /// Its name in the file; with dots for tables.
    name: &'static str,
    default: Option<&'static str>,
    secret: bool,
    /// Whether it may be given several times.
    list: bool,
}

const fn key(name: &'static str, default: Option<&'static str>) -> Key {
    Key { name, default, secret: false, list: false }
}

const KEYS: &[Key] = &[
    key("data_dir", Some("./nunatak-data")),
    key("http", Some("127.0.0.1:8181")),
    key("pg", Some("127.0.0.1:5433")),
    key("flight", Some("127.0.0.1:32010")),
    key("store", Some("sqlite")),
    key("warehouse_location", None),
    Key { list: true, ..key("allowed_location", None) },
    key("log_level", Some("info")),
    key("log_format", Some("text")),
    key("s3.endpoint", None),
    key("s3.region", None),
    key("s3.path_style_access", None),
    Key { secret: true, ..key("s3.access_key_id", None) },
    Key { secret: true, ..key("s3.secret_access_key", None) },
    Key { secret: true, ..key("s3.session_token", None) },
];

/// Variables of the command line, which are no settings of a server.
const CLIENT_VARIABLES: &[&str] = &["NUNATAK_URL", "NUNATAK_TOKEN", "NUNATAK_WAREHOUSE"];

impl Key {
    /// `NUNATAK_S3_ENDPOINT` for `s3.endpoint`.
    fn variable(&self) -> String {
        format!("NUNATAK_{}", self.name.replace('.', "_").to_uppercase())
    }
}

/// Where a value came from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Source {
    /// A flag.
    Flag,
    /// A variable of this name.
    Environment(String),
    /// The file.
    File(PathBuf),
    /// The default.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("flag"),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// The flags of `nunatak serve` and `nunatak config`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Flags {
    /// Directory of the catalog and, by default, of the tables.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Address to answer HTTP on; port 0 picks a free one. Loopback only.
    #[arg(long, value_name = "ADDRESS")]
    http: Option<String>,
    /// Address to answer clients of PostgreSQL on, or `off`; port 0 picks a free one. Loopback only.
    #[arg(long, value_name = "ADDRESS|off")]
    pg: Option<String>,
    /// Address to answer clients of Arrow Flight SQL on, or `off`; port 0 picks a free one. Loopback only.
    #[arg(long, value_name = "ADDRESS|off")]
    flight: Option<String>,
    /// Metadata store.
    #[arg(long, value_name = "sqlite|URL")]
    store: Option<String>,
    /// URL or directory below which new warehouses keep their tables.
    #[arg(long, value_name = "URL")]
    warehouse_location: Option<String>,
    /// Another URL below which tables may lie; may be repeated.
    #[arg(long, value_name = "URL")]
    allowed_location: Vec<String>,
    /// What is logged: error, warn, info, debug, trace, or a filter such as `warn,nunatak=debug`.
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,
    /// How log lines look.
    #[arg(long, value_name = "text|json")]
    log_format: Option<String>,
    /// Endpoint of an S3-compatible object store.
    #[arg(long = "s3.endpoint", value_name = "URL")]
    s3_endpoint: Option<String>,
    /// Region of the object store.
    #[arg(long = "s3.region", value_name = "REGION")]
    s3_region: Option<String>,
    /// Put the bucket into the path instead of the host name.
    #[arg(long = "s3.path-style-access", value_name = "true|false")]
    s3_path_style_access: Option<String>,
    /// Read settings from this TOML file.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

type Layer = BTreeMap<&'static str, (Vec<String>, Source)>;

impl Flags {
    /// Those of a server that tells its story: a directory, and ports that the system picks.
    #[must_use]
    pub fn for_demo(data_dir: &Path) -> Self {
        Self {
            data_dir: Some(data_dir.to_path_buf()),
            http: Some("127.0.0.1:0".to_owned()),
            pg: Some("off".to_owned()),
            flight: Some("off".to_owned()),
            log_level: Some("warn".to_owned()),
            ..Self::default()
        }
    }

    fn layer(&self) -> Layer {
        let path = self.data_dir.as_ref().map(|path| path.to_string_lossy().into_owned());
        let values = [
            ("data_dir", path),
            ("http", self.http.clone()),
            ("pg", self.pg.clone()),
            ("flight", self.flight.clone()),
            ("store", self.store.clone()),
            ("warehouse_location", self.warehouse_location.clone()),
            ("log_level", self.log_level.clone()),
            ("log_format", self.log_format.clone()),
            ("s3.endpoint", self.s3_endpoint.clone()),
            ("s3.region", self.s3_region.clone()),
            ("s3.path_style_access", self.s3_path_style_access.clone()),
        ];
        let mut layer: Layer = values
            .into_iter()
            .filter_map(|(name, value)| Some((name, (vec![value?], Source::Flag))))
            .collect();
        if !self.allowed_location.is_empty() {
            layer.insert("allowed_location", (self.allowed_location.clone(), Source::Flag));
        }
        layer
    }
}

/// A setting as it is in force.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shown {
    /// Its name in the file.
    pub name: &'static str,
    /// Its values, secrets masked; none if it is not set.
    pub values: Vec<String>,
    /// Where it came from.
    pub source: Source,
}

/// The settings of a server, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// Directory of the catalog; absolute.
    pub data_dir: PathBuf,
    /// Where HTTP is answered.
    pub http: SocketAddr,
    /// Where clients of PostgreSQL are answered, if at all.
    pub pg: Option<SocketAddr>,
    /// Where clients of Flight SQL are answered, if at all.
    pub flight: Option<SocketAddr>,
    /// URL below which new warehouses lie; no trailing slash.
    pub warehouse_location: String,
    /// Other URLs below which tables may lie.
    pub allowed_locations: Vec<String>,
    /// What is logged.
    pub log_level: String,
    /// How log lines look.
    pub log_format: LogFormat,
    /// Options of object stores by their Iceberg names.
    pub object_store: BTreeMap<String, String>,
    /// Every setting with its source.
    pub shown: Vec<Shown>,
}

/// Reads the settings of a server.
///
/// # Errors
/// `InvalidInput` that names the setting and its source; `NotFound(File)` for a file that is not there;
/// `Unsupported` for a store or address that is not served yet.
pub fn load(flags: &Flags) -> Result<Config> {
    let variables: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| name.starts_with("NUNATAK_"))
        .collect();
    let here = std::env::current_dir().map_err(|error| {
        Error::internal("the current directory cannot be read").with_source(error)
    })?;
    resolve(flags, &variables, &here)
}

fn resolve(flags: &Flags, variables: &BTreeMap<String, String>, here: &Path) -> Result<Config> {
    let mut merged = defaults();
    let file = match &flags.config {
        Some(path) => Some(path.clone()),
        None => variables.get("NUNATAK_CONFIG").map(PathBuf::from),
    };
    if let Some(path) = file {
        merged.extend(read_file(&here.join(path))?);
    }
    merged.extend(environment(variables));
    merged.extend(flags.layer());
    check(&merged, here)
}

fn defaults() -> Layer {
    KEYS.iter()
        .filter_map(|key| Some((key.name, (vec![key.default?.to_owned()], Source::Default))))
        .collect()
}

fn environment(variables: &BTreeMap<String, String>) -> Layer {
    let mut layer = Layer::new();
    for (variable, value) in variables {
        match KEYS.iter().find(|key| key.variable() == *variable) {
            Some(key) => {
                let values = if key.list {
                    value.split(',').map(|item| item.trim().to_owned()).collect()
                } else {
                    vec![value.clone()]
                };
                layer.insert(key.name, (values, Source::Environment(variable.clone())));
            }
            None if variable == "NUNATAK_CONFIG" => {}
            None if CLIENT_VARIABLES.contains(&variable.as_str()) => {}
            // Not refused: container platforms put variables of this form into every process.
            None => tracing::warn!(variable, "this variable is no setting and is ignored"),
        }
    }
    layer
}

fn read_file(path: &Path) -> Result<Layer> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        let kind = match error.kind() {
            std::io::ErrorKind::NotFound => ErrorKind::NotFound(Entity::File),
            _ => ErrorKind::InvalidInput,
        };
        Error::new(kind, format!("the file of settings {}: {error}", path.display()))
            .with_source(error)
    })?;
    let wrong =
        |what: String| Error::invalid(format!("the file of settings {}: {what}", path.display()));
    let table: toml::Table = text.parse().map_err(|error| wrong(format!("{error}")))?;
    let mut flat = Vec::new();
    flatten("", &toml::Value::Table(table), &mut flat);
    let mut layer = Layer::new();
    for (name, value) in flat {
        let Some(key) = KEYS.iter().find(|key| key.name == name) else {
            let known: Vec<&str> = KEYS.iter().map(|key| key.name).collect();
            return Err(wrong(format!("unknown key '{name}'; known are {}", known.join(", "))));
        };
        let values = match value {
            toml::Value::Array(items) if key.list => {
                items.iter().map(scalar).collect::<Option<Vec<_>>>()
            }
            other => scalar(&other).map(|value| vec![value]),
        };
        let values = values.ok_or_else(|| wrong(format!("'{name}' has the wrong type")))?;
        layer.insert(key.name, (values, Source::File(path.to_owned())));
    }
    Ok(layer)
}

fn flatten(prefix: &str, value: &toml::Value, out: &mut Vec<(String, toml::Value)>) {
    match value {
        toml::Value::Table(table) => {
            for (name, value) in table {
                let name =
                    if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                flatten(&name, value, out);
            }
        }
        other => out.push((prefix.to_owned(), other.clone())),
    }
}

fn scalar(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(flag) => Some(flag.to_string()),
        toml::Value::Float(_)
        | toml::Value::Datetime(_)
        | toml::Value::Array(_)
        | toml::Value::Table(_) => None,
    }
}

fn check(merged: &Layer, here: &Path) -> Result<Config> {
    let one =
        |name: &str| merged.get(name).and_then(|(values, _)| values.first()).map(String::as_str);
    let wrong = |name: &str, what: String| {
        let source = merged.get(name).map_or(&Source::Default, |(_, source)| source);
        Error::invalid(format!("the setting '{name}' ({source}): {what}"))
    };
    check_store(one("store").unwrap_or_default())?;
    let data_dir = here.join(one("data_dir").unwrap_or_default());
    let http = address(one("http").unwrap_or_default())
        .map_err(|error| wrong("http", error.message().to_owned()))?;
    let door = |name: &str| match one(name).unwrap_or_default() {
        "off" => Ok(None),
        text => address(text).map(Some).map_err(|error| wrong(name, error.message().to_owned())),
    };
    let (pg, flight) = (door("pg")?, door("flight")?);
    let warehouse_location = match one("warehouse_location") {
        Some(text) => location(text, here)
            .map_err(|error| wrong("warehouse_location", error.message().to_owned()))?,
        None => directory(&data_dir.join("warehouse"))?,
    };
    let allowed_locations = merged
        .get("allowed_location")
        .map_or(&[][..], |(values, _)| values)
        .iter()
        .map(|text| {
            location(text, here)
                .map_err(|error| wrong("allowed_location", error.message().to_owned()))
        })
        .collect::<Result<Vec<_>>>()?;
    let log_level = one("log_level").unwrap_or_default().to_owned();
    check_filter(&log_level)?;
    if let Some(flag) = one("s3.path_style_access")
        && !matches!(flag, "true" | "false")
    {
        return Err(wrong("s3.path_style_access", format!("'{flag}' is neither true nor false")));
    }
    if let Some(endpoint) = one("s3.endpoint") {
        check_endpoint(endpoint).map_err(|what| wrong("s3.endpoint", what))?;
    }
    for (given, other) in [
        ("s3.access_key_id", "s3.secret_access_key"),
        ("s3.secret_access_key", "s3.access_key_id"),
        ("s3.session_token", "s3.access_key_id"),
    ] {
        if one(given).is_some() && one(other).is_none() {
            return Err(wrong(given, format!("it is of no use without '{other}'")));
        }
    }
    let object_store = KEYS
        .iter()
        .filter(|key| key.name.starts_with("s3."))
        .filter_map(|key| Some((key.name.replace('_', "-"), one(key.name)?.to_owned())))
        .collect();
    let shown = show(merged, &data_dir, &warehouse_location);
    Ok(Config {
        data_dir,
        http,
        pg,
        flight,
        warehouse_location,
        allowed_locations,
        log_level,
        log_format: LogFormat::parse(one("log_format").unwrap_or_default())?,
        object_store,
        shown,
    })
}

fn show(merged: &Layer, data_dir: &Path, warehouse_location: &str) -> Vec<Shown> {
    KEYS.iter()
        .map(|key| {
            let (values, source) =
                merged.get(key.name).cloned().unwrap_or((Vec::new(), Source::Default));
            let values = match key.name {
                "data_dir" => vec![data_dir.display().to_string()],
                "warehouse_location" => vec![warehouse_location.to_owned()],
                _ if key.secret => values.iter().map(|_| "********".to_owned()).collect(),
                _ => values,
            };
            Shown { name: key.name, values, source }
        })
        .collect()
}

fn check_store(store: &str) -> Result<()> {
    if store == "sqlite" {
        return Ok(());
    }
    if store.starts_with("postgres://") || store.starts_with("postgresql://") {
        return Err(Error::new(
            ErrorKind::Unsupported,
            "the setting 'store': PostgreSQL is not supported yet; use 'sqlite'",
        ));
    }
    Err(Error::invalid(format!("the setting 'store' is '{store}'; use 'sqlite'")))
}

/// The URL of an object store. Clients are told it, so it must hold no credentials.
fn check_endpoint(text: &str) -> std::result::Result<(), String> {
    let url = url::Url::parse(text).map_err(|error| format!("it is no URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(format!("'{text}' is no URL such as http://127.0.0.1:9000"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a user or password does not belong into it; set s3.access_key_id and \
                    s3.secret_access_key"
            .to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("'{text}' has more than a host, a port and a path"));
    }
    Ok(())
}

/// An address to bind: loopback only, as long as nobody has to log in.
fn address(text: &str) -> Result<SocketAddr> {
    let text =
        text.replacen("localhost:", "127.0.0.1:", usize::from(text.starts_with("localhost:")));
    let address: SocketAddr = text.parse().map_err(|_| {
        Error::invalid(format!("'{text}' is no address with a port, such as 127.0.0.1:8181"))
    })?;
    if !IpAddr::is_loopback(&address.ip()) {
        return Err(Error::invalid(format!(
            "{text} can be reached from other machines, and there is no authentication yet: bind a \
             loopback address such as 127.0.0.1:{port}, and put a proxy that authenticates in front of \
             it if others need it",
            port = address.port()
        )));
    }
    Ok(address)
}

/// A URL without trailing slash; a plain path becomes a `file://` URL.
fn location(text: &str, here: &Path) -> Result<String> {
    if text.is_empty() {
        return Err(Error::invalid("it is empty"));
    }
    if text.contains("://") || text.starts_with("file:") {
        let url = url::Url::parse(text)
            .map_err(|error| Error::invalid(format!("'{text}' is no URL: {error}")))?;
        return Ok(url.as_str().trim_end_matches('/').to_owned());
    }
    directory(&here.join(text))
}

fn directory(path: &Path) -> Result<String> {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let url = url::Url::from_file_path(&absolute)
        .map_err(|()| Error::invalid(format!("'{}' is no absolute path", absolute.display())))?;
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// What the command line takes from the environment where no flag says otherwise.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ClientVariables {
    /// `NUNATAK_URL`.
    pub url: Option<String>,
    /// `NUNATAK_TOKEN`.
    pub token: Option<String>,
    /// `NUNATAK_WAREHOUSE`.
    pub warehouse: Option<String>,
}

impl fmt::Debug for ClientVariables {
    /// Without the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientVariables")
            .field("url", &self.url)
            .field("warehouse", &self.warehouse)
            .finish_non_exhaustive()
    }
}

/// Reads the variables of the command line; an empty one counts as not set.
#[must_use]
pub fn client_variables() -> ClientVariables {
    let read = |name: &str| {
        std::env::vars_os()
            .find(|(found, _)| found.to_str() == Some(name))
            .and_then(|(_, value)| value.into_string().ok())
            .filter(|value| !value.is_empty())
    };
    ClientVariables {
        url: read("NUNATAK_URL"),
        token: read("NUNATAK_TOKEN"),
        warehouse: read("NUNATAK_WAREHOUSE"),
    }
}

/// Where programs keep what belongs to this user; `None` if the environment does not tell.
#[must_use]
pub fn user_data_dir() -> Option<PathBuf> {
    let read = |name: &str| {
        let (_, value) = std::env::vars_os().find(|(found, _)| found.to_str() == Some(name))?;
        Some(PathBuf::from(value)).filter(|path| path.is_absolute())
    };
    read("XDG_DATA_HOME")
        .or_else(|| read("HOME").map(|home| home.join(".local/share")))
        .or_else(|| read("LOCALAPPDATA"))
}

#[cfg(test)]
mod tests;
