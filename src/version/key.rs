//! Keys of the tree: all direct children of a namespace stand next to each other.
//!
//! `fold(level) 00 fold(level) … 00 00 kind fold(name)`, where kind is 1 for a namespace and 2 for
//! content. Listing, probing for emptiness and looking up a name each touch one range. Names hold no
//! control characters, so `00` separates.

use crate::base::name::{ContentPath, NamespacePath, fold};

/// What stands behind a key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum KeyKind {
    /// A namespace inside its parent.
    Namespace,
    /// A table, view or artifact inside its namespace.
    Content,
}

impl KeyKind {
    const fn byte(self) -> u8 {
        match self {
            Self::Namespace => 1,
            Self::Content => 2,
        }
    }
}

fn parent_bytes<'a>(levels: impl Iterator<Item = &'a String>) -> Vec<u8> {
    let mut key = Vec::with_capacity(64);
    for (index, level) in levels.enumerate() {
        if index > 0 {
            key.push(0);
        }
        key.extend_from_slice(fold(level).as_bytes());
    }
    key.extend_from_slice(&[0, 0]);
    key
}

/// The start of all keys of one kind directly in a namespace.
#[must_use]
pub fn children(parent: &NamespacePath, kind: KeyKind) -> Vec<u8> {
    let mut key = parent_bytes(parent.levels().iter());
    key.push(kind.byte());
    key
}

/// The start of all keys, of both kinds, directly in a namespace.
#[must_use]
pub fn children_any(parent: &NamespacePath) -> Vec<u8> {
    parent_bytes(parent.levels().iter())
}

/// As [`children_any`] for the namespace that a key names, whose folded name may be longer than a name
/// may be.
#[must_use]
pub fn children_of(namespace: ParsedKey) -> Vec<u8> {
    parent_bytes(namespace.parts().iter())
}

/// The start of all keys in a namespace and in the namespaces below it; empty for the root.
#[must_use]
pub fn subtree(namespace: &NamespacePath) -> Vec<u8> {
    let mut key = parent_bytes(namespace.levels().iter());
    key.truncate(key.len() - if namespace.is_root() { 2 } else { 1 });
    key
}

/// The key of a namespace; `None` for the root, which has none.
#[must_use]
pub fn namespace(path: &NamespacePath) -> Option<Vec<u8>> {
    let (last, rest) = path.levels().split_last()?;
    let mut key = parent_bytes(rest.iter());
    key.push(KeyKind::Namespace.byte());
    key.extend_from_slice(fold(last).as_bytes());
    Some(key)
}

/// The key of a table, view or artifact.
#[must_use]
pub fn content(path: &ContentPath) -> Vec<u8> {
    let mut key = children(&path.namespace, KeyKind::Content);
    key.extend_from_slice(fold(&path.name).as_bytes());
    key
}

/// The first key behind every key that starts with `prefix`; `None` if there is none.
#[must_use]
pub fn prefix_end(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|&byte| byte != 0xff)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

/// A key taken apart; names are in their folded form.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParsedKey {
    /// Levels of the namespace around it.
    pub parent: Vec<String>,
    /// What it is.
    pub kind: KeyKind,
    /// Its name.
    pub name: String,
}

impl ParsedKey {
    /// All levels and the name.
    #[must_use]
    pub fn parts(self) -> Vec<String> {
        let mut parts = self.parent;
        parts.push(self.name);
        parts
    }
}

/// Takes a key apart; `None` if it is no key of this scheme.
#[must_use]
pub fn parse(key: &[u8]) -> Option<ParsedKey> {
    let split = if key.starts_with(&[0, 0]) {
        0
    } else {
        key.windows(2).position(|pair| pair == [0, 0])?
    };
    let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(str::to_owned);
    let parent = if split == 0 {
        Vec::new()
    } else {
        key[..split].split(|&byte| byte == 0).map(text).collect::<Option<_>>()?
    };
    let (&kind, name) = key.get(split + 2..)?.split_first()?;
    let kind = match kind {
        1 => KeyKind::Namespace,
        2 => KeyKind::Content,
        _ => return None,
    };
    if name.is_empty() {
        return None;
    }
    Some(ParsedKey { parent, kind, name: text(name)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(levels: &[&str]) -> NamespacePath {
        NamespacePath::new(levels.iter().map(|&level| level.to_owned()).collect()).unwrap()
    }

    #[test]
    fn keys_parse_back() {
        let table = ContentPath::new(path(&["Sales", "eu"]), "Orders".to_owned()).unwrap();
        let parsed = parse(&content(&table)).unwrap();
        assert_eq!(parsed.kind, KeyKind::Content);
        assert_eq!(parsed.parts(), ["sales", "eu", "orders"]);
        let parsed = parse(&namespace(&path(&["Sales"])).unwrap()).unwrap();
        assert_eq!((parsed.kind, parsed.parts()), (KeyKind::Namespace, vec!["sales".to_owned()]));
        assert_eq!(namespace(&NamespacePath::root()), None);
        for bad in [&b""[..], b"a", b"a\0\0", b"a\0\0\x03x", b"a\0\0\x01", b"\0\0"] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn children_are_one_range() {
        let inside = children_any(&path(&["a"]));
        for (key, expected) in [
            (namespace(&path(&["a", "b"])).unwrap(), true),
            (content(&ContentPath::new(path(&["a"]), "t".to_owned()).unwrap()), true),
            (namespace(&path(&["a"])).unwrap(), false),
            (namespace(&path(&["a", "b", "c"])).unwrap(), false),
            (namespace(&path(&["aa", "b"])).unwrap(), false),
        ] {
            assert_eq!(key.starts_with(&inside), expected, "{key:?}");
        }
        let below = subtree(&path(&["a"]));
        for (key, expected) in [
            (namespace(&path(&["a", "b"])).unwrap(), true),
            (namespace(&path(&["a", "b", "c"])).unwrap(), true),
            (namespace(&path(&["a"])).unwrap(), false),
            (namespace(&path(&["ab", "c"])).unwrap(), false),
        ] {
            assert_eq!(key.starts_with(&below), expected, "{key:?}");
        }
        assert_eq!(subtree(&NamespacePath::root()), b"");
        assert_eq!(prefix_end(&[1, 0xff]), Some(vec![2]));
        assert_eq!(prefix_end(&[0xff]), None);
    }
}
