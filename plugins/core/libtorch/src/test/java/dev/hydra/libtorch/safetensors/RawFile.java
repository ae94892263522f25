package dev.hydra.libtorch.safetensors;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** Makes files byte by byte, wrong ones too. */
final class RawFile {
  private RawFile() {}

  /** A file with a correct length, the header as given, and zeros as data. */
  static byte[] bytes(String header, int data) {
    return bytes(header.getBytes(StandardCharsets.UTF_8), data);
  }

  static byte[] bytes(byte[] header, int data) {
    return claiming(header.length, header, data);
  }

  /** A file whose length field says something of its own. */
  static byte[] claiming(long length, byte[] header, int data) {
    return ByteBuffer.allocate(8 + header.length + data)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(length)
        .put(header)
        .array();
  }

  static Path in(Path folder, byte[] bytes) throws IOException {
    return Files.write(folder.resolve("raw.safetensors"), bytes);
  }
}
