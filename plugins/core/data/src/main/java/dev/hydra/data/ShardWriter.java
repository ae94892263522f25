package dev.hydra.data;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.IntConsumer;
import java.util.function.LongConsumer;

/**
 * Makes tokens of a text on all processors. The text is cut into shards of about the same size,
 * each of which is made by one thread, written to the side and moved into place when it is on the
 * disk; one that is there already is not made again.
 */
final class ShardWriter {
  /** Bytes of text in a shard; a few of them are in memory at a time. */
  private static final long SHARD = 16L << 20;

  /** What the making of a shard needs, in its sizes: the text, and tokens in a growing array. */
  private static final long COPIES = 6;

  private final Path folder;
  private final ShardFormat format;
  private final Tokenizer tokenizer;
  private final LongConsumer progress;
  private final List<Future<ShardFiles.Sizes>> shards = new ArrayList<>();
  private final int threads = threads();
  private List<PieceSink.Piece> pieces = new ArrayList<>();
  private long size;
  private long read;

  ShardWriter(Path folder, ShardFormat format, Tokenizer tokenizer, LongConsumer progress) {
    this.folder = folder;
    this.format = format;
    this.tokenizer = tokenizer;
    this.progress = progress;
  }

  /** As many as there are processors, and no more than the heap has room for. */
  private static int threads() {
    Runtime runtime = Runtime.getRuntime();
    long room = runtime.maxMemory() / (COPIES * SHARD);
    return (int) Math.max(1, Math.min(runtime.availableProcessors(), room));
  }

  /** Writes all shards of a text and returns what each holds. */
  List<ShardFiles.Sizes> write(Source source) throws IOException {
    ExecutorService workers = Executors.newFixedThreadPool(threads);
    try {
      PieceSink sink = new PieceSink(piece -> add(piece, workers));
      source.read(sink);
      sink.end();
      if (!pieces.isEmpty()) {
        shard(workers);
      }
      List<ShardFiles.Sizes> sizes = new ArrayList<>();
      for (Future<ShardFiles.Sizes> each : shards) {
        sizes.add(result(each));
      }
      return sizes;
    } catch (UncheckedIOException e) {
      throw e.getCause();
    } finally {
      workers.shutdownNow();
    }
  }

  private void add(PieceSink.Piece piece, ExecutorService workers) {
    pieces.add(piece);
    size += piece.size();
    if (size >= SHARD) {
      shard(workers);
    }
  }

  private void shard(ExecutorService workers) {
    List<PieceSink.Piece> own = pieces;
    int number = shards.size();
    shards.add(workers.submit(() -> make(own, number)));
    pieces = new ArrayList<>();
    read += size;
    size = 0;
    progress.accept(read);
    // No more text in memory than the workers need.
    if (number >= threads) {
      try {
        ShardFiles.Sizes unused = result(shards.get(number - threads));
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  private static ShardFiles.Sizes result(Future<ShardFiles.Sizes> shard) throws IOException {
    try {
      return shard.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while the text was made tokens", e);
    } catch (ExecutionException e) {
      if (e.getCause() instanceof IOException cause) {
        throw cause;
      }
      throw new IllegalStateException("a piece of the text cannot be encoded", e.getCause());
    }
  }

  private ShardFiles.Sizes make(List<PieceSink.Piece> own, int number) throws IOException {
    ShardFiles files = ShardFiles.of(folder, number);
    Optional<ShardFiles.Sizes> known = files.sizes(format);
    if (known.isPresent()) {
      return known.get();
    }
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    DocumentEnds ends = new DocumentEnds();
    IntConsumer tokens = format.writer(bytes);
    for (PieceSink.Piece piece : own) {
      piece.encode(tokenizer, tokens);
      if (piece.endsDocument()) {
        ends.add(bytes.size() / format.width());
      }
    }
    files.write(bytes, ends);
    return new ShardFiles.Sizes(bytes.size() / format.width(), ends.count());
  }
}
