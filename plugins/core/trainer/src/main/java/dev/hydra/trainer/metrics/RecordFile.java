package dev.hydra.trainer.metrics;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.zip.CRC32C;

/**
 * A new file of TFRecords: of each its length, a checksum of that, its bytes and a checksum of them
 * (TensorFlow, core/lib/io/record_writer.h).
 */
final class RecordFile implements Closeable {
  private static final int ROTATION = 15;
  private static final int MASK = 0xa282ead8;

  private final FileChannel channel;

  /** Makes the file. */
  RecordFile(Path file) throws IOException {
    channel = FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
  }

  /** Adds a record; it is in the file when this returns. */
  void add(byte[] data) throws IOException {
    ByteBuffer record =
        ByteBuffer.allocate(Long.BYTES + 2 * Integer.BYTES + data.length)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putLong(data.length);
    record
        .putInt(checksum(record.array(), Long.BYTES))
        .put(data)
        .putInt(checksum(data, data.length))
        .flip();
    while (record.hasRemaining()) {
      channel.write(record);
    }
  }

  /** A CRC-32C, masked, as a checksum of data that holds checksums would be weak. */
  private static int checksum(byte[] data, int length) {
    CRC32C sum = new CRC32C();
    sum.update(data, 0, length);
    return Integer.rotateRight((int) sum.getValue(), ROTATION) + MASK;
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
