package dev.hydra.libtorch.safetensors;

import dev.hydra.api.Names;
import dev.hydra.libtorch.io.FileThreads;
import dev.hydra.libtorch.io.PieceChecksums;
import dev.hydra.libtorch.runtime.Tensors;
import java.io.Closeable;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.MemoryFormatOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;

/**
 * A safetensors file, open for reading: eight bytes with the length of a header in JSON, the
 * header, the bytes of the tensors. Opening checks the header completely against the file; tensors
 * are read one at a time. Files may be of any size.
 *
 * @see <a href="https://huggingface.co/docs/safetensors">The format</a>
 */
public final class SafetensorsFile implements Closeable {
  private static final int LENGTH_BYTES = 8;

  /** The bytes that such a pointer begins with, in the place of the length. */
  private static final byte[] LFS_POINTER = "version ".getBytes(StandardCharsets.US_ASCII);

  private final Path file;
  private final FileChannel channel;
  private final long dataStart;
  private final Header header;
  private final Map<String, TensorInfo> byName = new LinkedHashMap<>();

  private SafetensorsFile(Path file, FileChannel channel, long dataStart, Header header) {
    this.file = file;
    this.channel = channel;
    this.dataStart = dataStart;
    this.header = header;
    header.tensors().forEach(tensor -> byName.put(tensor.name(), tensor));
  }

  /**
   * Opens a file and checks its header.
   *
   * @throws SafetensorsException if it breaks a rule of the format
   * @throws IOException if it cannot be read
   */
  public static SafetensorsFile open(Path file) throws IOException {
    FileChannel channel = FileChannel.open(file, StandardOpenOption.READ);
    try {
      int length = headerLength(channel);
      ByteBuffer bytes = ByteBuffer.allocate(length);
      TensorBytes.read(channel, LENGTH_BYTES, bytes);
      Header header = HeaderParser.parse(bytes.flip());
      long dataStart = LENGTH_BYTES + (long) length;
      Layout.check(header.tensors(), channel.size() - dataStart);
      return new SafetensorsFile(file, channel, dataStart, header);
    } catch (MalformedHeaderException e) {
      channel.close();
      throw new SafetensorsException(file, e.problem, e);
    } catch (IOException | RuntimeException | Error e) {
      channel.close();
      throw e;
    }
  }

  /** Reads the length of the header, believed only if the file has that many bytes. */
  private static int headerLength(FileChannel channel)
      throws IOException, MalformedHeaderException {
    long available = channel.size() - LENGTH_BYTES;
    if (available < 0) {
      throw new MalformedHeaderException("the file is too short for a safetensors file");
    }
    ByteBuffer bytes = ByteBuffer.allocate(LENGTH_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    TensorBytes.read(channel, 0, bytes);
    if (Arrays.equals(bytes.array(), LFS_POINTER)) {
      throw new MalformedHeaderException(
          "this is not the file, but what Git LFS leaves in its place; fetch it: git lfs pull");
    }
    long length = bytes.getLong(0);
    if (length < 0 || length > Header.LIMIT) {
      throw new MalformedHeaderException(
          "the header claims %s bytes; more than %d are refused"
              .formatted(Long.toUnsignedString(length), Header.LIMIT));
    }
    if (length > available) {
      throw new MalformedHeaderException(
          "the header claims %d bytes, but the file has only %d there"
              .formatted(length, available));
    }
    return (int) length;
  }

  /** Returns the tensors, in the order of the header. */
  public List<TensorInfo> tensors() {
    return header.tensors();
  }

  /** Returns the texts that the file carries beside its tensors, in the order of the header. */
  public Map<String, String> metadata() {
    return header.metadata();
  }

  /**
   * Reads a tensor into memory of its own on the CPU. It belongs to the scope round this call.
   *
   * @throws SafetensorsException if the file has no such tensor
   * @throws IOException if it cannot be read, or was shortened since it was opened
   */
  public Tensor read(String name) throws IOException {
    TensorInfo info = info(name);
    try (TensorOptions options = new TensorOptions(info.dtype().type());
        MemoryFormatOptional contiguous = new MemoryFormatOptional()) {
      Tensor tensor = torch.empty(info.sizes(), options, contiguous);
      TensorBytes.read(channel, dataStart + info.begin(), tensor);
      return tensor;
    }
  }

  /**
   * Reads tensors into others of the same shapes, converted to their types: several threads read,
   * LibTorch's convert. No gradient is recorded.
   *
   * @param targets what to read into, by name; contiguous, on any device, freed by none meanwhile
   * @throws SafetensorsException if the file has no such tensor
   * @throws IllegalArgumentException if one has another shape; nothing is read then
   * @throws IOException if it cannot be read, or was shortened since it was opened; some are read
   */
  public void read(Map<String, Tensor> targets) throws IOException {
    List<TensorInfo> inOrder = new ArrayList<>();
    for (Map.Entry<String, Tensor> each : targets.entrySet()) {
      TensorInfo info = info(each.getKey());
      long[] sizes = Tensors.sizes(each.getValue());
      if (!Arrays.equals(info.sizes(), sizes)) {
        throw new IllegalArgumentException(
            "tensor \"%s\" has shape %s in %s, not %s"
                .formatted(info.name(), info.shape(), file, Arrays.toString(sizes)));
      }
      inOrder.add(info);
    }
    inOrder.sort(Comparator.comparingLong(TensorInfo::begin));
    try (PointerScope scope = new PointerScope();
        FileThreads threads = new FileThreads(torch.get_num_threads())) {
      ParallelReading reading = new ParallelReading(channel, threads);
      for (TensorInfo info : inOrder) {
        Tensor target = Objects.requireNonNull(targets.get(info.name()));
        reading.add(info.dtype(), dataStart + info.begin(), target);
      }
      reading.finish();
    }
  }

  /** Returns where the header and some tensors stand in the file. */
  public List<PieceChecksums.Range> ranges(Collection<String> names) throws SafetensorsException {
    List<PieceChecksums.Range> ranges = new ArrayList<>();
    ranges.add(new PieceChecksums.Range(0, dataStart));
    for (String name : names) {
      TensorInfo info = info(name);
      ranges.add(new PieceChecksums.Range(dataStart + info.begin(), dataStart + info.end()));
    }
    return ranges;
  }

  /**
   * Copies some of a tensor's bytes as they are, without LibTorch.
   *
   * @param from the first byte, counted from the tensor's first
   * @param count how many
   * @throws SafetensorsException if the file has no such tensor
   * @throws IndexOutOfBoundsException if the tensor has no such bytes
   * @throws IOException if they cannot be read or written
   */
  public void copy(String name, long from, long count, WritableByteChannel to) throws IOException {
    TensorInfo info = info(name);
    Objects.checkFromIndexSize(from, count, info.end() - info.begin());
    long position = dataStart + info.begin() + from;
    for (long done = 0; done < count; ) {
      long moved = channel.transferTo(position + done, count - done, to);
      if (moved == 0 && position + done >= channel.size()) {
        throw new EOFException(file + ": the file ends at byte " + (position + done));
      }
      done += moved;
    }
  }

  private TensorInfo info(String name) throws SafetensorsException {
    TensorInfo info = byName.get(name);
    if (info == null) {
      throw new SafetensorsException(file, Names.unknown("tensor", name, byName.keySet()));
    }
    return info;
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
