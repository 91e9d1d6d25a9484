//! Buffers that grow a row at a time and can be cut back to an earlier row.

use arrow_buffer::{BooleanBufferBuilder, Buffer, NullBuffer};

use crate::fault::{Fault, Result};

/// Which rows are not null; takes no memory before the first null.
#[derive(Default)]
pub struct Validity {
    bits: Option<BooleanBufferBuilder>,
    rows: usize,
}

impl Validity {
    pub fn rows(&self) -> usize {
        self.rows
    }

    #[inline]
    pub fn valid(&mut self) {
        if let Some(bits) = &mut self.bits {
            bits.append(true);
        }
        self.rows += 1;
    }

    pub fn null(&mut self) {
        let rows = self.rows;
        self.bits
            .get_or_insert_with(|| {
                let mut bits = BooleanBufferBuilder::new(rows + 1);
                bits.append_n(rows, true);
                bits
            })
            .append(false);
        self.rows += 1;
    }

    pub fn truncate(&mut self, rows: usize) {
        if let Some(bits) = &mut self.bits {
            bits.truncate(rows);
        }
        self.rows = rows;
    }

    pub fn finish(&mut self) -> Option<NullBuffer> {
        self.bits.take().map(|mut bits| NullBuffer::new(bits.finish())).filter(|nulls| nulls.null_count() > 0)
    }
}

/// Values of varying length, one after the other.
pub struct Bytes {
    offsets: Vec<i32>,
    bytes: Vec<u8>,
}

impl Bytes {
    pub fn new(rows: usize) -> Self {
        Self::with_capacity(rows, rows * 8)
    }

    pub fn with_capacity(rows: usize, size: usize) -> Self {
        Self { offsets: offsets(rows), bytes: Vec::with_capacity(size) }
    }

    #[inline]
    pub fn push(&mut self, value: &[u8]) -> Result<()> {
        self.bytes.extend_from_slice(value);
        self.offsets.push(offset(self.bytes.len())?);
        Ok(())
    }

    pub fn push_empty(&mut self) {
        self.offsets.push(self.offsets[self.offsets.len() - 1]);
    }

    pub fn truncate(&mut self, rows: usize) {
        self.offsets.truncate(rows + 1);
        self.bytes.truncate(self.offsets[self.offsets.len() - 1] as usize);
    }

    /// Offsets and values.
    pub fn finish(self) -> (Buffer, Buffer) {
        (Buffer::from_vec(self.offsets), Buffer::from_vec(self.bytes))
    }
}

/// Offsets of no rows, with room for some.
pub fn offsets(rows: usize) -> Vec<i32> {
    let mut offsets = Vec::with_capacity(rows + 1);
    offsets.push(0);
    offsets
}

#[inline]
pub fn offset(at: usize) -> Result<i32> {
    i32::try_from(at).map_err(|_| Box::new(Fault::Full))
}
