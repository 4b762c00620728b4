//! Reads a map in order, from any key or rank, in both directions.

use std::fmt;
use std::ops::Bound;

use bytes::Bytes;

use super::codec::RESTART_EVERY;
use super::node::{Node, Reader};
use super::path::{Ahead, Direction, Loader, Path};
use super::source::NodeSource;
use super::types::{Item, NodeRef, TreeError};

/// Leaves that a long scan reads at once.
const AHEAD_MAX: usize = 32;

/// A place between two items of a map (or before the first, or after the last).
///
/// Moves read one leaf at a time at first and more at once the longer they go on in one direction.
pub struct Cursor<'a> {
    loader: Loader<'a>,
    path: Path,
    /// Items of the leaf that lie before the place.
    index: usize,
    /// Some items of the leaf, with the number of the first.
    items: (usize, Vec<Item>),
    ahead: usize,
    /// Where scans will stop: nothing beyond is read ahead.
    stop: Option<Bytes>,
}

impl<'a> Cursor<'a> {
    /// Opens a map, before its first item.
    ///
    /// # Errors
    /// What the source answers.
    pub fn open(source: &'a dyn NodeSource, root: NodeRef) -> Result<Self, TreeError> {
        let path = Path::open(source, root)?;
        let items = (0, Vec::new());
        let mut cursor =
            Self { loader: Loader::new(source), path, index: 0, items, ahead: 1, stop: None };
        cursor.seek(Bound::Unbounded)?;
        Ok(cursor)
    }

    /// Goes before the first item whose key is not below the bound: at a key (`Included`), behind it
    /// (`Excluded`) or the beginning (`Unbounded`).
    ///
    /// # Errors
    /// What the source answers.
    pub fn seek(&mut self, bound: Bound<&[u8]>) -> Result<(), TreeError> {
        self.reset();
        match bound {
            Bound::Unbounded => {
                self.path.seek_end(&mut self.loader, 0, Direction::Forward)?;
                self.index = 0;
            }
            Bound::Included(key) | Bound::Excluded(key) => {
                self.path.seek(&mut self.loader, 0, key)?;
                let found = self.path.node().lower_bound(key);
                let behind = found.exact && matches!(bound, Bound::Excluded(_));
                self.index = found.index + usize::from(behind);
            }
        }
        Ok(())
    }

    /// Goes behind the last item.
    ///
    /// # Errors
    /// What the source answers.
    pub fn seek_end(&mut self) -> Result<(), TreeError> {
        self.reset();
        self.path.seek_end(&mut self.loader, 0, Direction::Backward)?;
        self.index = self.path.node().len();
        Ok(())
    }

    /// Goes before the item that has so many items before it; behind the last if there are fewer.
    ///
    /// # Errors
    /// What the source answers.
    pub fn seek_rank(&mut self, rank: u64) -> Result<(), TreeError> {
        self.reset();
        let in_leaf = self.path.seek_rank(&mut self.loader, rank)?;
        let len = self.path.node().len();
        self.index = usize::try_from(in_leaf).map_or(len, |index| index.min(len));
        Ok(())
    }

    /// How many items lie before this place.
    #[must_use]
    pub fn rank(&self) -> u64 {
        self.path.count_before() + self.index as u64
    }

    /// How many items the map has.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.path.root().subtree_count()
    }

    /// Moves over the next item and returns it; `None` at the end.
    ///
    /// # Errors
    /// What the source answers; the cursor has not moved then.
    pub fn forward(&mut self) -> Result<Option<Item>, TreeError> {
        if self.index >= self.path.node().len() && !self.step(Direction::Forward)? {
            return Ok(None);
        }
        let item = self.item(self.index);
        self.index += usize::from(item.is_some());
        Ok(item)
    }

    /// Moves back over the item before and returns it; `None` at the beginning.
    ///
    /// # Errors
    /// What the source answers; the cursor has not moved then.
    pub fn backward(&mut self) -> Result<Option<Item>, TreeError> {
        if self.index == 0 && !self.step(Direction::Backward)? {
            return Ok(None);
        }
        let index = self.index.saturating_sub(1);
        let item = self.item(index);
        self.index = index;
        Ok(item)
    }

    fn reset(&mut self) {
        self.items.1.clear();
        self.ahead = 1;
    }

    /// Goes to the near end of the neighbouring leaf.
    fn step(&mut self, direction: Direction) -> Result<bool, TreeError> {
        let ahead = Ahead { nodes: self.ahead, stop: self.stop.as_deref() };
        if !self.path.step(&mut self.loader, direction, ahead)? {
            return Ok(false);
        }
        self.ahead = (self.ahead * 2).min(AHEAD_MAX);
        self.items.1.clear();
        self.index = match direction {
            Direction::Forward => 0,
            Direction::Backward => self.path.node().len(),
        };
        Ok(true)
    }

    /// An item of the leaf, read with those around it.
    fn item(&mut self, index: usize) -> Option<Item> {
        let leaf = self.path.node();
        let (first, items) = &self.items;
        let at = index.checked_sub(*first).filter(|at| *at < items.len());
        if let Some(item) = at.and_then(|at| items.get(at)) {
            return Some(item.clone());
        }
        let block = index / RESTART_EVERY;
        self.items = (block * RESTART_EVERY, read_block(leaf, block));
        self.items.1.get(index % RESTART_EVERY).cloned()
    }
}

impl fmt::Debug for Cursor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cursor").field("rank", &self.rank()).finish_non_exhaustive()
    }
}

/// The items of a block of a leaf, their keys in one allocation.
fn read_block(leaf: &Node, block: usize) -> Vec<Item> {
    let mut reader = Reader::at_block(leaf.clone(), block);
    let (mut keys, mut parts) = (Vec::new(), Vec::with_capacity(RESTART_EVERY));
    while parts.len() < RESTART_EVERY && reader.advance() {
        let from = keys.len();
        keys.extend_from_slice(reader.key());
        if let Some(value) = reader.value() {
            parts.push((from..keys.len(), value));
        }
    }
    let keys = Bytes::from(keys);
    parts.into_iter().map(|(key, value)| Item { key: keys.slice(key), value }).collect()
}

/// A scan that has begun or will begin with its first item.
enum Scan<'a> {
    Waiting(&'a dyn NodeSource, NodeRef),
    Open(Box<Cursor<'a>>),
    Done,
}

/// Items of a range of keys, ascending. See [`range`].
pub struct Range<'a> {
    scan: Scan<'a>,
    start: Bound<Bytes>,
    end: Bound<Bytes>,
}

/// Items of a range of keys, descending. See [`range_reverse`].
pub struct RangeReverse<'a> {
    scan: Scan<'a>,
    start: Bound<Bytes>,
    end: Bound<Bytes>,
}

/// Reads the items of a range of keys in ascending order. Reads nodes as it goes; ends after an error.
/// A range whose start lies behind its end is empty.
pub fn range<'a>(
    source: &'a dyn NodeSource,
    root: NodeRef,
    start: Bound<&[u8]>,
    end: Bound<&[u8]>,
) -> Range<'a> {
    let scan = Scan::Waiting(source, root);
    Range { scan, start: start.map(Bytes::copy_from_slice), end: end.map(Bytes::copy_from_slice) }
}

/// Reads the items of a range of keys in descending order; as [`range`] otherwise.
pub fn range_reverse<'a>(
    source: &'a dyn NodeSource,
    root: NodeRef,
    start: Bound<&[u8]>,
    end: Bound<&[u8]>,
) -> RangeReverse<'a> {
    let scan = Scan::Waiting(source, root);
    let (start, end) = (start.map(Bytes::copy_from_slice), end.map(Bytes::copy_from_slice));
    RangeReverse { scan, start, end }
}

fn key_of(bound: &Bound<Bytes>) -> Option<Bytes> {
    match bound {
        Bound::Included(key) | Bound::Excluded(key) => Some(key.clone()),
        Bound::Unbounded => None,
    }
}

fn begins_before(start: &Bound<Bytes>, key: &[u8]) -> bool {
    match start {
        Bound::Included(start) => key >= &start[..],
        Bound::Excluded(start) => key > &start[..],
        Bound::Unbounded => true,
    }
}

fn ends_behind(end: &Bound<Bytes>, key: &[u8]) -> bool {
    match end {
        Bound::Included(end) => key <= &end[..],
        Bound::Excluded(end) => key < &end[..],
        Bound::Unbounded => true,
    }
}

/// Places a cursor behind the last item of a range that ends like this.
fn seek_behind(cursor: &mut Cursor<'_>, end: &Bound<Bytes>) -> Result<(), TreeError> {
    match end {
        Bound::Included(key) => cursor.seek(Bound::Excluded(key)),
        Bound::Excluded(key) => cursor.seek(Bound::Included(key)),
        Bound::Unbounded => cursor.seek_end(),
    }
}

impl<'a> Scan<'a> {
    /// The cursor; opened and placed by the function given if this is the first time.
    fn cursor(
        &mut self,
        stop: &Bound<Bytes>,
        place: impl FnOnce(&mut Cursor<'a>) -> Result<(), TreeError>,
    ) -> Result<Option<&mut Cursor<'a>>, TreeError> {
        if let Self::Waiting(source, root) = *self {
            let path = Path::open(source, root)?;
            let loader = Loader::new(source);
            let (items, stop) = ((0, Vec::new()), key_of(stop));
            let mut cursor = Cursor { loader, path, index: 0, items, ahead: 1, stop };
            place(&mut cursor)?;
            *self = Self::Open(Box::new(cursor));
        }
        match self {
            Self::Open(cursor) => Ok(Some(cursor)),
            Self::Waiting(..) | Self::Done => Ok(None),
        }
    }

    /// Ends the scan unless it brought an item of the range.
    fn pass(
        &mut self,
        item: Result<Option<Item>, TreeError>,
        inside: impl FnOnce(&[u8]) -> bool,
    ) -> Option<Result<Item, TreeError>> {
        match item {
            Ok(Some(item)) if inside(&item.key) => return Some(Ok(item)),
            Ok(_) => *self = Self::Done,
            Err(error) => {
                *self = Self::Done;
                return Some(Err(error));
            }
        }
        None
    }
}

impl Iterator for Range<'_> {
    type Item = Result<Item, TreeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let Self { scan, start, end } = self;
        let cursor = scan.cursor(end, |cursor| cursor.seek(start.as_ref().map(|start| &start[..])));
        let item = cursor.and_then(|cursor| match cursor {
            Some(cursor) => cursor.forward(),
            None => Ok(None),
        });
        scan.pass(item, |key| ends_behind(end, key))
    }
}

impl Iterator for RangeReverse<'_> {
    type Item = Result<Item, TreeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let Self { scan, start, end } = self;
        let cursor = scan.cursor(start, |cursor| seek_behind(cursor, end));
        let item = cursor.and_then(|cursor| match cursor {
            Some(cursor) => cursor.backward(),
            None => Ok(None),
        });
        scan.pass(item, |key| begins_before(start, key))
    }
}

impl fmt::Debug for Range<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { start, end, .. } = self;
        f.debug_struct("Range").field("start", start).field("end", end).finish_non_exhaustive()
    }
}

impl fmt::Debug for RangeReverse<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { start, end, .. } = self;
        let mut out = f.debug_struct("RangeReverse");
        out.field("start", start).field("end", end).finish_non_exhaustive()
    }
}
