package dev.hydra.libtorch.safetensors;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import dev.hydra.libtorch.io.DurableFiles;
import dev.hydra.libtorch.runtime.Tensors;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;

/** Writes safetensors files. */
public final class SafetensorsWriter {
  private static final int ALIGNMENT = 8;

  private SafetensorsWriter() {}

  /** Supplies the bytes of tensors. */
  @FunctionalInterface
  public interface Source {
    /** Writes all bytes of a tensor, and no more. */
    void write(TensorInfo tensor, WritableByteChannel file) throws IOException;
  }

  /**
   * Writes tensors to a file, one after the other, and returns when they are on the disk. The same
   * tensors in the same order give the same bytes. A file that is there is overwritten, and is not
   * a safetensors file until this returns: write beside it and rename where that matters.
   *
   * @param tensors by name, in the order that the file shall have; on any device, of any strides
   * @param metadata texts to go with them
   * @throws IllegalArgumentException if files cannot hold a tensor's type or name
   */
  public static void write(Path file, Map<String, Tensor> tensors, Map<String, String> metadata)
      throws IOException {
    Map<String, Tensor> byName = Map.copyOf(tensors);
    write(
        file,
        layout(tensors),
        metadata,
        (info, channel) -> {
          try (PointerScope scope = new PointerScope()) {
            Tensor tensor = Objects.requireNonNull(byName.get(info.name()));
            TensorBytes.write(channel, tensor.detach().cpu().contiguous());
          }
        });
  }

  /**
   * Writes tensors whose bytes come from elsewhere, as {@link #write(Path, Map, Map)} does.
   *
   * @param tensors in the order that the file shall have; their offsets do not matter
   * @param source asked for one tensor after the other
   * @throws IOException if the source gives another number of bytes than a tensor has
   */
  public static void write(
      Path file, List<TensorInfo> tensors, Map<String, String> metadata, Source source)
      throws IOException {
    List<TensorInfo> placed = place(tensors);
    ByteBuffer header = header(new Header(metadata, placed));
    try (FileChannel channel =
        FileChannel.open(
            file,
            StandardOpenOption.CREATE,
            StandardOpenOption.TRUNCATE_EXISTING,
            StandardOpenOption.WRITE)) {
      TensorBytes.write(channel, header);
      long start = channel.position();
      for (TensorInfo tensor : placed) {
        source.write(tensor, channel);
        if (channel.position() != start + tensor.end()) {
          throw new IOException(
              "%s: tensor \"%s\" has %d bytes, but %d were given"
                  .formatted(
                      file,
                      tensor.name(),
                      tensor.end() - tensor.begin(),
                      channel.position() - start - tensor.begin()));
        }
      }
    }
    DurableFiles.sync(file);
  }

  /** Places tensors one after the other. */
  private static List<TensorInfo> place(List<TensorInfo> tensors) {
    List<TensorInfo> placed = new ArrayList<>();
    long begin = 0;
    for (TensorInfo tensor : tensors) {
      if (tensor.name().equals(Header.METADATA)) {
        throw new IllegalArgumentException("no tensor may be called " + tensor.name());
      }
      long end = begin + Layout.bytes(tensor.dtype(), tensor.shape());
      placed.add(new TensorInfo(tensor.name(), tensor.dtype(), tensor.shape(), begin, end));
      begin = end;
    }
    return placed;
  }

  private static List<TensorInfo> layout(Map<String, Tensor> tensors) {
    List<TensorInfo> infos = new ArrayList<>();
    for (Map.Entry<String, Tensor> entry : tensors.entrySet()) {
      String name = entry.getKey();
      Tensor tensor = entry.getValue();
      DType dtype =
          DType.of(Tensors.type(tensor))
              .orElseThrow(
                  () ->
                      new IllegalArgumentException(
                          "tensor \"%s\" has type %s; safetensors files hold %s"
                              .formatted(
                                  name, Tensors.type(tensor), Arrays.toString(DType.values()))));
      List<Long> shape = Arrays.stream(Tensors.sizes(tensor)).boxed().toList();
      infos.add(TensorInfo.of(name, dtype, shape));
    }
    return infos;
  }

  /** Writes length and header, padded so that the tensors start at a multiple of the alignment. */
  private static ByteBuffer header(Header header) throws IOException {
    ByteArrayOutputStream json = new ByteArrayOutputStream();
    try (JsonGenerator generator = new JsonFactory().createGenerator(json)) {
      writeJson(header, generator);
    }
    while (json.size() % ALIGNMENT != 0) {
      json.write(' ');
    }
    if (json.size() > Header.LIMIT) {
      throw new IllegalArgumentException(
          "the header would take %d bytes; readers refuse more than %d"
              .formatted(json.size(), Header.LIMIT));
    }
    return ByteBuffer.allocate(ALIGNMENT + json.size())
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(json.size())
        .put(json.toByteArray())
        .flip();
  }

  private static void writeJson(Header header, JsonGenerator json) throws IOException {
    json.writeStartObject();
    if (!header.metadata().isEmpty()) {
      json.writeObjectFieldStart(Header.METADATA);
      for (Map.Entry<String, String> text : header.metadata().entrySet()) {
        json.writeStringField(text.getKey(), text.getValue());
      }
      json.writeEndObject();
    }
    for (TensorInfo tensor : header.tensors()) {
      json.writeObjectFieldStart(tensor.name());
      json.writeStringField("dtype", tensor.dtype().name());
      json.writeFieldName("shape");
      json.writeArray(tensor.sizes(), 0, tensor.shape().size());
      json.writeFieldName("data_offsets");
      json.writeArray(new long[] {tensor.begin(), tensor.end()}, 0, 2);
      json.writeEndObject();
    }
    json.writeEndObject();
  }
}
