//! Kafka clients that take and give Arrow columns, on the librdkafka that the Python client has loaded.
//!
//! Only documented functions of librdkafka's C interface are called; its structures are those of `rdkafka.h`, which
//! librdkafka keeps compatible within a major version.

mod bindings;
mod client;
mod columns;
mod consumer;
mod error;
mod partitions;
mod producer;

pub use consumer::KafkaConsumer;
pub use error::KafkaClientError;
pub use producer::KafkaProducer;
