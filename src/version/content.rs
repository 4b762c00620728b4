//! What a key holds: an [`Entry`] in the tree, and the [`Object`] it names beside the tree.
//!
//! Entries are small and bounded; objects are stored once by hash. Both have one canonical encoding
//! (format 1) and refuse any other.

use std::collections::BTreeMap;

use super::codec::{CodecError, Reader, Writer, pairs};
use super::key::{KeyKind, ParsedKey};
use crate::base::hash::CanonicalHasher;
use crate::base::ids::{ContentId, ObjectHash};
use crate::base::name::fold;

const ENTRY_FORMAT: u8 = 1;
const OBJECT_FORMAT: u8 = 1;

/// The kinds of content.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ContentKind {
    /// A namespace with properties.
    Namespace,
    /// An Iceberg table.
    Table,
    /// An Iceberg view.
    View,
    /// Any other file, such as a model.
    Artifact,
}

impl ContentKind {
    const fn byte(self) -> u8 {
        match self {
            Self::Namespace => 1,
            Self::Table => 2,
            Self::View => 3,
            Self::Artifact => 4,
        }
    }

    const fn from_byte(byte: u8) -> Result<Self, CodecError> {
        match byte {
            1 => Ok(Self::Namespace),
            2 => Ok(Self::Table),
            3 => Ok(Self::View),
            4 => Ok(Self::Artifact),
            value => Err(CodecError::Unknown { what: "content kind", value }),
        }
    }

    /// The kind of key such content stands behind.
    #[must_use]
    pub const fn key_kind(self) -> KeyKind {
        match self {
            Self::Namespace => KeyKind::Namespace,
            Self::Table | Self::View | Self::Artifact => KeyKind::Content,
        }
    }

    /// The word for it in answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Namespace => "namespace",
            Self::Table => "table",
            Self::View => "view",
            Self::Artifact => "artifact",
        }
    }
}

/// The value of a key: which content, in which state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// What it is.
    pub kind: ContentKind,
    /// Who it is, through renames.
    pub id: ContentId,
    /// Its state.
    pub object: ObjectHash,
    /// The path as it was written, namespace levels and name.
    pub path: Vec<String>,
}

impl Entry {
    /// The canonical value. The path is stored only where it differs from the folded key.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.byte(ENTRY_FORMAT).byte(self.kind.byte());
        out.raw(self.id.as_bytes()).raw(self.object.as_bytes());
        if self.path.iter().any(|part| fold(part) != *part) {
            out.number(self.path.len() as u64);
            for part in &self.path {
                out.text(part);
            }
        }
        out.finish()
    }

    /// The object that an encoded entry names, without reading the rest.
    #[must_use]
    pub fn object_of(value: &[u8]) -> Option<ObjectHash> {
        ObjectHash::from_slice(value.get(18..50)?)
    }

    /// Reads the value that stands behind a key.
    ///
    /// # Errors
    /// [`CodecError`] for anything that [`Entry::encode`] does not write for this key.
    pub fn decode(key: ParsedKey, value: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::new(value);
        match reader.byte()? {
            ENTRY_FORMAT => {}
            value => return Err(CodecError::Unknown { what: "entry format", value }),
        }
        let kind = ContentKind::from_byte(reader.byte()?)?;
        if kind.key_kind() != key.kind {
            return Err(CodecError::NotCanonical("the kind of an entry"));
        }
        let id: [u8; 16] = reader.raw(16)?.try_into().map_err(|_| CodecError::Truncated)?;
        let object = ObjectHash::from_slice(reader.raw(32)?).ok_or(CodecError::Truncated)?;
        let folded = key.parts();
        let path = if reader.is_empty() {
            folded
        } else {
            let count = reader.number()?;
            let path = (0..count)
                .map(|_| reader.text().map(str::to_owned))
                .collect::<Result<Vec<_>, _>>()?;
            let fits = path.len() == folded.len()
                && path.iter().zip(&folded).all(|(part, key)| fold(part) == *key);
            if !fits || path == folded {
                return Err(CodecError::NotCanonical("the path of an entry"));
            }
            path
        };
        reader.finish()?;
        Ok(Self { kind, id: ContentId::new(id), object, path })
    }
}

/// The state of one content.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Object {
    /// A namespace.
    Namespace {
        /// Its properties.
        properties: BTreeMap<String, String>,
    },
    /// A table.
    Table {
        /// Where its current metadata file is.
        metadata_location: String,
    },
    /// A view.
    View {
        /// Where its current metadata file is.
        metadata_location: String,
    },
    /// An artifact.
    Artifact {
        /// Where the file is.
        location: String,
        /// Its length in bytes.
        length: u64,
        /// Properties, such as a checksum or a media type.
        properties: BTreeMap<String, String>,
    },
}

impl Object {
    /// What it is.
    #[must_use]
    pub const fn kind(&self) -> ContentKind {
        match self {
            Self::Namespace { .. } => ContentKind::Namespace,
            Self::Table { .. } => ContentKind::Table,
            Self::View { .. } => ContentKind::View,
            Self::Artifact { .. } => ContentKind::Artifact,
        }
    }

    /// The metadata file of a table or view.
    #[must_use]
    pub fn metadata_location(&self) -> Option<&str> {
        match self {
            Self::Table { metadata_location } | Self::View { metadata_location } => {
                Some(metadata_location)
            }
            Self::Namespace { .. } | Self::Artifact { .. } => None,
        }
    }

    /// The canonical bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.byte(OBJECT_FORMAT).byte(self.kind().byte());
        match self {
            Self::Namespace { properties } => pairs(&mut out, properties),
            Self::Table { metadata_location } | Self::View { metadata_location } => {
                out.text(metadata_location);
            }
            Self::Artifact { location, length, properties } => {
                out.text(location).number(*length);
                pairs(&mut out, properties);
            }
        }
        out.finish()
    }

    /// Reads canonical bytes.
    ///
    /// # Errors
    /// [`CodecError`] for anything that [`Object::encode`] does not write.
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::new(bytes);
        match reader.byte()? {
            OBJECT_FORMAT => {}
            value => return Err(CodecError::Unknown { what: "object format", value }),
        }
        let object = match ContentKind::from_byte(reader.byte()?)? {
            ContentKind::Namespace => Self::Namespace { properties: reader.pairs()? },
            ContentKind::Table => Self::Table { metadata_location: reader.text()?.to_owned() },
            ContentKind::View => Self::View { metadata_location: reader.text()?.to_owned() },
            ContentKind::Artifact => Self::Artifact {
                location: reader.text()?.to_owned(),
                length: reader.number()?,
                properties: reader.pairs()?,
            },
        };
        reader.finish()?;
        Ok(object)
    }

    /// The hash that names these bytes.
    #[must_use]
    pub fn hash_of(bytes: &[u8]) -> ObjectHash {
        let mut hasher = CanonicalHasher::new("nunatak.object.v1");
        hasher.bytes(bytes);
        ObjectHash::new(hasher.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::name::{ContentPath, NamespacePath};
    use crate::version::key;

    #[test]
    fn objects_round_trip() {
        let properties = BTreeMap::from([("a".to_owned(), "1".to_owned())]);
        for object in [
            Object::Namespace { properties: properties.clone() },
            Object::Table { metadata_location: "file:///w/m.json".to_owned() },
            Object::View { metadata_location: String::new() },
            Object::Artifact { location: "s3://b/m".to_owned(), length: 7, properties },
        ] {
            let bytes = object.encode();
            assert_eq!(Object::decode(&bytes), Ok(object));
            let mut longer = bytes.clone();
            longer.push(0);
            assert!(Object::decode(&longer).is_err());
            assert!(Object::decode(&bytes[..bytes.len() - 1]).is_err());
        }
        assert!(Object::decode(&[2, 1]).is_err());
    }

    #[test]
    fn entries_keep_how_a_name_was_written() {
        let namespace = NamespacePath::new(vec!["Sales".to_owned()]).unwrap();
        for name in ["Orders", "orders"] {
            let path = ContentPath::new(namespace.clone(), name.to_owned()).unwrap();
            let entry = Entry {
                kind: ContentKind::Table,
                id: ContentId::new([7; 16]),
                object: Object::hash_of(b"x"),
                path: path.parts(),
            };
            let parsed = key::parse(&key::content(&path)).unwrap();
            assert_eq!(Entry::decode(parsed, &entry.encode()), Ok(entry));
        }
    }
}
