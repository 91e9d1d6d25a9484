//! A consumer of whole columns, with partitions that its owner plans.

use std::collections::BTreeSet;
use std::ffi::c_int;
use std::sync::RwLock;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::bindings::{CONSUMER, Message, NO_ERROR, Queue};
use super::client::{Client, c_string, milliseconds};
use super::columns::TopicColumns;
use super::error::text;
use super::partitions::{Partitions, Position};
use crate::exchange::Column;

const LEADERS_MILLISECONDS: c_int = 2_000;

/// A consumer that never joins its group.
#[pyclass(frozen, module = "tidegate._native")]
pub struct KafkaConsumer {
    // Read by all that uses the client, side by side, for consuming waits; written only to close.
    client: RwLock<Option<Handle>>,
}

struct Handle {
    queue: *mut Queue,
    client: Client,
}

// SAFETY: librdkafka's handles and queues may be used from any thread, and from several at once.
unsafe impl Send for Handle {}
// SAFETY: the same.
unsafe impl Sync for Handle {}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: queue and client are valid. Closing a consumer without a group's membership only stops its fetchers.
        unsafe {
            (self.client.functions.queue_destroy)(self.queue);
            (self.client.functions.consumer_close)(self.client.rk);
        }
    }
}

/// A topic and its messages' key, value, headers, timestamp, partition, offset.
type Consumed = (String, [Column; 6]);
/// Code, text, topic, partition and offset of an error that came instead of a message.
type Problem = (i32, String, String, i32, i64);

#[pymethods]
impl KafkaConsumer {
    #[new]
    fn new(library: &str, properties: Vec<(String, String)>) -> PyResult<Self> {
        let client = Client::new(library, CONSUMER, &properties)?;
        // SAFETY: the handle is valid.
        let (code, queue) = unsafe {
            ((client.functions.poll_set_consumer)(client.rk), (client.functions.queue_get_consumer)(client.rk))
        };
        client.functions.check(code)?;
        Ok(Self { client: RwLock::new(Some(Handle { queue, client })) })
    }

    /// Takes up partitions at positions, besides those it has.
    fn incremental_assign(&self, py: Python<'_>, positions: Vec<Position>) -> PyResult<()> {
        self.with(py, |handle| {
            let functions = handle.client.functions;
            let partitions = Partitions::new(functions, &positions)?;
            handle.learn_leaders(&positions)?;
            // SAFETY: handle and list are valid.
            unsafe { functions.taken((functions.incremental_assign)(handle.client.rk, partitions.list))? };
            Ok(())
        })
    }

    /// The group's committed offsets.
    fn committed(&self, py: Python<'_>, positions: Vec<Position>, seconds: f64) -> PyResult<Vec<Position>> {
        self.with(py, |handle| {
            let functions = handle.client.functions;
            let partitions = Partitions::new(functions, &positions)?;
            // SAFETY: handle and list are valid.
            functions
                .check(unsafe { (functions.committed)(handle.client.rk, partitions.list, milliseconds(seconds)) })?;
            Ok(partitions.positions()?)
        })
    }

    /// The lowest and highest offsets of a partition that the last fetch has told.
    fn watermarks(&self, py: Python<'_>, topic: &str, partition: i32) -> PyResult<(i64, i64)> {
        self.with(py, |handle| {
            let functions = handle.client.functions;
            let topic = c_string(topic)?;
            let (mut low, mut high) = (0, 0);
            // SAFETY: the handle is valid.
            functions.check(unsafe {
                (functions.get_watermark_offsets)(handle.client.rk, topic.as_ptr(), partition, &mut low, &mut high)
            })?;
            Ok((low, high))
        })
    }

    /// At most so many messages, by topic in the order of their first message; waits for the first one only.
    fn consume(&self, py: Python<'_>, most: usize, seconds: f64) -> PyResult<(Vec<Consumed>, Vec<Problem>)> {
        let (topics, problems) = self.with(py, |handle| Ok(handle.consume(most, seconds)))?;
        let columns = topics.into_iter().map(|topic| {
            let (name, columns) = topic.finish();
            (name, columns.map(Column::from))
        });
        Ok((columns.collect(), problems))
    }

    /// Closes; does nothing when closed already.
    fn close(&self, py: Python<'_>) {
        py.detach(|| drop(self.client.write().unwrap_or_else(|poisoned| poisoned.into_inner()).take()));
    }
}

impl KafkaConsumer {
    fn with<T: Send>(&self, py: Python<'_>, work: impl Send + FnOnce(&Handle) -> PyResult<T>) -> PyResult<T> {
        py.detach(|| {
            let guard = self.client.read().unwrap_or_else(|poisoned| poisoned.into_inner());
            work(guard.as_ref().ok_or_else(|| PyValueError::new_err("the consumer is closed"))?)
        })
    }
}

impl Handle {
    /// Has the client know the leaders of partitions, as far as they can be told.
    ///
    /// librdkafka looks again for the leader of a partition that has none only after half a second, and a topic it has
    /// not heard of has none.
    fn learn_leaders(&self, positions: &[Position]) -> PyResult<()> {
        let functions = self.client.functions;
        for name in positions.iter().map(|(topic, ..)| topic).collect::<BTreeSet<_>>() {
            let name = c_string(name)?;
            let mut metadata = std::ptr::null();
            // SAFETY: the handle is valid; the topic is not used after it is destroyed, the metadata only if it came.
            let code = unsafe {
                let topic = (functions.topic_new)(self.client.rk, name.as_ptr(), std::ptr::null_mut());
                if topic.is_null() {
                    continue;
                }
                let code = (functions.metadata)(self.client.rk, 0, topic, &mut metadata, LEADERS_MILLISECONDS);
                (functions.topic_destroy)(topic);
                code
            };
            if code != NO_ERROR {
                // Assigning works without it, only later; the next topic would wait as long for as little.
                return Ok(());
            }
            // SAFETY: it came.
            unsafe { (functions.metadata_destroy)(metadata) };
        }
        Ok(())
    }

    fn fill(&self, room: &mut [*mut Message], timeout: c_int) -> usize {
        // SAFETY: the queue is valid and the room is for so many messages.
        let count =
            unsafe { (self.client.functions.consume_batch_queue)(self.queue, timeout, room.as_mut_ptr(), room.len()) };
        usize::try_from(count).unwrap_or(0)
    }

    fn consume(&self, most: usize, seconds: f64) -> (Vec<TopicColumns>, Vec<Problem>) {
        let functions = self.client.functions;
        let mut messages: Vec<*mut Message> = vec![std::ptr::null_mut(); most];
        // librdkafka waits until all the room is filled, or the time is over: so only the first message is waited for.
        let mut count = self.fill(&mut messages[..most.min(1)], milliseconds(seconds));
        if count > 0 {
            count += self.fill(&mut messages[1..], 0);
        }
        messages.truncate(count);
        let mut topics: Vec<TopicColumns> = Vec::new();
        let mut problems = Vec::new();
        for pointer in &messages {
            // SAFETY: the messages are ours until they are destroyed, below.
            unsafe {
                let message = &**pointer;
                if message.err != NO_ERROR {
                    problems.push(self.problem(message));
                    continue;
                }
                let index = match topics.iter().position(|topic| topic.handle == message.topic.addr()) {
                    Some(index) => index,
                    None => {
                        topics.push(TopicColumns::new(functions, message.topic, messages.len()));
                        topics.len() - 1
                    }
                };
                topics[index].push(functions, message);
            }
        }
        for pointer in messages {
            // SAFETY: everything has been copied out of it.
            unsafe { (functions.message_destroy)(pointer) };
        }
        (topics, problems)
    }

    /// # Safety
    /// The message is valid.
    unsafe fn problem(&self, message: &Message) -> Problem {
        let functions = self.client.functions;
        // SAFETY: the message is valid, and so is its topic, if it has one.
        unsafe {
            let topic =
                if message.topic.is_null() { String::new() } else { text((functions.topic_name)(message.topic)) };
            (message.err, text((functions.message_errstr)(message)), topic, message.partition, message.offset)
        }
    }
}
