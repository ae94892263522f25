package dev.hydra.libtorch.safetensors;

import dev.hydra.libtorch.io.FileThreads;
import dev.hydra.libtorch.runtime.Tensors;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.Future;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.cuda.CUDAStream;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.bytedeco.pytorch.global.torch_cuda;
import org.jspecify.annotations.Nullable;

/**
 * Reads tensors of a file into tensors of other types or on other devices, piece by piece: threads
 * read ahead while the caller's converts, with LibTorch's. What is read ahead takes 8 MiB a thread,
 * whatever the size of the tensors; bytes that need no conversion are read to where they belong.
 *
 * <p>For CUDA it is read into pinned memory, from which the device copies and converts by itself,
 * as much as is read ahead at most.
 *
 * <p>Positions are read, not mapped: a file that is shortened meanwhile gives an exception, where a
 * mapped one would end the process.
 */
final class ParallelReading {
  private static final int PIECE = 4 << 20;

  private final FileChannel channel;
  private final FileThreads threads;
  private final Deque<Piece> ahead = new ArrayDeque<>();
  private final Deque<Tensor> spare = new ArrayDeque<>();

  /** What devices may still be copying: nothing is read into these buffers before they are done. */
  private final List<Copy> copying = new ArrayList<>();

  /**
   * A piece that is being read.
   *
   * @param target where it is to go, a row of elements
   * @param buffer the bytes that it is read into first; null where it is read to its target
   */
  private record Piece(
      Future<?> reading, DType type, Tensor target, @Nullable Tensor buffer, long bytes) {}

  /** A copy from a buffer that the CUDA device of a number has been told to make. */
  private record Copy(Tensor buffer, byte device) {}

  /** Creates a reading. What it makes goes into the scope round it, and lives as the threads do. */
  ParallelReading(FileChannel channel, FileThreads threads) {
    this.channel = channel;
    this.threads = threads;
  }

  /** Begins to read a tensor from a position of the file on; it is whole after {@link #finish}. */
  void add(DType type, long position, Tensor target) throws IOException {
    if (!target.is_contiguous()) {
      throw new IllegalArgumentException("a tensor to read into must be contiguous");
    }
    boolean direct = target.device().is_cpu() && Tensors.type(target) == type.type();
    Tensor row = target.detach().view(-1);
    long step = PIECE / type.bytes();
    for (long from = 0; from < row.numel(); from += step) {
      while (ahead.size() >= most()) {
        finishFirst();
      }
      long count = Math.min(step, row.numel() - from);
      long bytes = count * type.bytes();
      Tensor part = row.narrow(0, from, count);
      Tensor buffer = direct ? null : buffer(part.is_cuda());
      ByteBuffer memory = TensorBytes.piece(buffer == null ? part : buffer, 0, bytes);
      long at = position + from * type.bytes();
      Future<?> reading =
          threads.submit(
              () -> {
                TensorBytes.read(channel, at, memory);
                return null;
              });
      ahead.addLast(new Piece(reading, type, part, buffer, bytes));
    }
  }

  /** How many pieces are read ahead, and how many are being copied. */
  private int most() {
    return 2 * threads.count();
  }

  private Tensor buffer(boolean pinned) {
    if (copying.size() >= most()) {
      awaitCopies();
    }
    Tensor known = spare.pollFirst();
    if (known != null) {
      return known;
    }
    try (TensorOptions options = new TensorOptions(ScalarType.Byte)) {
      Tensor made = torch.empty(new long[] {PIECE}, options, null);
      if (!pinned) {
        return made;
      }
      try (made) {
        return made.pin_memory();
      }
    }
  }

  private void finishFirst() throws IOException {
    Piece piece = ahead.removeFirst();
    FileThreads.result(piece.reading());
    Tensor buffer = piece.buffer();
    if (buffer != null) {
      Tensor target = piece.target();
      Tensor read = buffer.narrow(0, 0, piece.bytes()).view(piece.type().type());
      target.copy_(read, target.is_cuda());
      if (target.is_cuda()) {
        copying.add(new Copy(buffer, target.device().index()));
      } else {
        spare.addLast(buffer);
      }
    }
  }

  private void awaitCopies() {
    for (Copy copy : copying) {
      try (CUDAStream stream = torch_cuda.getCurrentCUDAStream(copy.device())) {
        stream.synchronize();
      }
      spare.addLast(copy.buffer());
    }
    copying.clear();
  }

  /** Waits until all is read, and where it belongs. */
  void finish() throws IOException {
    while (!ahead.isEmpty()) {
      finishFirst();
    }
    awaitCopies();
  }
}
