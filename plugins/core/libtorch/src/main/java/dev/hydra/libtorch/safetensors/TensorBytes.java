package dev.hydra.libtorch.safetensors;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.pytorch.Tensor;

/**
 * Moves the bytes of contiguous CPU tensors from and to files, without a copy in between. Piece by
 * piece, because a Java buffer ends at 2 GiB. Files and all supported CPUs are little-endian.
 */
final class TensorBytes {
  private static final int PIECE = 16 << 20;

  private TensorBytes() {}

  /** Fills a tensor from a position of a file on. */
  static void read(FileChannel channel, long position, Tensor tensor) throws IOException {
    long bytes = tensor.nbytes();
    for (long done = 0; done < bytes; done += PIECE) {
      read(channel, position + done, piece(tensor, done, Math.min(done + PIECE, bytes)));
    }
  }

  /** Fills a buffer from a position of a file on. */
  static void read(FileChannel channel, long position, ByteBuffer buffer) throws IOException {
    long start = position - buffer.position();
    while (buffer.hasRemaining()) {
      if (channel.read(buffer, start + buffer.position()) < 0) {
        throw new EOFException("the file ends at byte " + (start + buffer.position()));
      }
    }
  }

  /** Appends a tensor to a file. */
  static void write(WritableByteChannel channel, Tensor tensor) throws IOException {
    long bytes = tensor.nbytes();
    for (long done = 0; done < bytes; done += PIECE) {
      write(channel, piece(tensor, done, Math.min(done + PIECE, bytes)));
    }
  }

  /** Appends a buffer to a file. */
  static void write(WritableByteChannel channel, ByteBuffer buffer) throws IOException {
    while (buffer.hasRemaining()) {
      channel.write(buffer);
    }
  }

  /** Returns the memory of a tensor between two bytes, which is freed with the tensor. */
  static ByteBuffer piece(Tensor tensor, long from, long to) {
    try (BytePointer pointer = new BytePointer(tensor.data_ptr())) {
      return pointer.position(from).limit(to).asBuffer();
    }
  }
}
