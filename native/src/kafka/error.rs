//! librdkafka's errors.

use std::ffi::{CStr, c_char, c_int};

use pyo3::prelude::*;

use super::bindings::{ErrorObject, Functions, NO_ERROR};

pyo3::create_exception!(
    _native,
    KafkaClientError,
    pyo3::exceptions::PyException,
    "What librdkafka reports: code, text, fatal, retriable, transaction must be aborted."
);

/// What librdkafka reports.
pub struct ClientError {
    pub code: c_int,
    text: String,
    fatal: bool,
    retriable: bool,
    abort: bool,
}

pub type Result<T> = std::result::Result<T, ClientError>;

impl ClientError {
    pub fn new(code: c_int, text: String) -> Self {
        Self { code, text, fatal: false, retriable: false, abort: false }
    }
}

impl From<ClientError> for PyErr {
    fn from(error: ClientError) -> PyErr {
        KafkaClientError::new_err((error.code, error.text, error.fatal, error.retriable, error.abort))
    }
}

impl Functions {
    /// The outcome of a function that gives a code.
    pub fn check(&self, code: c_int) -> Result<()> {
        if code == NO_ERROR { Ok(()) } else { Err(ClientError::new(code, self.text(code))) }
    }

    /// A code in words.
    pub fn text(&self, code: c_int) -> String {
        // SAFETY: the function takes any number and gives a static string.
        text(unsafe { (self.err2str)(code) })
    }

    /// The outcome of a function that gives an error object, which this destroys.
    ///
    /// # Safety
    /// The object is null, or has just been given by librdkafka and is not used any more.
    pub unsafe fn taken(&self, error: *mut ErrorObject) -> Result<()> {
        if error.is_null() {
            return Ok(());
        }
        // SAFETY: it is a valid object until it is destroyed, at last.
        unsafe {
            let taken = ClientError {
                code: (self.error_code)(error),
                text: text((self.error_string)(error)),
                fatal: (self.error_is_fatal)(error) != 0,
                retriable: (self.error_is_retriable)(error) != 0,
                abort: (self.error_txn_requires_abort)(error) != 0,
            };
            (self.error_destroy)(error);
            Err(taken)
        }
    }
}

/// A C string, copied; empty for null.
pub fn text(pointer: *const c_char) -> String {
    if pointer.is_null() {
        return String::new();
    }
    // SAFETY: librdkafka's strings end with a zero.
    unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned()
}
