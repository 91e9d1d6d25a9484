//! Arrow arrays from and to Python, without copies, by the Arrow PyCapsule interface.

use arrow_array::ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi, to_ffi};
use arrow_array::{Array, ArrayRef, BinaryArray, make_array};
use arrow_schema::{ArrowError, DataType, Field};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyTuple};

const SCHEMA: &std::ffi::CStr = c"arrow_schema";
const ARRAY: &std::ffi::CStr = c"arrow_array";

/// An Arrow array on its way to Python: `pyarrow.array(column)` takes it over.
#[pyclass(frozen, module = "tidegate._native")]
pub struct Column(ArrayRef);

impl Column {
    pub fn new(array: impl Array + 'static) -> Self {
        Self(make_array(array.to_data()))
    }
}

impl From<ArrayRef> for Column {
    fn from(array: ArrayRef) -> Self {
        Self(array)
    }
}

#[pymethods]
impl Column {
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_array__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        // The protocol lets a producer ignore the request; the consumer then casts.
        let _ = requested_schema;
        let (array, schema) = to_ffi(&self.0.to_data()).map_err(arrow_error)?;
        let schema = PyCapsule::new_with_value(py, schema, SCHEMA)?;
        let array = PyCapsule::new_with_value(py, array, ARRAY)?;
        PyTuple::new(py, [schema, array])
    }
}

/// The array behind a `pyarrow.Array` or anything else with `__arrow_c_array__`.
pub fn array(object: &Bound<'_, PyAny>) -> PyResult<ArrayRef> {
    let capsules: Bound<'_, PyTuple> = object.call_method0("__arrow_c_array__")?.cast_into()?;
    let schema = capsules.get_item(0)?.cast_into::<PyCapsule>()?;
    let array = capsules.get_item(1)?.cast_into::<PyCapsule>()?;
    let schema = schema.pointer_checked(Some(SCHEMA))?.cast::<FFI_ArrowSchema>();
    let array = array.pointer_checked(Some(ARRAY))?.cast::<FFI_ArrowArray>();
    // SAFETY: a capsule of this name holds a valid structure; from_raw moves it out and marks it as released, as the
    // PyCapsule interface asks of a consumer.
    let mut data =
        unsafe { from_ffi(FFI_ArrowArray::from_raw(array.as_ptr()), schema.as_ref()) }.map_err(arrow_error)?;
    data.align_buffers();
    Ok(make_array(data))
}

/// A binary array; others are refused.
pub fn binary(object: &Bound<'_, PyAny>) -> PyResult<BinaryArray> {
    let array = array(object)?;
    array
        .as_any()
        .downcast_ref::<BinaryArray>()
        .cloned()
        .ok_or_else(|| PyTypeError::new_err(format!("a binary array is wanted, not {}", array.data_type())))
}

/// The field behind a `pyarrow.Field`.
pub fn field(object: &Bound<'_, PyAny>) -> PyResult<Field> {
    let capsule = object.call_method0("__arrow_c_schema__")?.cast_into::<PyCapsule>()?;
    let schema = capsule.pointer_checked(Some(SCHEMA))?.cast::<FFI_ArrowSchema>();
    // SAFETY: a capsule of this name holds a valid schema, which lives as long as the capsule.
    Field::try_from(unsafe { schema.as_ref() }).map_err(arrow_error)
}

/// The type behind a `pyarrow.DataType` or `pyarrow.Field`.
pub fn data_type(object: &Bound<'_, PyAny>) -> PyResult<DataType> {
    Ok(field(object)?.data_type().clone())
}

pub fn arrow_error(error: ArrowError) -> PyErr {
    PyValueError::new_err(error.to_string())
}
