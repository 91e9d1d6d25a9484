//! A client handle and what producers and consumers have in common.

use std::ffi::{CString, c_int};
use std::time::{Duration, Instant};

use super::bindings::{Functions, NO_ERROR, Rk, functions};
use super::error::{ClientError, Result, text};

const INVALID_ARG: c_int = -186;
const ROOM: usize = 512;
const LONGEST_MEETING: f64 = 2.0;
const PROMPT_FLUSH: Duration = Duration::from_millis(100);

/// A client of librdkafka; closed when dropped.
pub struct Client {
    pub functions: &'static Functions,
    pub rk: *mut Rk,
}

// SAFETY: librdkafka's handles may be used from any thread.
unsafe impl Send for Client {}
// SAFETY: and from several at once.
unsafe impl Sync for Client {}

impl Client {
    /// Makes a client.
    ///
    /// `library` is the file of the Python client's extension module, `kind` one of `PRODUCER` and `CONSUMER`.
    pub fn new(library: &str, kind: c_int, properties: &[(String, String)]) -> Result<Self> {
        let functions = functions(library).map_err(|problem| ClientError::new(INVALID_ARG, problem))?;
        let mut room = [0; ROOM];
        // SAFETY: strings end with a zero and outlive the calls; the configuration goes over to a client that could be
        // made, and else is destroyed here.
        unsafe {
            let conf = (functions.conf_new)();
            for (name, value) in properties {
                let (name, value) = (c_string(name)?, c_string(value)?);
                if (functions.conf_set)(conf, name.as_ptr(), value.as_ptr(), room.as_mut_ptr(), ROOM) != 0 {
                    (functions.conf_destroy)(conf);
                    return Err(ClientError::new(INVALID_ARG, text(room.as_ptr())));
                }
            }
            let rk = (functions.new)(kind, conf, room.as_mut_ptr(), ROOM);
            if rk.is_null() {
                (functions.conf_destroy)(conf);
                return Err(ClientError::new(INVALID_ARG, text(room.as_ptr())));
            }
            Ok(Self { functions, rk })
        }
    }

    /// Waits until a broker answers, at most so many seconds and `LONGEST_MEETING`.
    ///
    /// librdkafka asks again for a coordinator only after half a second when no broker could be asked.
    pub fn meet_a_broker(&self, seconds: f64) {
        let mut metadata = std::ptr::null();
        // SAFETY: the handle is valid; no topic means the client's own, and the metadata is destroyed if it came.
        unsafe {
            let longest = milliseconds(seconds.min(LONGEST_MEETING));
            if (self.functions.metadata)(self.rk, 0, std::ptr::null_mut(), &mut metadata, longest) == NO_ERROR {
                (self.functions.metadata_destroy)(metadata);
            }
        }
    }

    /// Waits for what is queued to be acknowledged, for a moment at most.
    ///
    /// A client without delivery reports looks each 10 ms whether its flush is done, which is longer than a small
    /// transaction takes: so it is asked for shorter ones.
    pub fn flush_promptly(&self) {
        let began = Instant::now();
        let mut wait = 1;
        // SAFETY: the handle is valid.
        while unsafe { (self.functions.flush)(self.rk, wait) } != NO_ERROR {
            let waited = began.elapsed();
            if waited > PROMPT_FLUSH {
                break;
            }
            wait = 1 + waited.as_millis() as c_int / 8;
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // SAFETY: the handle is valid and is not used any more.
        unsafe { (self.functions.destroy)(self.rk) }
    }
}

/// Text for C; a zero in it is refused.
pub fn c_string(text: &str) -> Result<CString> {
    CString::new(text).map_err(|_| ClientError::new(INVALID_ARG, format!("{text:?} has a zero byte in it")))
}

/// Milliseconds of a duration in seconds, as timeouts are given; negative waits for ever.
pub fn milliseconds(seconds: f64) -> c_int {
    if seconds < 0.0 { -1 } else { (seconds * 1000.0).ceil().min(f64::from(c_int::MAX)) as c_int }
}
