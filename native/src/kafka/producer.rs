//! A producer of whole columns, in transactions.

use std::collections::HashMap;
use std::ffi::c_int;
use std::sync::Mutex;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMillisecondType;
use arrow_array::{Array, ArrayRef, BinaryArray, ListArray, StringArray, TimestampMillisecondArray};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

use super::bindings::{
    Argument, COPY, Headers, Message, NO_ERROR, PRODUCER, PURGE_INFLIGHT, PURGE_QUEUE, QUEUE_FULL, Topic,
};
use super::client::{Client, c_string, milliseconds};
use super::error::{ClientError, Result};
use super::partitions::{Partitions, Position};
use crate::exchange;

/// How many records are handed over in one call.
const AT_ONCE: usize = 4096;

/// What every record of a batch gets besides its own headers.
type CommonHeaders = Vec<(String, Option<Vec<u8>>)>;

/// A transactional producer.
#[pyclass(frozen, module = "tidegate._native")]
pub struct KafkaProducer {
    client: Mutex<Option<Handle>>,
}

/// A client and the topics it has written to.
struct Handle {
    topics: HashMap<String, TopicHandle>,
    client: Client,
}

struct TopicHandle(*mut Topic);

// SAFETY: librdkafka's topic handles may be used from any thread.
unsafe impl Send for TopicHandle {}

impl Drop for Handle {
    fn drop(&mut self) {
        for topic in self.topics.values() {
            // SAFETY: the handle is valid, for its client still is.
            unsafe { (self.client.functions.topic_destroy)(topic.0) }
        }
    }
}

/// Records in columns.
struct Records<'a> {
    values: &'a BinaryArray,
    keys: Option<&'a BinaryArray>,
    headers: Option<RecordHeaders<'a>>,
    timestamps: Option<&'a TimestampMillisecondArray>,
    partition: i32,
}

struct RecordHeaders<'a> {
    lists: &'a ListArray,
    names: &'a StringArray,
    values: &'a BinaryArray,
}

#[pymethods]
impl KafkaProducer {
    #[new]
    fn new(library: &str, properties: Vec<(String, String)>) -> PyResult<Self> {
        let client = Client::new(library, PRODUCER, &properties)?;
        Ok(Self { client: Mutex::new(Some(Handle { topics: HashMap::new(), client })) })
    }

    /// Queues rows from `start` on; gives the row after the last queued, which is not the end if the queue is full,
    /// and the bytes queued.
    #[pyo3(signature = (topic, values, keys, headers, timestamps, common, skip, partition, start))]
    #[allow(clippy::too_many_arguments, reason = "one crossing from Python carries a whole batch")]
    fn produce(
        &self,
        py: Python<'_>,
        topic: &str,
        values: &Bound<'_, PyAny>,
        keys: Option<&Bound<'_, PyAny>>,
        headers: Option<&Bound<'_, PyAny>>,
        timestamps: Option<&Bound<'_, PyAny>>,
        common: CommonHeaders,
        skip: Vec<usize>,
        partition: i32,
        start: usize,
    ) -> PyResult<(usize, usize)> {
        let values = exchange::binary(values)?;
        let keys = keys.map(exchange::binary).transpose()?;
        let headers = headers.map(exchange::array).transpose()?;
        let timestamps = timestamps.map(exchange::array).transpose()?;
        py.detach(|| {
            let records = Records {
                values: &values,
                keys: keys.as_ref(),
                headers: headers.as_ref().map(record_headers).transpose()?,
                timestamps: timestamps.as_ref().map(record_timestamps).transpose()?,
                partition,
            };
            self.with(|handle| handle.produce(topic, &records, &common, &skip, start))
        })
    }

    fn poll(&self, py: Python<'_>, seconds: f64) -> PyResult<()> {
        py.detach(|| {
            self.with(|handle| {
                // SAFETY: the handle is valid.
                unsafe { (handle.client.functions.poll)(handle.client.rk, milliseconds(seconds)) };
                Ok(())
            })
        })
    }

    fn init_transactions(&self, py: Python<'_>, seconds: f64) -> PyResult<()> {
        self.transaction(py, |client| {
            client.meet_a_broker(seconds);
            // SAFETY: the handle is valid.
            unsafe { client.functions.taken((client.functions.init_transactions)(client.rk, milliseconds(seconds))) }
        })
    }

    fn begin_transaction(&self, py: Python<'_>) -> PyResult<()> {
        self.transaction(py, |client| unsafe {
            client.functions.taken((client.functions.begin_transaction)(client.rk))
        })
    }

    fn commit_transaction(&self, py: Python<'_>, seconds: f64) -> PyResult<()> {
        self.transaction(py, |client| {
            client.flush_promptly();
            // SAFETY: the handle is valid.
            unsafe { client.functions.taken((client.functions.commit_transaction)(client.rk, milliseconds(seconds))) }
        })
    }

    fn abort_transaction(&self, py: Python<'_>, seconds: f64) -> PyResult<()> {
        self.transaction(py, |client| unsafe {
            client.functions.taken((client.functions.abort_transaction)(client.rk, milliseconds(seconds)))
        })
    }

    /// Adds offsets of a group whose members plan their partitions themselves.
    fn send_offsets_to_transaction(
        &self,
        py: Python<'_>,
        positions: Vec<Position>,
        group: &str,
        seconds: f64,
    ) -> PyResult<()> {
        self.transaction(py, |client| {
            let functions = client.functions;
            let group = c_string(group)?;
            let partitions = Partitions::new(functions, &positions)?;
            // SAFETY: the handle and the list are valid; the metadata is destroyed at last.
            unsafe {
                let metadata = (functions.consumer_group_metadata_new)(group.as_ptr());
                let timeout = milliseconds(seconds);
                let sent = (functions.send_offsets_to_transaction)(client.rk, partitions.list, metadata, timeout);
                (functions.consumer_group_metadata_destroy)(metadata);
                functions.taken(sent)
            }
        })
    }

    /// Drops what is queued and closes; does nothing when closed already.
    fn close(&self, py: Python<'_>) {
        py.detach(|| {
            let handle = self.client.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
            if let Some(handle) = &handle {
                // SAFETY: the handle is valid.
                unsafe { (handle.client.functions.purge)(handle.client.rk, PURGE_QUEUE | PURGE_INFLIGHT) };
            }
            drop(handle);
        });
    }
}

impl KafkaProducer {
    fn with<T>(&self, work: impl FnOnce(&mut Handle) -> PyResult<T>) -> PyResult<T> {
        let mut guard = self.client.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        work(guard.as_mut().ok_or_else(|| PyValueError::new_err("the producer is closed"))?)
    }

    fn transaction(&self, py: Python<'_>, step: impl Send + FnOnce(&Client) -> Result<()>) -> PyResult<()> {
        py.detach(|| self.with(|handle| Ok(step(&handle.client)?)))
    }
}

impl Handle {
    fn topic(&mut self, name: &str) -> Result<*mut Topic> {
        if let Some(known) = self.topics.get(name) {
            return Ok(known.0);
        }
        let functions = self.client.functions;
        let c_name = c_string(name)?;
        // SAFETY: the handle and the name are valid; without a configuration the topic has the client's.
        let topic = unsafe { (functions.topic_new)(self.client.rk, c_name.as_ptr(), std::ptr::null_mut()) };
        if topic.is_null() {
            return Err(ClientError::new(-186, format!("{name:?} is no topic's name")));
        }
        self.topics.insert(name.to_owned(), TopicHandle(topic));
        Ok(topic)
    }

    fn produce(
        &mut self,
        topic: &str,
        records: &Records<'_>,
        common: &CommonHeaders,
        skip: &[usize],
        start: usize,
    ) -> PyResult<(usize, usize)> {
        let topic = self.topic(topic)?;
        let mut skip = skip.iter().copied().skip_while(|row| *row < start).peekable();
        let rows = (start..records.values.len()).filter(|row| skip.next_if_eq(row).is_none());
        if common.is_empty() && records.are_plain() {
            return self.produce_plain(topic, records, &rows.collect::<Vec<_>>());
        }
        let mut size = 0;
        for row in rows {
            match self.produce_one(topic, records, common, row) {
                Ok(bytes) => size += bytes,
                Err(error) if error.code == QUEUE_FULL => return Ok((row, size)),
                Err(error) => return Err(error.into()),
            }
        }
        Ok((records.values.len(), size))
    }

    /// Queues records of key and value only, many in a call: librdkafka then takes its locks and looks at its clock
    /// once for all of them.
    fn produce_plain(&self, topic: *mut Topic, records: &Records<'_>, rows: &[usize]) -> PyResult<(usize, usize)> {
        let mut size = 0;
        for rows in rows.chunks(AT_ONCE) {
            let mut messages: Vec<_> = rows.iter().map(|row| records.plain(*row)).collect();
            // SAFETY: the topic is valid, and so are values and keys, which are copied.
            unsafe {
                let count = messages.len() as c_int;
                (self.client.functions.produce_batch)(topic, records.partition, COPY, messages.as_mut_ptr(), count);
            }
            let queued = messages.iter().position(|message| message.err != NO_ERROR).unwrap_or(messages.len());
            size += messages[..queued].iter().map(|message| message.len + message.key_len).sum::<usize>();
            // Where the queue is full, nothing after that is queued. Whatever else is wrong ends the transaction.
            if let Some(other) = messages.iter().position(|message| ![NO_ERROR, QUEUE_FULL].contains(&message.err)) {
                // The other way of producing tells more of an error than its code.
                self.produce_one(topic, records, &Vec::new(), rows[other])?;
                self.client.functions.check(messages[other].err)?;
            }
            if queued < messages.len() {
                return Ok((rows[queued], size));
            }
        }
        Ok((records.values.len(), size))
    }

    fn produce_one(
        &self,
        topic: *mut Topic,
        records: &Records<'_>,
        common: &CommonHeaders,
        row: usize,
    ) -> Result<usize> {
        let functions = self.client.functions;
        let value = entry(records.values, row);
        let key = records.keys.and_then(|keys| entry(keys, row));
        let headers = self.headers(records, common, row)?;
        let timestamp = records.timestamps.filter(|stamps| stamps.is_valid(row)).map_or(0, |stamps| stamps.value(row));
        let mut arguments = [Argument::topic(topic); 7];
        arguments[1] = Argument::partition(records.partition);
        arguments[2] = Argument::flags(COPY);
        arguments[3] = Argument::value(value);
        arguments[4] = Argument::key(key);
        let mut count = 5;
        if timestamp != 0 {
            arguments[count] = Argument::timestamp(timestamp);
            count += 1;
        }
        if !headers.is_null() {
            arguments[count] = Argument::headers(headers);
            count += 1;
        }
        // SAFETY: handle, topic and headers are valid; value and key are copied. Headers go over to the message unless
        // the call fails.
        unsafe {
            let error = (functions.produceva)(self.client.rk, arguments.as_ptr(), count);
            if !error.is_null() && !headers.is_null() {
                (functions.headers_destroy)(headers);
            }
            functions.taken(error)?;
        }
        Ok(value.map_or(0, <[u8]>::len) + key.map_or(0, <[u8]>::len))
    }

    fn headers(&self, records: &Records<'_>, common: &CommonHeaders, row: usize) -> Result<*mut Headers> {
        let own = records.headers.as_ref().map_or(0..0, |headers| headers.of(row));
        if own.is_empty() && common.is_empty() {
            return Ok(std::ptr::null_mut());
        }
        // SAFETY: any size is allowed.
        let headers = unsafe { (self.client.functions.headers_new)(own.len() + common.len()) };
        let added = records
            .headers
            .iter()
            .flat_map(|columns| own.clone().map(|at| (columns.names.value(at), entry(columns.values, at))))
            .chain(common.iter().map(|(name, value)| (name.as_str(), value.as_deref())))
            .try_for_each(|(name, value)| self.add_header(headers, name, value));
        if added.is_err() {
            // SAFETY: the headers are valid and belong to no message yet.
            unsafe { (self.client.functions.headers_destroy)(headers) };
        }
        added.map(|()| headers)
    }

    fn add_header(&self, headers: *mut Headers, name: &str, value: Option<&[u8]>) -> Result<()> {
        let (pointer, size) =
            value.map_or((std::ptr::null(), 0), |value| (value.as_ptr().cast(), value.len() as isize));
        // SAFETY: the headers are valid, name and value are copied.
        let code: c_int = unsafe {
            (self.client.functions.header_add)(headers, name.as_ptr().cast(), name.len() as isize, pointer, size)
        };
        self.client.functions.check(code)
    }
}

impl Records<'_> {
    /// Whether no record has headers or a time of its own.
    fn are_plain(&self) -> bool {
        let headers = self.headers.as_ref().map_or(0, |headers| headers.lists.values().len());
        headers == 0 && self.timestamps.is_none_or(|stamps| stamps.null_count() == stamps.len())
    }

    /// A record of key and value as librdkafka takes many of them.
    fn plain(&self, row: usize) -> Message {
        let bytes = |found: Option<&[u8]>| found.map_or((std::ptr::null(), 0), |bytes| (bytes.as_ptr(), bytes.len()));
        let (payload, len) = bytes(entry(self.values, row));
        let (key, key_len) = bytes(self.keys.and_then(|keys| entry(keys, row)));
        Message {
            err: NO_ERROR,
            topic: std::ptr::null_mut(),
            partition: self.partition,
            payload: payload.cast_mut().cast(),
            len,
            key: key.cast_mut().cast(),
            key_len,
            offset: 0,
            private: std::ptr::null_mut(),
        }
    }
}

impl RecordHeaders<'_> {
    fn of(&self, row: usize) -> std::ops::Range<usize> {
        if self.lists.is_null(row) {
            return 0..0;
        }
        let offsets = self.lists.value_offsets();
        offsets[row] as usize..offsets[row + 1] as usize
    }
}

fn entry(values: &BinaryArray, row: usize) -> Option<&[u8]> {
    values.is_valid(row).then(|| values.value(row))
}

fn record_headers(column: &ArrayRef) -> PyResult<RecordHeaders<'_>> {
    let found = column.as_list_opt::<i32>().and_then(|lists| {
        let pairs = lists.values().as_struct_opt()?;
        let [names, values] = pairs.columns() else { return None };
        Some(RecordHeaders { lists, names: names.as_string_opt()?, values: values.as_binary_opt()? })
    });
    found.ok_or_else(|| PyTypeError::new_err(format!("{} is not the type of headers", column.data_type())))
}

fn record_timestamps(column: &ArrayRef) -> PyResult<&TimestampMillisecondArray> {
    column
        .as_primitive_opt::<TimestampMillisecondType>()
        .ok_or_else(|| PyTypeError::new_err(format!("{} is not the type of timestamps", column.data_type())))
}
