//! Arrays of one dimension.

use arrow::array::ArrayRef;
use arrow::datatypes::FieldRef;
use bytes::{BufMut as _, BytesMut};

use super::encode::Column;
use super::{Zone, of, out_of_range};
use crate::pgwire::error::WireResult;
use crate::pgwire::request::Format;

/// The lists of one column of one batch.
pub(super) struct List {
    items: Box<Column>,
    item: u32,
    /// Where each list starts and the one before ends.
    ends: Vec<usize>,
}

impl List {
    pub(super) fn new(
        items: &ArrayRef,
        field: &FieldRef,
        ends: Vec<usize>,
        format: Format,
        zone: Zone,
    ) -> WireResult<Self> {
        let kind = of(field)?;
        let items = Box::new(Column::new(items, field, &kind, format, zone)?);
        Ok(Self { items, item: kind.oid, ends })
    }

    fn rows(&self, list: usize) -> std::ops::Range<usize> {
        let at = |index: usize| self.ends.get(index).copied().unwrap_or(0);
        at(list)..at(list + 1)
    }

    pub(super) fn text(&self, list: usize, out: &mut BytesMut) -> WireResult<()> {
        out.put_u8(b'{');
        let mut item = BytesMut::new();
        for (at, row) in self.rows(list).enumerate() {
            if at > 0 {
                out.put_u8(b',');
            }
            if self.items.is_null(row) {
                out.put_slice(b"NULL");
                continue;
            }
            item.clear();
            self.items.value(row, &mut item)?;
            if !must_be_quoted(&item) {
                out.put_slice(&item);
                continue;
            }
            out.put_u8(b'"');
            for byte in &item {
                if matches!(byte, b'"' | b'\\') {
                    out.put_u8(b'\\');
                }
                out.put_u8(*byte);
            }
            out.put_u8(b'"');
        }
        out.put_u8(b'}');
        Ok(())
    }

    pub(super) fn binary(&self, list: usize, out: &mut BytesMut) -> WireResult<()> {
        let rows = self.rows(list);
        let length = i32::try_from(rows.len()).map_err(|_| out_of_range("array length"))?;
        out.put_i32(i32::from(length > 0));
        out.put_i32(i32::from(rows.clone().any(|row| self.items.is_null(row))));
        out.put_u32(self.item);
        if length > 0 {
            out.put_i32(length);
            out.put_i32(1);
        }
        for row in rows {
            self.items.write(row, out)?;
        }
        Ok(())
    }
}

fn must_be_quoted(item: &[u8]) -> bool {
    item.is_empty()
        || item.eq_ignore_ascii_case(b"null")
        || item.iter().any(|byte| {
            matches!(byte, b'{' | b'}' | b',' | b'"' | b'\\')
                || byte.is_ascii_whitespace()
                || *byte == 0x0b
        })
}
