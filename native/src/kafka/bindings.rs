//! librdkafka's C interface, as far as it is used, found at run time.

use std::ffi::{c_char, c_int, c_void};
use std::sync::OnceLock;

use libloading::Library;

pub type Rk = c_void;
pub type Conf = c_void;
pub type Topic = c_void;
pub type Headers = c_void;
pub type Queue = c_void;
pub type ErrorObject = c_void;
pub type GroupMetadata = c_void;
pub type Metadata = c_void;

pub const PRODUCER: c_int = 0;
pub const CONSUMER: c_int = 1;
pub const NO_ERROR: c_int = 0;
pub const QUEUE_FULL: c_int = -184;
pub const NO_TIMESTAMP: c_int = 0;
pub const COPY: c_int = 2;
pub const PURGE_QUEUE: c_int = 1;
pub const PURGE_INFLIGHT: c_int = 2;

/// `rd_kafka_message_t`
#[repr(C)]
pub struct Message {
    pub err: c_int,
    pub topic: *mut Topic,
    pub partition: i32,
    pub payload: *mut c_void,
    pub len: usize,
    pub key: *mut c_void,
    pub key_len: usize,
    pub offset: i64,
    pub private: *mut c_void,
}

/// `rd_kafka_topic_partition_t`
#[repr(C)]
pub struct TopicPartition {
    pub topic: *mut c_char,
    pub partition: i32,
    pub offset: i64,
    pub metadata: *mut c_void,
    pub metadata_size: usize,
    pub opaque: *mut c_void,
    pub err: c_int,
    pub private: *mut c_void,
}

/// `rd_kafka_topic_partition_list_t`
#[repr(C)]
pub struct TopicPartitionList {
    pub count: c_int,
    pub size: c_int,
    pub elements: *mut TopicPartition,
}

/// `rd_kafka_vu_t`: one argument of `rd_kafka_produceva`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Argument {
    pub kind: c_int,
    pub value: ArgumentValue,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub union ArgumentValue {
    pub topic: *mut Topic,
    pub int: c_int,
    pub partition: i32,
    pub timestamp: i64,
    pub bytes: Memory,
    pub headers: *mut Headers,
    padding: [u8; 64],
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Memory {
    address: *const c_void,
    size: usize,
}

impl Argument {
    pub fn topic(topic: *mut Topic) -> Self {
        Self { kind: 2, value: ArgumentValue { topic } }
    }

    pub fn partition(partition: i32) -> Self {
        Self { kind: 3, value: ArgumentValue { partition } }
    }

    pub fn value(bytes: Option<&[u8]>) -> Self {
        Self { kind: 4, value: ArgumentValue { bytes: Memory::of(bytes) } }
    }

    pub fn key(bytes: Option<&[u8]>) -> Self {
        Self { kind: 5, value: ArgumentValue { bytes: Memory::of(bytes) } }
    }

    pub fn flags(int: c_int) -> Self {
        Self { kind: 7, value: ArgumentValue { int } }
    }

    pub fn timestamp(timestamp: i64) -> Self {
        Self { kind: 8, value: ArgumentValue { timestamp } }
    }

    pub fn headers(headers: *mut Headers) -> Self {
        Self { kind: 10, value: ArgumentValue { headers } }
    }
}

impl Memory {
    /// Null has no address, which is how Kafka tells it from nothing.
    fn of(bytes: Option<&[u8]>) -> Self {
        match bytes {
            Some(bytes) => Self { address: bytes.as_ptr().cast(), size: bytes.len() },
            None => Self { address: std::ptr::null(), size: 0 },
        }
    }
}

macro_rules! functions {
    ($($name:ident: fn($($argument:ty),*) $(-> $result:ty)?;)*) => {
        /// The functions; see `rdkafka.h` for each.
        pub struct Functions {
            $(pub $name: unsafe extern "C" fn($($argument),*) $(-> $result)?,)*
            /// Keeps the library loaded.
            _library: Library,
        }

        impl Functions {
            fn load(path: &str) -> Result<Self, libloading::Error> {
                // SAFETY: the file is the client's own extension module, which the interpreter has loaded before: no
                // initialiser runs. The types are those of rdkafka.h.
                unsafe {
                    let library = Library::new(path)?;
                    Ok(Self {
                        $($name: *library.get(concat!("rd_kafka_", stringify!($name), "\0").as_bytes())?,)*
                        _library: library,
                    })
                }
            }
        }
    };
}

functions! {
    conf_new: fn() -> *mut Conf;
    conf_destroy: fn(*mut Conf);
    conf_set: fn(*mut Conf, *const c_char, *const c_char, *mut c_char, usize) -> c_int;
    new: fn(c_int, *mut Conf, *mut c_char, usize) -> *mut Rk;
    destroy: fn(*mut Rk);
    err2str: fn(c_int) -> *const c_char;
    poll: fn(*mut Rk, c_int) -> c_int;
    flush: fn(*mut Rk, c_int) -> c_int;
    purge: fn(*mut Rk, c_int) -> c_int;
    topic_new: fn(*mut Rk, *const c_char, *mut c_void) -> *mut Topic;
    topic_destroy: fn(*mut Topic);
    metadata: fn(*mut Rk, c_int, *mut Topic, *mut *const Metadata, c_int) -> c_int;
    metadata_destroy: fn(*const Metadata);
    topic_name: fn(*const Topic) -> *const c_char;
    produceva: fn(*mut Rk, *const Argument, usize) -> *mut ErrorObject;
    produce_batch: fn(*mut Topic, i32, c_int, *mut Message, c_int) -> c_int;
    headers_new: fn(usize) -> *mut Headers;
    headers_destroy: fn(*mut Headers);
    header_add: fn(*mut Headers, *const c_char, isize, *const c_void, isize) -> c_int;
    header_get_all: fn(*const Headers, usize, *mut *const c_char, *mut *const c_void, *mut usize) -> c_int;
    init_transactions: fn(*mut Rk, c_int) -> *mut ErrorObject;
    begin_transaction: fn(*mut Rk) -> *mut ErrorObject;
    send_offsets_to_transaction:
        fn(*mut Rk, *const TopicPartitionList, *const GroupMetadata, c_int) -> *mut ErrorObject;
    commit_transaction: fn(*mut Rk, c_int) -> *mut ErrorObject;
    abort_transaction: fn(*mut Rk, c_int) -> *mut ErrorObject;
    consumer_group_metadata_new: fn(*const c_char) -> *mut GroupMetadata;
    consumer_group_metadata_destroy: fn(*mut GroupMetadata);
    error_code: fn(*const ErrorObject) -> c_int;
    error_string: fn(*const ErrorObject) -> *const c_char;
    error_is_fatal: fn(*const ErrorObject) -> c_int;
    error_is_retriable: fn(*const ErrorObject) -> c_int;
    error_txn_requires_abort: fn(*const ErrorObject) -> c_int;
    error_destroy: fn(*mut ErrorObject);
    topic_partition_list_new: fn(c_int) -> *mut TopicPartitionList;
    topic_partition_list_destroy: fn(*mut TopicPartitionList);
    topic_partition_list_add: fn(*mut TopicPartitionList, *const c_char, i32) -> *mut TopicPartition;
    poll_set_consumer: fn(*mut Rk) -> c_int;
    queue_get_consumer: fn(*mut Rk) -> *mut Queue;
    queue_destroy: fn(*mut Queue);
    consume_batch_queue: fn(*mut Queue, c_int, *mut *mut Message, usize) -> isize;
    message_destroy: fn(*mut Message);
    message_timestamp: fn(*const Message, *mut c_int) -> i64;
    message_headers: fn(*const Message, *mut *mut Headers) -> c_int;
    message_errstr: fn(*const Message) -> *const c_char;
    incremental_assign: fn(*mut Rk, *const TopicPartitionList) -> *mut ErrorObject;
    committed: fn(*mut Rk, *mut TopicPartitionList, c_int) -> c_int;
    get_watermark_offsets: fn(*mut Rk, *const c_char, i32, *mut i64, *mut i64) -> c_int;
    consumer_close: fn(*mut Rk) -> c_int;
}

static FUNCTIONS: OnceLock<Functions> = OnceLock::new();

/// The functions of the library that an extension module is linked with; loaded once a process.
pub fn functions(path: &str) -> Result<&'static Functions, String> {
    if let Some(functions) = FUNCTIONS.get() {
        return Ok(functions);
    }
    let functions = Functions::load(path).map_err(|error| error.to_string())?;
    Ok(FUNCTIONS.get_or_init(|| functions))
}
