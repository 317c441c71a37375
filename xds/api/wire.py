"""Just enough of the protobuf wire format to read file descriptors and to rename fields in them.

Field numbers are those of google/protobuf/descriptor.proto.
Format: https://protobuf.dev/programming-guides/encoding/
"""

# Words that became keywords in C++20; protoc 3.21 escapes only the older ones.
KEYWORDS = {b"requires", b"concept", b"char8_t", b"consteval", b"constinit", b"co_await", b"co_return", b"co_yield"}

FILE_NAME, FILE_DEPENDENCY, FILE_MESSAGE = 1, 3, 4
MESSAGE_FIELD, MESSAGE_NESTED = 2, 3
FIELD_NAME = 1


def file_name(file):
    return next(value for number, value in records(file) if number == FILE_NAME).decode()


def dependencies(file):
    return [value.decode() for number, value in records(file) if number == FILE_DEPENDENCY]


def rename_keyword_fields(file):
    """The same FileDescriptorProto with `requires` named `requires_`, and so on.

    The JSON name stays what it was: protobuf derives it from the name and drops underscores.
    """
    return rewrite(file, {FILE_MESSAGE: _rename_in_message})


def _rename_in_message(message):
    return rewrite(message, {MESSAGE_FIELD: _rename_field, MESSAGE_NESTED: _rename_in_message})


def _rename_field(descriptor):
    return rewrite(descriptor, {FIELD_NAME: lambda name: name + b"_" if name in KEYWORDS else name})


def rewrite(message, changes):
    """A copy of `message` in which each length-delimited field in `changes` went through its function."""
    out = bytearray()
    for number, value, raw in _scan(message):
        out += field(number, changes[number](value)) if number in changes else raw
    return bytes(out)


def records(message):
    """(field number, payload) of each length-delimited field."""
    return [(number, value) for number, value, _ in _scan(message) if value is not None]


def field(number, payload):
    """One length-delimited field."""
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _scan(message):
    """Yield (field number, payload or None when not length-delimited, the field's raw bytes)."""
    at = 0
    while at < len(message):
        start = at
        tag, at = _read_varint(message, at)
        kind, value = tag & 7, None
        if kind == 0:
            _, at = _read_varint(message, at)
        elif kind == 1:
            at += 8
        elif kind == 2:
            size, at = _read_varint(message, at)
            value = message[at:at + size]
            at += size
        elif kind == 5:
            at += 4
        else:
            raise ValueError(f"wire type {kind} at byte {start}")
        yield tag >> 3, value, message[start:at]


def _read_varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
