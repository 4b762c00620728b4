//! Where names point: the warehouse view, whose first level is a ref, and the ref view.
//!
//! Pure: knows no store and no wire. Which refs and namespaces exist is for the callers to find out.
//! - In the warehouse view a ref by itself holds the tables of its `default` namespace and the
//!   namespaces of its root.
//! - Every address remembers the levels as the client wrote them, for messages.

use crate::base::error::{Entity, Error, Result};
use crate::base::name::{
    ContentPath, DEFAULT_NAMESPACE, NamespacePath, RefExpr, RefName, WarehouseName,
};
use crate::catalog::warehouses::Warehouse;

/// Which of the two views of a warehouse a connection has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ViewOf {
    /// The first level of a namespace is a ref.
    Warehouse,
    /// Everything is inside one ref.
    Ref(RefExpr),
}

/// What a connection sees: a warehouse through one of its views.
#[derive(Clone, Debug)]
pub struct Scope {
    /// The warehouse.
    pub warehouse: Warehouse,
    /// The view.
    pub view: ViewOf,
}

/// What a list of namespace levels names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NamespaceAddress {
    /// No level in the warehouse view: what holds the refs.
    Refs,
    /// One level in the warehouse view: a ref.
    Ref(RefExpr),
    /// A namespace inside a ref; the root only in the ref view.
    Inside(Place),
}

/// A namespace of one ref.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The ref.
    pub at: RefExpr,
    /// The namespace.
    pub namespace: NamespacePath,
    /// The levels as the client wrote them.
    pub shown: Vec<String>,
}

/// A table or view of one ref.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ContentAddress {
    /// The ref.
    pub at: RefExpr,
    /// Where it is in that ref.
    pub path: ContentPath,
    /// The namespace's levels as the client wrote them.
    pub shown: Vec<String>,
}

impl Place {
    /// The levels as the client wrote them, joined by dots.
    #[must_use]
    pub fn dotted(&self) -> String {
        self.shown.join(".")
    }
}

impl ContentAddress {
    /// The path as the client wrote it, joined by dots.
    #[must_use]
    pub fn dotted(&self) -> String {
        let mut text = self.shown.join(".");
        text.push('.');
        text.push_str(&self.path.name);
        text
    }
}

impl Scope {
    /// Turns levels into an address.
    ///
    /// # Errors
    /// `InvalidInput` for a level that no namespace can have, or a first level that no ref can have.
    pub fn namespace(&self, levels: &[String]) -> Result<NamespaceAddress> {
        let place = |at: &RefExpr, inside: &[String]| {
            Ok(NamespaceAddress::Inside(Place {
                at: at.clone(),
                namespace: NamespacePath::new(inside.to_vec())?,
                shown: levels.to_vec(),
            }))
        };
        match (&self.view, levels) {
            (ViewOf::Ref(at), inside) => place(at, inside),
            (ViewOf::Warehouse, []) => Ok(NamespaceAddress::Refs),
            (ViewOf::Warehouse, [first]) => Ok(NamespaceAddress::Ref(RefExpr::parse(first)?)),
            (ViewOf::Warehouse, [first, inside @ ..]) => place(&RefExpr::parse(first)?, inside),
        }
    }

    /// The namespace that holds the tables and views of these levels: a ref by itself is its `default`.
    ///
    /// # Errors
    /// As [`Scope::namespace`]; `InvalidInput` for no level at all, which holds no table.
    pub fn container(&self, levels: &[String]) -> Result<Place> {
        match self.namespace(levels)? {
            NamespaceAddress::Refs => Err(no_levels()),
            NamespaceAddress::Ref(at) => Ok(Place {
                at,
                namespace: NamespacePath::new(vec![DEFAULT_NAMESPACE.to_owned()])?,
                shown: levels.to_vec(),
            }),
            NamespaceAddress::Inside(place) if place.namespace.is_root() => Err(no_levels()),
            NamespaceAddress::Inside(place) => Ok(place),
        }
    }

    /// The address of a table or view.
    ///
    /// # Errors
    /// As [`Scope::container`]; `InvalidInput` for a name that nothing can have.
    pub fn content(&self, levels: &[String], name: &str) -> Result<ContentAddress> {
        let Place { at, namespace, shown } = self.container(levels)?;
        let path = ContentPath::new(namespace, name.to_owned())?;
        Ok(ContentAddress { at, path, shown })
    }

    /// As [`Scope::namespace`] for a namespace that must exist: levels that cannot exist do not.
    ///
    /// # Errors
    /// `NotFound(Namespace)`.
    pub fn namespace_to_read(&self, levels: &[String]) -> Result<NamespaceAddress> {
        self.namespace(levels).map_err(|_| no_namespace(&levels.join(".")))
    }

    /// As [`Scope::container`] for a namespace that must exist.
    ///
    /// # Errors
    /// `NotFound(Namespace)`.
    pub fn container_to_read(&self, levels: &[String]) -> Result<Place> {
        self.container(levels).map_err(|_| no_namespace(&levels.join(".")))
    }

    /// As [`Scope::content`] for a table or view that must exist.
    ///
    /// # Errors
    /// `NotFound` with the entity.
    pub fn content_to_read(
        &self,
        levels: &[String],
        name: &str,
        entity: Entity,
    ) -> Result<ContentAddress> {
        self.content(levels, name).map_err(|_| {
            let mut shown = levels.join(".");
            shown.push('.');
            shown.push_str(name);
            no_content(entity, &shown)
        })
    }
}

fn no_levels() -> Error {
    Error::invalid("a table or view needs a namespace around it")
}

/// The error for a namespace that is not there, in the words that clients look for.
#[must_use]
pub fn no_namespace(shown: &str) -> Error {
    Error::not_found(Entity::Namespace, format!("Namespace does not exist: {shown}"))
}

/// The error for a table or view that is not there, in the words that clients look for.
#[must_use]
pub fn no_content(entity: Entity, shown: &str) -> Error {
    Error::not_found(entity, format!("{} does not exist: {shown}", entity_word(entity)))
}

/// The word for an entity at the start of a sentence.
#[must_use]
pub const fn entity_word(entity: Entity) -> &'static str {
    match entity {
        Entity::View => "View",
        Entity::Namespace => "Namespace",
        Entity::Table
        | Entity::Warehouse
        | Entity::Ref
        | Entity::Branch
        | Entity::Tag
        | Entity::Commit
        | Entity::File
        | Entity::Resource => "Table",
    }
}

/// Reads the `warehouse` property of a client: `lake`, or `lake@ingest` with any ref expression.
///
/// # Errors
/// `InvalidInput` for a name or expression that cannot be.
pub fn parse_warehouse(text: &str) -> Result<(WarehouseName, ViewOf)> {
    match text.split_once('@') {
        Some((name, expr)) => Ok((WarehouseName::parse(name)?, ViewOf::Ref(RefExpr::parse(expr)?))),
        None => Ok((WarehouseName::parse(text)?, ViewOf::Warehouse)),
    }
}

/// Writes a view as the prefix of its URLs, of `A-Za-z0-9._~-` only.
///
/// A ref is written behind `~`, every byte but `A-Za-z0-9._-` as `~` and two hexadecimal digits.
#[must_use]
pub fn encode_prefix(warehouse: &WarehouseName, view: &ViewOf) -> String {
    use std::fmt::Write as _;
    let mut prefix = warehouse.as_str().to_owned();
    if let ViewOf::Ref(at) = view {
        prefix.push('~');
        for byte in at.to_string().bytes() {
            if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-') {
                prefix.push(char::from(byte));
            } else if write!(prefix, "~{byte:02x}").is_err() {
                break;
            }
        }
    }
    prefix
}

/// Reads a prefix that [`encode_prefix`] wrote; a client that skips `/config` may also write
/// `lake@ingest`.
///
/// # Errors
/// `InvalidInput` for anything else.
pub fn parse_prefix(prefix: &str) -> Result<(WarehouseName, ViewOf)> {
    let Some((name, encoded)) = prefix.split_once('~').filter(|(name, _)| !name.contains('@'))
    else {
        return parse_warehouse(prefix);
    };
    let broken = || Error::invalid(format!("invalid prefix '{prefix}'"));
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte == b'~' {
            let digits = tail.get(..2).ok_or_else(broken)?;
            let digits = std::str::from_utf8(digits).map_err(|_| broken())?;
            if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return Err(broken());
            }
            bytes.push(u8::from_str_radix(digits, 16).map_err(|_| broken())?);
            rest = tail.get(2..).unwrap_or_default();
        } else {
            bytes.push(byte);
        }
    }
    let expr = String::from_utf8(bytes).map_err(|_| broken())?;
    Ok((WarehouseName::parse(name)?, ViewOf::Ref(RefExpr::parse(&expr)?)))
}

/// The plain name in a ref expression that a write may go to.
///
/// # Errors
/// `InvalidInput` that says why nothing can be written there.
pub fn writable_name(at: &RefExpr) -> Result<&RefName> {
    at.as_name().ok_or_else(|| {
        Error::invalid(format!("{at} is a commit; commits are read-only, write to a branch"))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::base::clock::Timestamp;
    use crate::base::ids::WarehouseId;

    fn scope(view: ViewOf) -> Scope {
        let warehouse = Warehouse {
            id: WarehouseId(1),
            name: WarehouseName::parse("lake").unwrap(),
            location: "file:///w".to_owned(),
            default_branch: RefName::parse("main").unwrap(),
            client_gc: false,
            created_at: Timestamp::default(),
        };
        Scope { warehouse, view }
    }

    fn levels(text: &str) -> Vec<String> {
        text.split_terminator(' ').map(str::to_owned).collect()
    }

    /// The address in words: `ref:namespace`.
    fn shown(address: Result<NamespaceAddress>) -> String {
        match address {
            Ok(NamespaceAddress::Refs) => "refs".to_owned(),
            Ok(NamespaceAddress::Ref(at)) => format!("ref {at}"),
            Ok(NamespaceAddress::Inside(place)) => format!("{}:{}", place.at, place.namespace),
            Err(_) => "error".to_owned(),
        }
    }

    fn held(place: Result<Place>) -> String {
        place.map_or_else(|_| "error".to_owned(), |p| format!("{}:{}", p.at, p.namespace))
    }

    #[test]
    fn warehouse_view() {
        let scope = scope(ViewOf::Warehouse);
        for (text, namespace, container) in [
            ("", "refs", "error"),
            ("main", "ref main", "main:default"),
            ("main default", "main:default", "main:default"),
            ("main sales", "main:sales", "main:sales"),
            ("main sales eu", "main:sales.eu", "main:sales.eu"),
            ("main~1 sales", "main~1:sales", "main~1:sales"),
            ("deadbeef99", "ref deadbeef99", "deadbeef99:default"),
            ("ingest/2026 a/b", "ingest/2026:a/b", "ingest/2026:a/b"),
            ("a..b", "error", "error"),
            ("ä", "error", "error"),
        ] {
            assert_eq!(shown(scope.namespace(&levels(text))), namespace, "{text}");
            assert_eq!(held(scope.container(&levels(text))), container, "{text}");
        }
    }

    #[test]
    fn ref_view() {
        let scope = scope(ViewOf::Ref(RefExpr::parse("ingest").unwrap()));
        for (text, namespace, container) in [
            ("", "ingest:", "error"),
            ("default", "ingest:default", "ingest:default"),
            ("sales", "ingest:sales", "ingest:sales"),
            ("main sales", "ingest:main.sales", "ingest:main.sales"),
            ("ä a..b", "ingest:ä.a..b", "ingest:ä.a..b"),
        ] {
            assert_eq!(shown(scope.namespace(&levels(text))), namespace, "{text}");
            assert_eq!(held(scope.container(&levels(text))), container, "{text}");
        }
        let table = scope.content(&levels("a b"), "t.x").unwrap();
        assert_eq!(table.dotted(), "a.b.t.x");
        assert!(scope.content(&levels("a"), "").is_err());
    }

    #[test]
    fn prefixes() {
        for (warehouse, prefix) in [
            ("lake", "lake"),
            ("lake@ingest", "lake~ingest"),
            ("lake@ingest/2026-11-20", "lake~ingest~2f2026-11-20"),
            ("lake@main~3", "lake~main~7e3"),
            ("my.lake-2@v1.0_x", "my.lake-2~v1.0_x"),
        ] {
            let (name, view) = parse_warehouse(warehouse).unwrap();
            assert_eq!(encode_prefix(&name, &view), prefix);
            assert_eq!(parse_prefix(prefix).unwrap(), (name.clone(), view.clone()));
            assert_eq!(parse_prefix(warehouse).unwrap(), (name, view));
        }
        for bad in ["", "~main", "lake~", "lake~a~2", "lake~a~zz", "lake~a~ff", "la ke", "lake@"] {
            assert!(parse_prefix(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn prefix_round_trip(
            name in "[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}",
            expr in "[A-Za-z0-9_][A-Za-z0-9_./-]{0,30}(~[0-9]{1,3})?",
        ) {
            prop_assume!(RefExpr::parse(&expr).is_ok());
            let name = WarehouseName::parse(&name).unwrap();
            let view = ViewOf::Ref(RefExpr::parse(&expr).unwrap());
            let prefix = encode_prefix(&name, &view);
            prop_assert!(prefix.bytes().all(
                |b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'~' | b'-')));
            prop_assert_eq!(parse_prefix(&prefix).unwrap(), (name, view));
        }
    }
}
