//! Tests of the settings.

use super::*;

fn with(flags: &Flags, variables: &[(&str, &str)]) -> Result<Config> {
    let variables =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    resolve(flags, &variables, Path::new("/work dir"))
}

fn source_of<'a>(config: &'a Config, name: &str) -> &'a Source {
    &config.shown.iter().find(|shown| shown.name == name).unwrap().source
}

#[test]
fn defaults_are_enough() {
    let config = with(&Flags::default(), &[]).unwrap();
    assert_eq!(config.http, "127.0.0.1:8181".parse().unwrap());
    assert_eq!(config.data_dir, Path::new("/work dir/./nunatak-data"));
    assert_eq!(config.warehouse_location, "file:///work%20dir/nunatak-data/warehouse");
    assert_eq!(*source_of(&config, "http"), Source::Default);
    assert_eq!(config.pg, Some("127.0.0.1:5433".parse().unwrap()));
    assert_eq!(config.flight, Some("127.0.0.1:32010".parse().unwrap()));
}

#[test]
fn flags_win_over_environment_over_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("n.toml");
    std::fs::write(
        &file,
        "http = '127.0.0.1:1'\nlog_level = 'debug'\nallowed_location = ['s3://a', 's3://b/']\n\
         [s3]\nendpoint = 'http://127.0.0.1:9000'\npath_style_access = true\n",
    )
    .unwrap();
    let flags = Flags {
        config: Some(file.clone()),
        http: Some("127.0.0.1:3".to_owned()),
        ..Flags::default()
    };
    let config = with(
        &flags,
        &[
            ("NUNATAK_HTTP", "127.0.0.1:2"),
            ("NUNATAK_LOG_LEVEL", "warn"),
            ("NUNATAK_S3_ACCESS_KEY_ID", "me"),
            ("NUNATAK_S3_SECRET_ACCESS_KEY", "hush"),
            ("NUNATAK_URL", "http://x"),
        ],
    )
    .unwrap();
    assert_eq!(config.http.port(), 3);
    assert_eq!(*source_of(&config, "http"), Source::Flag);
    assert_eq!(config.log_level, "warn");
    assert_eq!(config.allowed_locations, ["s3://a", "s3://b"]);
    assert_eq!(*source_of(&config, "allowed_location"), Source::File(file));
    assert_eq!(config.object_store["s3.path-style-access"], "true");
    assert_eq!(config.object_store["s3.secret-access-key"], "hush");
    let shown = format!("{:?}", config.shown);
    assert!(shown.contains("********") && !shown.contains("hush"), "{shown}");
}

#[test]
fn what_cannot_be_served_is_refused() {
    let flag = |change: fn(&mut Flags)| {
        let mut flags = Flags::default();
        change(&mut flags);
        with(&flags, &[]).unwrap_err()
    };
    let error = flag(|flags| flags.http = Some("0.0.0.0:8181".to_owned()));
    assert!(error.message().contains("authentication"), "{error}");
    let error = flag(|flags| flags.pg = Some("0.0.0.0:5433".to_owned()));
    assert!(error.message().contains("'pg'"), "{error}");
    let error = flag(|flags| flags.flight = Some("0.0.0.0:32010".to_owned()));
    assert!(error.message().contains("'flight'"), "{error}");
    let off = [("NUNATAK_PG", "off"), ("NUNATAK_FLIGHT", "off")];
    let off = with(&Flags::default(), &off).unwrap();
    assert_eq!((off.pg, off.flight), (None, None));
    for bad in ["10.0.0.1:1", "[::]:1", "8181", "example.org:1"] {
        assert!(address(bad).is_err(), "{bad}");
    }
    for good in ["127.9.9.9:1", "[::1]:0", "localhost:8181"] {
        assert!(address(good).is_ok(), "{good}");
    }
    let error = flag(|flags| flags.store = Some("postgres://db/x".to_owned()));
    assert!(error.message().contains("not supported yet"), "{error}");
    assert!(flag(|flags| flags.store = Some("oracle".to_owned())).message().contains("oracle"));
    assert!(flag(|flags| flags.log_format = Some("xml".to_owned())).message().contains("xml"));
}

#[test]
fn a_wrong_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("n.toml");
    for (text, part) in [
        ("htp = 'x'", "unknown key 'htp'"),
        ("http = ['x']", "'http' has the wrong type"),
        ("http = ", "n.toml"),
        ("[s3]\nkey = 'x'", "unknown key 's3.key'"),
    ] {
        std::fs::write(&file, text).unwrap();
        let flags = Flags { config: Some(file.clone()), ..Flags::default() };
        let error = with(&flags, &[]).unwrap_err();
        assert!(error.message().contains(part), "{text}: {error}");
    }
    let flags = Flags { config: Some(folder.path().join("none")), ..Flags::default() };
    assert_eq!(with(&flags, &[]).unwrap_err().kind(), ErrorKind::NotFound(Entity::File));
}

#[test]
fn settings_of_an_object_store_are_checked() {
    let refused = |variables: &[(&str, &str)]| {
        with(&Flags::default(), variables).unwrap_err().message().to_owned()
    };
    for bad in ["127.0.0.1:9000", "s3.example.org", "ftp://x", "http://", "http://x/?a=b"] {
        let message = refused(&[("NUNATAK_S3_ENDPOINT", bad)]);
        assert!(message.contains("s3.endpoint"), "{bad}: {message}");
    }
    let message = refused(&[("NUNATAK_S3_ENDPOINT", "http://me:hush@store.example")]);
    assert!(message.contains("password") && !message.contains("hush"), "{message}");
    let message = refused(&[("NUNATAK_S3_SECRET_ACCESS_KEY", "hush")]);
    assert!(message.contains("s3.access_key_id") && !message.contains("hush"), "{message}");
    assert!(refused(&[("NUNATAK_S3_ACCESS_KEY_ID", "me")]).contains("s3.secret_access_key"));
    let good = [("NUNATAK_S3_ENDPOINT", "https://store.example:9000/")];
    assert!(with(&Flags::default(), &good).is_ok());
}
