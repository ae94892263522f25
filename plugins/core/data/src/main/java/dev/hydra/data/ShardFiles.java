package dev.hydra.data;

import dev.hydra.libtorch.io.DurableFiles;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.IntBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;

/**
 * The two files of a shard: its tokens, and where documents end in it, int32 little-endian, in
 * tokens from the shard's first.
 */
record ShardFiles(Path tokens, Path ends) {
  /** What a shard holds. */
  record Sizes(long tokens, long documents) {}

  /** Names the files of a shard in a folder. */
  static ShardFiles of(Path folder, int number) {
    String name = String.format(Locale.ROOT, "shard-%05d", number);
    return new ShardFiles(folder.resolve(name + ".bin"), folder.resolve(name + ".ends"));
  }

  /** Returns what the shard holds, if it is there. */
  Optional<Sizes> sizes(ShardFormat format) throws IOException {
    if (!Files.isRegularFile(tokens) || !Files.isRegularFile(ends)) {
      return Optional.empty();
    }
    return Optional.of(
        new Sizes(Files.size(tokens) / format.width(), Files.size(ends) / Integer.BYTES));
  }

  /** Says whether the shard is there and as long as it should be. */
  boolean hold(Sizes sizes, ShardFormat format) throws IOException {
    return Files.isRegularFile(tokens)
        && Files.isRegularFile(ends)
        && Files.size(tokens) == sizes.tokens() * format.width()
        && Files.size(ends) == sizes.documents() * Integer.BYTES;
  }

  void delete() throws IOException {
    Files.deleteIfExists(tokens);
    Files.deleteIfExists(ends);
  }

  /** Adds where documents end to those of the shards before. */
  void addEnds(long before, DocumentEnds into) throws IOException {
    IntBuffer each =
        ByteBuffer.wrap(Files.readAllBytes(ends)).order(ByteOrder.LITTLE_ENDIAN).asIntBuffer();
    while (each.hasRemaining()) {
      into.add(before + each.get());
    }
  }

  /** Writes the shard; its tokens come last, so that where they are, all is there. */
  void write(ByteArrayOutputStream newTokens, DocumentEnds newEnds) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(Integer.BYTES * newEnds.count());
    bytes.order(ByteOrder.LITTLE_ENDIAN);
    newEnds.forEach(end -> bytes.putInt(Math.toIntExact(end)));
    write(ends, bytes.array());
    write(tokens, newTokens.toByteArray());
  }

  private static void write(Path file, byte[] content) throws IOException {
    Path side = file.resolveSibling(file.getFileName() + ".tmp");
    try {
      Files.write(side, content);
      DurableFiles.sync(side);
      DurableFiles.replace(side, file);
    } finally {
      Files.deleteIfExists(side);
    }
  }
}
