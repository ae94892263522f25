package dev.hydra.trainer.metrics;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** A message in the wire format of Protocol Buffers, field by field (protobuf.dev, Encoding). */
final class ProtobufMessage {
  private static final int VARINT = 0;
  private static final int FIXED64 = 1;
  private static final int LENGTH = 2;
  private static final int FIXED32 = 5;
  private static final int TYPE_BITS = 3;
  private static final int VARINT_BITS = 7;
  private static final long MORE = 0x80;

  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

  /** Adds an integer: int32, int64 or an enum. */
  ProtobufMessage integer(int field, long value) {
    key(field, VARINT);
    varint(value);
    return this;
  }

  /** Adds a double. */
  ProtobufMessage decimal(int field, double value) {
    key(field, FIXED64);
    bytes.writeBytes(little(Double.BYTES).putDouble(value).array());
    return this;
  }

  /** Adds a float. */
  ProtobufMessage single(int field, float value) {
    key(field, FIXED32);
    bytes.writeBytes(little(Float.BYTES).putFloat(value).array());
    return this;
  }

  /** Adds a text, in UTF-8. */
  ProtobufMessage text(int field, String value) {
    return field(field, value.getBytes(StandardCharsets.UTF_8));
  }

  /** Adds a message. */
  ProtobufMessage message(int field, ProtobufMessage value) {
    return field(field, value.bytes());
  }

  /** Returns the encoded message. */
  byte[] bytes() {
    return bytes.toByteArray();
  }

  private ProtobufMessage field(int field, byte[] value) {
    key(field, LENGTH);
    varint(value.length);
    bytes.writeBytes(value);
    return this;
  }

  private void key(int field, int type) {
    varint(((long) field << TYPE_BITS) | type);
  }

  private void varint(long value) {
    long left = value;
    while (Long.compareUnsigned(left, MORE) >= 0) {
      bytes.write((int) ((left & (MORE - 1)) | MORE));
      left >>>= VARINT_BITS;
    }
    bytes.write((int) left);
  }

  private static ByteBuffer little(int size) {
    return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
  }
}
