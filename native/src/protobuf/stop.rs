//! Why a row is not done here.

use crate::fault::Fault;

/// What stops a row.
#[derive(Debug, PartialEq)]
pub enum Stop {
    /// The row is left to the caller.
    Left,
    /// The column would be larger than its 32-bit offsets can say: the batch has to be split.
    Full,
}

pub type Result<T> = std::result::Result<T, Stop>;

impl From<Box<Fault>> for Stop {
    fn from(fault: Box<Fault>) -> Self {
        match *fault {
            Fault::Full => Stop::Full,
            Fault::Rule { .. } => Stop::Left,
        }
    }
}
