//! JSON texts to columns and back, one text a row.
//!
//! What is not plainly of the wanted form is left to the caller, who has a parser in Python with all the rules: so the
//! rules are written once, and nothing here has to be guessed.

mod cell;
mod escape;
mod rows;
mod scanner;
mod text;

#[cfg(feature = "python")]
mod functions;

#[cfg(feature = "python")]
pub use functions::{read_json, write_json};
