"""Projection: a record column in the form of a table's columns. Pure."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from tidegate.connectors.iceberg.evolution import children


def project(array: pa.Array, target: pa.DataType, *, ignore_case: bool = False) -> pa.Array:
    """Brings values into a type: fields by name, missing ones null, what the type lacks left out.

    Args:
        array: n values.
        target: the type, field ids in its metadata.
        ignore_case: whether names are the same in any case.

    Raises:
        pyarrow.ArrowInvalid: a value does not fit the type.
    """
    if array.type.equals(target, check_metadata=True):
        return array
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_null(array.type):
        return pa.nulls(len(array), target)
    if pa.types.is_struct(target):
        return _struct(array, target, ignore_case)
    if pa.types.is_list(target) or pa.types.is_large_list(target):
        return _list(array, target, ignore_case)
    if pa.types.is_map(target):
        return _map(array, target, ignore_case)
    if isinstance(target, pa.UuidType):
        storage = array.storage if isinstance(array, pa.ExtensionArray) else array
        return pa.ExtensionArray.from_storage(target, storage.cast(target.storage_type))
    if pa.types.is_timestamp(array.type) and pa.types.is_timestamp(target):
        # Iceberg keeps microseconds; nanoseconds are cut off.
        return array.cast(target, safe=False)
    return array.cast(target)


def _struct(array: pa.StructArray, target: pa.StructType, ignore_case: bool) -> pa.StructArray:
    given = children(array.type, ignore_case)
    columns = []
    for field in target:
        source = given.get(field.name.lower() if ignore_case else field.name)
        if source is None:
            columns.append(pa.nulls(len(array), field.type))
        else:
            # Children as stored: flatten() would apply the parent's nulls to required fields.
            child = array.field(array.type.get_field_index(source.name))
            columns.append(project(child, field.type, ignore_case=ignore_case))
    mask = array.is_null() if array.null_count else None
    return pa.StructArray.from_arrays(columns, fields=list(target), mask=mask)


def _list(array: pa.Array, target: pa.DataType, ignore_case: bool) -> pa.Array:
    if pa.types.is_fixed_size_list(array.type):
        array = array.cast(pa.large_list(array.type.value_field))
    array = array if array.offset == 0 else pa.concat_arrays([array])
    values = project(array.values, target.value_type, ignore_case=ignore_case)
    mask = array.is_null() if array.null_count else None
    large = pa.types.is_large_list(target)
    offsets = array.offsets.cast(pa.int64() if large else pa.int32())
    made = pa.LargeListArray if large else pa.ListArray
    return made.from_arrays(offsets, values, type=target, mask=mask)


def _map(array: pa.MapArray, target: pa.MapType, ignore_case: bool) -> pa.MapArray:
    array = array if array.offset == 0 else pa.concat_arrays([array])
    keys = project(array.keys, target.key_type, ignore_case=ignore_case)
    items = project(array.items, target.item_type, ignore_case=ignore_case)
    offsets = array.offsets
    if array.null_count:
        # A null offset marks a null map.
        offsets = pc.if_else(
            pa.concat_arrays([array.is_valid(), pa.array([True])]), offsets, pa.scalar(None, offsets.type)
        )
    return pa.MapArray.from_arrays(offsets, keys, items, type=target)
