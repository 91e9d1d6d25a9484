//! Consumed messages as columns.

use std::ffi::c_char;
use std::sync::Arc;

use arrow_array::builder::{
    ArrayBuilder, BinaryBuilder, Int32Builder, Int64Builder, StringBuilder, TimestampMillisecondBuilder,
};
use arrow_array::{ArrayRef, ListArray, StructArray, new_null_array};
use arrow_buffer::{NullBufferBuilder, OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field, Fields};

use super::bindings::{Functions, Headers, Message, NO_ERROR, NO_TIMESTAMP, Topic};
use super::error::text;

/// Messages of one topic, in the order in which they came.
pub struct TopicColumns {
    /// The address of its handle, which tells it from others while its messages are there.
    pub handle: usize,
    pub topic: String,
    keys: BinaryBuilder,
    values: BinaryBuilder,
    headers: HeaderColumns,
    timestamps: TimestampMillisecondBuilder,
    partitions: Int32Builder,
    offsets: Int64Builder,
}

/// Lists of names and values; all null without a header.
#[derive(Default)]
struct HeaderColumns {
    rows: usize,
    ends: Vec<i32>,
    names: StringBuilder,
    values: BinaryBuilder,
    validity: Option<NullBufferBuilder>,
}

impl TopicColumns {
    /// Columns for a topic's messages.
    ///
    /// # Safety
    /// The handle is that of a message that is still there.
    pub unsafe fn new(functions: &Functions, handle: *const Topic, rows: usize) -> Self {
        Self {
            handle: handle.addr(),
            // SAFETY: the topic lives as long as its message.
            topic: text(unsafe { (functions.topic_name)(handle) }),
            keys: BinaryBuilder::with_capacity(rows, 0),
            values: BinaryBuilder::with_capacity(rows, rows * 64),
            headers: HeaderColumns::default(),
            timestamps: TimestampMillisecondBuilder::with_capacity(rows).with_timezone("UTC"),
            partitions: Int32Builder::with_capacity(rows),
            offsets: Int64Builder::with_capacity(rows),
        }
    }

    /// Appends a message, which has no error.
    ///
    /// # Safety
    /// The message is valid.
    pub unsafe fn push(&mut self, functions: &Functions, message: &Message) {
        // SAFETY: key and payload are null or have as many bytes as the message says; so have its headers.
        unsafe {
            self.keys.append_option(bytes(message.key.cast(), message.key_len));
            self.values.append_option(bytes(message.payload.cast(), message.len));
            let mut kind = NO_TIMESTAMP;
            let timestamp = (functions.message_timestamp)(message, &mut kind);
            self.timestamps.append_option((kind != NO_TIMESTAMP).then_some(timestamp));
            let mut headers: *mut Headers = std::ptr::null_mut();
            let found = (functions.message_headers)(message, &mut headers) == NO_ERROR && !headers.is_null();
            self.headers.push(functions, found.then_some(headers));
        }
        self.partitions.append_value(message.partition);
        self.offsets.append_value(message.offset);
    }

    /// Key, value, headers, timestamp, partition, offset.
    pub fn finish(mut self) -> (String, [ArrayRef; 6]) {
        let columns: [ArrayRef; 6] = [
            Arc::new(self.keys.finish()),
            Arc::new(self.values.finish()),
            self.headers.finish(),
            Arc::new(self.timestamps.finish()),
            Arc::new(self.partitions.finish()),
            Arc::new(self.offsets.finish()),
        ];
        (self.topic, columns)
    }
}

impl HeaderColumns {
    /// Appends a message's headers.
    ///
    /// # Safety
    /// They are valid.
    unsafe fn push(&mut self, functions: &Functions, headers: Option<*mut Headers>) {
        if let Some(headers) = headers {
            let rows = self.rows;
            self.ends.resize(rows, self.ends.last().copied().unwrap_or(0));
            let mut at = 0;
            let (mut name, mut value, mut size) = (std::ptr::null::<c_char>(), std::ptr::null(), 0);
            // SAFETY: the headers are valid; the function ends the loop behind the last one, and else gives a string
            // and null or so many bytes.
            unsafe {
                while (functions.header_get_all)(headers, at, &mut name, &mut value, &mut size) == NO_ERROR {
                    self.names.append_value(text(name));
                    self.values.append_option(bytes(value.cast(), size));
                    at += 1;
                }
            }
            self.ends.push(self.names.len() as i32);
            let validity = self.validity.get_or_insert_with(|| NullBufferBuilder::new(rows + 1));
            validity.append_n_nulls(rows - validity.len());
            validity.append_non_null();
        }
        self.rows += 1;
    }

    fn finish(mut self) -> ArrayRef {
        let pair =
            Fields::from(vec![Field::new("key", DataType::Utf8, false), Field::new("value", DataType::Binary, true)]);
        let item = Arc::new(Field::new("item", DataType::Struct(pair.clone()), true));
        let Some(mut validity) = self.validity.take() else {
            return new_null_array(&DataType::List(item), self.rows);
        };
        validity.append_n_nulls(self.rows - validity.len());
        self.ends.resize(self.rows, self.ends.last().copied().unwrap_or(0));
        let offsets: Vec<i32> = std::iter::once(0).chain(self.ends.iter().copied()).collect();
        let pairs = StructArray::new(pair, vec![Arc::new(self.names.finish()), Arc::new(self.values.finish())], None);
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        Arc::new(ListArray::new(item, offsets, Arc::new(pairs), validity.finish()))
    }
}

/// # Safety
/// The address is null or that of so many bytes, which outlive the slice.
unsafe fn bytes<'a>(address: *const u8, size: usize) -> Option<&'a [u8]> {
    // SAFETY: as the caller says.
    (!address.is_null()).then(|| unsafe { std::slice::from_raw_parts(address, size) })
}
