"""A tiny ONNX file, written field by field: the mean of each channel (onnx.proto, version 3)."""

from __future__ import annotations


def _varint(number: int) -> bytes:
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def _field(number: int, content: bytes | str | int) -> bytes:
    if isinstance(content, int):
        return _varint(number << 3) + _varint(content)
    data = content.encode() if isinstance(content, str) else content
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _tensor(name: str, shape: list[int | str]) -> bytes:
    """ValueInfoProto of float32."""
    sizes = (_field(1 if isinstance(size, int) else 2, size) for size in shape)
    dims = b"".join(_field(1, size) for size in sizes)
    return _field(1, name) + _field(2, _field(1, _field(1, 1) + _field(2, dims)))


def mean_colours(side: int) -> bytes:
    """A network from (batch, 3, side, side) to (batch, 3, 1, 1)."""
    node = _field(1, "x") + _field(2, "y") + _field(4, "GlobalAveragePool")
    graph = _field(1, node) + _field(2, "colours")
    graph += _field(11, _tensor("x", ["batch", 3, side, side]))
    graph += _field(12, _tensor("y", ["batch", 3, 1, 1]))
    return _field(1, 8) + _field(7, graph) + _field(8, _field(2, 13))
