//! Tidegate's hot paths as a Python extension, `tidegate._native`.
//!
//! Everything here has a twin in Python with the same results; `tidegate/_native.pyi` is the interface.

#![cfg_attr(not(feature = "python"), allow(dead_code))]

mod avro;
mod cells;
mod columns;
#[cfg(feature = "python")]
mod exchange;
mod fault;
mod growing;
mod json;
#[cfg(feature = "python")]
mod kafka;
#[cfg(feature = "python")]
mod module;
mod protobuf;
