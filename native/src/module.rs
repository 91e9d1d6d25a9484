//! The Python module.

use pyo3::prelude::*;

use crate::{avro, cells, exchange, json, kafka, protobuf};

/// What Python asks of the extension: raised with every change of the interface, so that a stale build is not used.
const INTERFACE: u32 = 5;

#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("INTERFACE", INTERFACE)?;
    module.add_class::<exchange::Column>()?;
    module.add_class::<avro::AvroDecoder>()?;
    module.add_class::<avro::AvroEncoder>()?;
    module.add_class::<protobuf::ProtobufDecoder>()?;
    module.add_class::<protobuf::ProtobufEncoder>()?;
    module.add_function(wrap_pyfunction!(protobuf::protobuf_runs, module)?)?;
    module.add_function(wrap_pyfunction!(cells::gather_cells, module)?)?;
    module.add_function(wrap_pyfunction!(json::read_json, module)?)?;
    module.add_function(wrap_pyfunction!(json::write_json, module)?)?;
    module.add_class::<kafka::KafkaProducer>()?;
    module.add_class::<kafka::KafkaConsumer>()?;
    module.add("KafkaClientError", module.py().get_type::<kafka::KafkaClientError>())?;
    Ok(())
}
