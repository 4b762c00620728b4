//! Refuses requests that a foreign web page makes through a local browser (DESIGN section 10).
//!
//! A server without authentication trusts local programs. A browser is one, and runs pages from
//! anywhere: such a page reaches the server by a name of its own that resolves to 127.0.0.1 (then
//! `Host` is foreign) or by a cross-origin request (then `Origin` is). Both are refused before anything
//! else looks at the request.

use std::net::{IpAddr, Ipv6Addr};

use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, Uri, Version};

use crate::base::error::{Error, ErrorKind, Result};

/// The names under which this server may be addressed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hosts {
    /// The address it is bound to; loopback addresses and `localhost` are always allowed.
    pub bound: Option<IpAddr>,
}

impl Hosts {
    /// Checks the request's `Host` (and the authority of an absolute URI) and its `Origin`.
    ///
    /// # Errors
    /// `Forbidden` if one is foreign or not readable; `InvalidInput` for a request of HTTP/1.1 to a bound
    /// server that names no host (RFC 9112 section 3.2).
    pub fn check(&self, version: Version, uri: &Uri, headers: &HeaderMap) -> Result<()> {
        let mut port = None;
        if let Some(authority) = uri.authority() {
            port = Some(self.authority(authority.as_str(), 80, "request target")?);
        }
        let mut hosts = headers.get_all(HOST).iter();
        if let Some(host) = hosts.next() {
            let text = host.to_str().map_err(|_| refused("Host", "?"))?;
            port = Some(self.authority(text, 80, "Host")?);
        }
        if hosts.next().is_some() {
            return Err(refused("Host", "given twice"));
        }
        if port.is_none() && self.bound.is_some() && version == Version::HTTP_11 {
            return Err(Error::invalid("the request has no Host header"));
        }
        let mut origins = headers.get_all(ORIGIN).iter();
        if let Some(origin) = origins.next() {
            let text = origin.to_str().map_err(|_| refused("Origin", "?"))?;
            let origin_port = self.origin(text)?;
            if port.is_some_and(|port| port != origin_port) {
                return Err(refused("Origin", text));
            }
        }
        if origins.next().is_some() {
            return Err(refused("Origin", "given twice"));
        }
        Ok(())
    }

    /// The port of `http://host:port`, if the host is ours.
    fn origin(&self, text: &str) -> Result<u16> {
        let (authority, default_port) = if let Some(rest) = text.strip_prefix("http://") {
            (rest, 80)
        } else if let Some(rest) = text.strip_prefix("https://") {
            (rest, 443)
        } else {
            return Err(refused("Origin", text));
        };
        self.authority(authority, default_port, "Origin")
    }

    /// The port of `host[:port]`, if the host is ours.
    fn authority(&self, text: &str, default_port: u16, what: &str) -> Result<u16> {
        let foreign = || refused(what, text);
        let (host, port) = if let Some(rest) = text.strip_prefix('[') {
            let (address, rest) = rest.split_once(']').ok_or_else(foreign)?;
            let address: Ipv6Addr = address.parse().map_err(|_| foreign())?;
            (Host::Address(IpAddr::V6(address)), rest)
        } else {
            let end = text.find(':').unwrap_or(text.len());
            let (name, rest) = text.split_at(end);
            match name.parse::<std::net::Ipv4Addr>() {
                Ok(address) => (Host::Address(IpAddr::V4(address)), rest),
                Err(_) => (Host::Name(name), rest),
            }
        };
        let port = match port {
            "" => default_port,
            port => port
                .strip_prefix(':')
                .filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))
                .and_then(|digits| digits.parse().ok())
                .ok_or_else(foreign)?,
        };
        let ours = match host {
            Host::Name(name) => name.eq_ignore_ascii_case("localhost"),
            Host::Address(address) => {
                address.to_canonical().is_loopback() || self.bound == Some(address)
            }
        };
        if ours { Ok(port) } else { Err(foreign()) }
    }
}

enum Host<'a> {
    Name(&'a str),
    Address(IpAddr),
}

fn refused(what: &str, value: &str) -> Error {
    let shown: String = value.chars().filter(|c| !c.is_control()).take(100).collect();
    Error::new(
        ErrorKind::Forbidden,
        format!(
            "refused: the {what} '{shown}' is foreign; this server answers programs on this machine, \
             addressed as 127.0.0.1, [::1] or localhost, and no pages of other web sites"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(host: Option<&str>, origin: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        if let Some(host) = host {
            headers.insert(HOST, host.parse().unwrap());
        }
        if let Some(origin) = origin {
            headers.insert(ORIGIN, origin.parse().unwrap());
        }
        Hosts { bound: None }.check(Version::HTTP_11, &Uri::from_static("/x"), &headers).is_ok()
    }

    #[test]
    fn hosts() {
        for good in
            ["localhost", "LOCALHOST:80", "127.0.0.1:8181", "127.1.2.3", "[::1]", "[::1]:8181"]
        {
            assert!(allowed(Some(good), None), "{good}");
        }
        for bad in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "10.0.0.1",
            "0.0.0.0:8181",
            "[::2]",
            "[::1",
            "127.0.0.1:x",
            "localhost:",
            "127.0.0.1:8181@evil.example",
            "2130706433",
            "0x7f.1",
            "",
        ] {
            assert!(!allowed(Some(bad), None), "{bad}");
        }
        assert!(allowed(None, None));
    }

    #[test]
    fn origins() {
        let host = Some("127.0.0.1:8181");
        for good in ["http://127.0.0.1:8181", "http://localhost:8181", "http://[::1]:8181"] {
            assert!(allowed(host, Some(good)), "{good}");
        }
        for bad in [
            "null",
            "http://evil.example",
            "http://evil.example:8181",
            "http://localhost:3000",
            "http://localhost",
            "file://",
            "chrome-extension://abc",
        ] {
            assert!(!allowed(host, Some(bad)), "{bad}");
        }
    }

    #[test]
    fn the_bound_address_is_ours() {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, "10.0.0.7:8181".parse().unwrap());
        let hosts = Hosts { bound: Some("10.0.0.7".parse().unwrap()) };
        assert!(hosts.check(Version::HTTP_11, &Uri::from_static("/"), &headers).is_ok());
        let absolute = Uri::from_static("http://evil.example/");
        assert!(hosts.check(Version::HTTP_11, &absolute, &headers).is_err());
    }
}
