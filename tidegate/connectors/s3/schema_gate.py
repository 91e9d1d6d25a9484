"""The schema gate: whether records fit what a topic's files hold, and their projection onto it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from tidegate.records.reason import Reason, Rule

NONE = "NONE"
BACKWARD = "BACKWARD"
FORWARD = "FORWARD"
FULL = "FULL"

_WIDER: dict[pa.DataType, tuple[pa.DataType, ...]] = {
    pa.int8(): (pa.int16(), pa.int32(), pa.int64(), pa.float32(), pa.float64()),
    pa.int16(): (pa.int32(), pa.int64(), pa.float32(), pa.float64()),
    pa.int32(): (pa.int64(), pa.float32(), pa.float64()),
    pa.int64(): (pa.float64(),),
    pa.float32(): (pa.float64(),),
    pa.string(): (pa.binary(),),
    pa.date32(): (),
}


class SchemaRefusedError(ValueError):
    """The records do not fit.

    Args:
        reason: names the field and the rule.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Admission:
    """What the gate decided on a schema it lets through.

    Args:
        schema: what files are written with from now on.
        widened: whether it is wider than before, so that open files have to be closed.
    """

    schema: pa.StructType
    widened: bool


def admit(known: pa.StructType, new: pa.StructType, mode: str) -> Admission:
    """Decides whether records of a schema may join files of another.

    The rules are those of Avro's schema resolution, read for files: a record must have every required field of the
    files. Beyond that,

    - BACKWARD: what is new joins the files, and types widen to what holds both;
    - FORWARD: the files stay as they are; a record is cut down to them, so its types must be the same or narrower;
    - FULL: what is new joins the files, and types stay the same, for they would have to be promotable both ways.

    A field that joins is nullable in the files, for the rows before have no value for it; whether it needs a default is
    the registry's to judge. A default fills in nothing here: a record that lacks a field may be newer than the files as
    well as older, and the field was dropped then.

    Args:
        known: what the topic's files are written with.
        new: the schema of the records.
        mode: BACKWARD, FORWARD or FULL.

    Raises:
        SchemaRefusedError: they do not fit.
    """
    schema = _admit_struct(known, new, mode, "")
    return Admission(schema, not _same_fields(schema, known))


def project(array: pa.Array, target: pa.DataType) -> pa.Array:
    """A column in the form of an admitted, wider type: fields by name, missing ones null, numbers promoted."""
    if array.type.equals(target):
        return array
    if pa.types.is_null(array.type):
        return pa.nulls(len(array), target)
    if pa.types.is_struct(target):
        children = []
        for field in target:
            index = array.type.get_field_index(field.name)
            if index < 0:
                children.append(pa.nulls(len(array), field.type))
            else:
                # Children as stored: flatten() would apply the parent's nulls to required fields.
                children.append(project(array.field(index), field.type))
        mask = array.is_null() if array.null_count else None
        return pa.StructArray.from_arrays(children, fields=list(target), mask=mask)
    if pa.types.is_list(target):
        array = array if array.offset == 0 else pa.concat_arrays([array])
        values = project(array.values, target.value_type)
        mask = array.is_null() if array.null_count else None
        return pa.ListArray.from_arrays(array.offsets, values, type=target, mask=mask)
    return array.cast(target)


def _admit_struct(known: pa.StructType, new: pa.StructType, mode: str, path: str) -> pa.StructType:
    arriving = {field.name: field for field in new}
    fields = []
    for field in known:
        name = f"{path}{field.name}"
        other = arriving.pop(field.name, None)
        if other is None:
            if not field.nullable:
                added = [other.name for other in new if known.get_field_index(other.name) < 0]
                hint = f" (new in it: {', '.join(map(repr, added))}; renamed?)" if added else ""
                raise SchemaRefusedError(
                    Reason(
                        f"field {name!r} is required in the files of this topic and missing in the record{hint}: "
                        f"{mode} lets only nullable fields go",
                        Rule.MISSING_FIELD,
                        name,
                    )
                )
            fields.append(field)
        else:
            type_ = _admit_type(field.type, other.type, mode, name)
            if mode == FORWARD and other.nullable and not field.nullable:
                why = (
                    f"field {name!r} is optional in the record and required in the files of this topic: FORWARD keeps "
                    "the files as they are"
                )
                raise SchemaRefusedError(Reason(why, Rule.TYPE_CHANGED, name))
            fields.append(pa.field(field.name, type_, field.nullable or other.nullable, field.metadata))
    if mode != FORWARD:
        fields.extend(field.with_nullable(True) for field in arriving.values())
    return pa.struct(fields)


def _admit_type(known: pa.DataType, new: pa.DataType, mode: str, path: str) -> pa.DataType:
    if known.equals(new):
        return known
    if pa.types.is_struct(known) and pa.types.is_struct(new):
        return _admit_struct(known, new, mode, f"{path}.")
    if pa.types.is_list(known) and pa.types.is_list(new):
        item, other = known.value_field, new.value_field
        type_ = _admit_type(item.type, other.type, mode, f"{path}[]")
        if mode == FORWARD and other.nullable and not item.nullable:
            why = (
                f"items of field {path!r} are optional in the record and required in the files of this topic: FORWARD "
                "keeps the files as they are"
            )
            raise SchemaRefusedError(Reason(why, Rule.TYPE_CHANGED, path))
        return pa.list_(pa.field(item.name, type_, item.nullable or other.nullable, item.metadata))
    if pa.types.is_null(new):
        return known
    if pa.types.is_null(known):
        # Nothing but nulls was seen of it: any type is what it was.
        return new
    if mode == FULL:
        raise _changed(path, known, new, "FULL keeps types as they are")
    if _holds(known, new):
        return known
    if _holds(new, known):
        if mode == FORWARD:
            raise _changed(path, known, new, "what was can not hold what is, and FORWARD keeps it")
        return new
    raise _changed(path, known, new, "neither can be promoted to the other")


def _changed(path: str, known: pa.DataType, new: pa.DataType, why: str) -> SchemaRefusedError:
    return SchemaRefusedError(Reason(f"field {path!r} is {new} and was {known}: {why}", Rule.TYPE_CHANGED, path))


def _holds(wide: pa.DataType, narrow: pa.DataType) -> bool:
    """Whether every value of a type is one of a wider type as well."""
    if wide in _WIDER.get(narrow, ()):
        return True
    return bool(
        pa.types.is_decimal(wide)
        and pa.types.is_decimal(narrow)
        and wide.scale == narrow.scale
        and wide.precision >= narrow.precision
    )


def _same_fields(left: pa.StructType, right: pa.StructType) -> bool:
    return bool(left.equals(right))
