package dev.hydra.huggingface;

import dev.hydra.libtorch.io.Sha256;
import dev.hydra.libtorch.safetensors.DType;
import dev.hydra.libtorch.safetensors.SafetensorsWriter;
import dev.hydra.libtorch.safetensors.TensorInfo;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/** Moves the bytes of tensors from files to a file, cut and named as mappings say. */
final class Transfer {
  private static final Set<DType> FLOATS = Set.of(DType.F64, DType.F32, DType.BF16, DType.F16);
  private static final String ROTARY_TABLE = ".rotary_emb.inv_freq";

  /** A tensor to write: its first byte is so many bytes into what its mapping reads. */
  private record Target(Mapping mapping, DType dtype, long offset) {}

  private final Shards from;
  private final Map<String, Target> targets = new HashMap<>();
  private final List<TensorInfo> order = new ArrayList<>();

  /**
   * Checks everything that can be checked without reading tensors.
   *
   * @param where the files, for messages
   * @throws IOException naming the tensors that are missing, too many, or of a wrong shape or type
   */
  Transfer(List<Mapping> mappings, Shards from, Set<String> optional, String where)
      throws IOException {
    this.from = from;
    Problems problems = new Problems();
    Set<String> read = new HashSet<>(optional);
    for (Mapping mapping : mappings) {
      mapping.from().forEach(cut -> read.add(cut.name()));
      if (check(mapping, problems)) {
        place(mapping);
      }
    }
    for (String name : from.tensors().keySet()) {
      if (!read.contains(name) && !name.endsWith(ROTARY_TABLE)) {
        problems.add("not in the model", name);
      }
    }
    problems.throwIfAny(where + " does not fit the configuration");
  }

  private boolean check(Mapping mapping, Problems problems) {
    Set<DType> types = new HashSet<>();
    boolean good = true;
    for (TensorCut cut : mapping.from()) {
      TensorInfo info = from.tensor(cut.name()).orElse(null);
      if (info == null) {
        problems.add("missing", cut.name());
        good = false;
        continue;
      }
      types.add(info.dtype());
      if (!info.shape().equals(cut.shape())) {
        problems.add("of another shape", cut.name() + " " + info.shape() + " for " + cut.shape());
        good = false;
      }
      if (!FLOATS.contains(info.dtype())) {
        problems.add(
            "of another type than F32, BF16, F16 and F64", cut.name() + " " + info.dtype());
        good = false;
      }
    }
    if (good && types.size() > 1) {
      problems.add("of different types, but kept together", mapping.from().get(0).name());
      good = false;
    }
    return good;
  }

  private void place(Mapping mapping) {
    DType dtype = from.tensor(mapping.from().get(0).name()).orElseThrow().dtype();
    long offset = 0;
    for (TensorCut cut : mapping.to()) {
      TensorInfo info = TensorInfo.of(cut.name(), dtype, cut.shape());
      order.add(info);
      targets.put(cut.name(), new Target(mapping, dtype, offset));
      offset += info.end();
    }
  }

  /** The tensors that will be written. */
  List<TensorInfo> tensors() {
    return List.copyOf(order);
  }

  /** Puts the largest types first, and names in order, as the reference library does. */
  void sort() {
    List<DType> sizes = List.of(DType.F64, DType.F32, DType.BF16, DType.F16);
    order.sort(
        Comparator.comparingInt((TensorInfo info) -> sizes.indexOf(info.dtype()))
            .thenComparing(TensorInfo::name));
  }

  /** Writes the file, one tensor after the other. */
  void write(Path file, Map<String, String> metadata, Progress progress) throws IOException {
    long total = order.stream().mapToLong(TensorInfo::end).sum();
    long[] done = {0};
    SafetensorsWriter.write(
        file,
        order,
        metadata,
        (tensor, channel) -> {
          Target target = Objects.requireNonNull(targets.get(tensor.name()));
          long bytes = tensor.end() - tensor.begin();
          copy(target, target.offset(), target.offset() + bytes, channel);
          done[0] += bytes;
          progress.moved(done[0], total);
        });
  }

  /** Copies a range of what a mapping reads, tensor by tensor. */
  private void copy(Target target, long begin, long end, WritableByteChannel to)
      throws IOException {
    long start = 0;
    for (TensorCut cut : target.mapping().from()) {
      long bytes = cut.elements() * target.dtype().bytes();
      long first = Math.max(begin, start);
      long last = Math.min(end, start + bytes);
      if (first < last) {
        from.copy(cut.name(), first - start, last - first, to);
      }
      start += bytes;
    }
  }

  /**
   * Checks that two tensors of the files hold the same.
   *
   * @param where the folder of the files, for messages
   * @throws IOException if not
   */
  static void requireEqual(Path where, Shards files, String name, String other) throws IOException {
    if (!digest(files, name).equals(digest(files, other))) {
      throw new IOException(
          "%s: %s differs from %s, but tie_word_embeddings says that they are one"
              .formatted(where, name, other));
    }
  }

  private static String digest(Shards files, String name) throws IOException {
    TensorInfo info = files.tensor(name).orElseThrow();
    long size = info.end() - info.begin();
    String bytes = Sha256.of(out -> files.copy(name, 0, size, Channels.newChannel(out)));
    return info.dtype() + " " + info.shape() + " " + bytes;
  }
}
