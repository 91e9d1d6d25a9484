"""Files of types that many schemas import: Confluent's decimals, Google's dates."""

from __future__ import annotations

import functools
from importlib.resources import files
from typing import Final

DECIMAL_FILE: Final = "confluent/type/decimal.proto"
META_FILE: Final = "confluent/meta.proto"
DATE_FILE: Final = "google/type/date.proto"
TIME_FILE: Final = "google/type/timeofday.proto"

_DECIMAL = """syntax = "proto3";
package confluent.type;
option go_package = "../type";
option java_package = "io.confluent.protobuf.type";

message Decimal {
  bytes value = 1;
  uint32 precision = 2;
  int32 scale = 3;
}
"""
_META = """syntax = "proto3";
package confluent;

import "google/protobuf/descriptor.proto";

option go_package = "../confluent";
option java_package = "io.confluent.protobuf";

message Meta {
  string doc = 1;
  map<string, string> params = 2;
  repeated string tags = 3;
}

extend google.protobuf.FileOptions {
  Meta file_meta = 1088;
}
extend google.protobuf.MessageOptions {
  Meta message_meta = 1088;
}
extend google.protobuf.FieldOptions {
  Meta field_meta = 1088;
}
extend google.protobuf.EnumOptions {
  Meta enum_meta = 1088;
}
extend google.protobuf.EnumValueOptions {
  Meta enum_value_meta = 1088;
}
"""


@functools.cache
def known_files() -> dict[str, str]:
    """The text of each file, by the path it is imported by."""
    google = files("google.type")
    return {
        META_FILE: _META,
        DECIMAL_FILE: _DECIMAL,
        DATE_FILE: google.joinpath("date.proto").read_text(encoding="utf-8"),
        TIME_FILE: google.joinpath("timeofday.proto").read_text(encoding="utf-8"),
    }
