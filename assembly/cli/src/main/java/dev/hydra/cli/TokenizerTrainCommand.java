package dev.hydra.cli;

import dev.hydra.cli.common.UsageException;
import dev.hydra.data.CorpusException;
import dev.hydra.data.LinePieces;
import dev.hydra.data.TextReader;
import dev.hydra.data.bpe.BpeTrainer;
import dev.hydra.data.bpe.WordCounts;
import dev.hydra.libtorch.io.DurableFiles;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicReference;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Learns a tokenizer from texts. */
@Command(
    name = "train",
    description = {
      "Learns a byte-level BPE tokenizer from text files (plain, gzip, zstd) and writes it as"
          + " tokenizer.json, which Hugging Face tokenizers read too.",
      "Use it by data.tokenizer { type = hf, file = tokenizer.json }, model.vocab-size = tokenizer."
    },
    mixinStandardHelpOptions = true)
@SuppressWarnings("NullAway.Init") // fields are set by picocli
final class TokenizerTrainCommand implements Callable<Integer> {
  private static final long REWRITE_NANOS = Duration.ofMillis(200).toNanos();
  private static final double MEGA = 1e6;

  @Spec private CommandSpec spec;

  @Option(
      names = "--vocab",
      required = true,
      paramLabel = "N",
      description = "The number of tokens, at least 257.")
  private int vocab;

  @Option(
      names = "--out",
      paramLabel = "FILE",
      description = "The file to write (default: ${DEFAULT-VALUE}).")
  private Path out = Path.of("tokenizer.json");

  @Parameters(paramLabel = "FILES", arity = "1..*", description = "The texts to learn from.")
  private List<Path> files;

  private long read;
  private long shownAt;

  @Override
  public Integer call() throws IOException {
    if (vocab < BpeTrainer.SMALLEST) {
      throw new UsageException("--vocab must be at least " + BpeTrainer.SMALLEST);
    }
    if (Files.exists(out)) {
      throw new UsageException(out + " is there already; name another file with --out");
    }
    for (Path file : files) {
      if (!Files.exists(file)) {
        throw new UsageException("there is no file " + file);
      }
      if (Files.isDirectory(file)) {
        throw new UsageException(
            file + " is a folder; name the files to learn from, such as " + file + "/*.txt");
      }
    }
    WordCounts words = count();
    if (read == 0) {
      throw new UsageException("there is no text in " + files);
    }
    int[] found = {0};
    String text =
        BpeTrainer.train(
            words,
            vocab,
            merges -> {
              found[0] = merges;
              show(String.format("%,d of %,d tokens", merges, vocab), false);
            });
    show("", true);
    Path folder = out.toAbsolutePath().getParent();
    if (folder != null) {
      Files.createDirectories(folder);
    }
    DurableFiles.write(out, text);
    PrintWriter screen = spec.commandLine().getOut();
    int size = BpeTrainer.SMALLEST + found[0];
    screen.printf("%s: %,d tokens from %,.1f MB of text%n", out, size, read / MEGA);
    if (size < vocab) {
      spec.commandLine()
          .getErr()
          .println("warning: the text is too small for " + vocab + " tokens: nothing comes twice");
    }
    return 0;
  }

  /** Counts the words of all files, on all processors, and never holds more than a few pieces. */
  private WordCounts count() throws IOException {
    WordCounts words = new WordCounts();
    int threads = Runtime.getRuntime().availableProcessors();
    ExecutorService workers = Executors.newFixedThreadPool(threads);
    Semaphore room = new Semaphore(2 * threads);
    AtomicReference<Throwable> failure = new AtomicReference<>();
    try {
      for (Path file : files) {
        LinePieces pieces =
            new LinePieces(
                text -> {
                  room.acquireUninterruptibly();
                  Future<?> unused =
                      workers.submit(
                          () -> {
                            try {
                              words.add(new String(text, StandardCharsets.UTF_8));
                            } catch (RuntimeException | Error e) {
                              failure.compareAndSet(null, e);
                            } finally {
                              room.release();
                            }
                          });
                });
        TextReader.read(
            file,
            piece -> {
              read += piece.length;
              show(String.format("%,.0f MB read", read / MEGA), false);
              pieces.add(piece);
            });
        pieces.end();
      }
      room.acquireUninterruptibly(2 * threads);
    } catch (CorpusException e) {
      throw new IOException(e.getMessage(), e);
    } finally {
      workers.shutdownNow();
    }
    if (failure.get() != null) {
      throw new IllegalStateException("words cannot be counted", failure.get());
    }
    return words;
  }

  private void show(String line, boolean last) {
    long now = System.nanoTime();
    if (!Boolean.getBoolean("hydra.terminal") || (!last && now - shownAt < REWRITE_NANOS)) {
      return;
    }
    shownAt = now;
    PrintWriter screen = spec.commandLine().getErr();
    screen.print("\r\u001b[K" + line);
    screen.flush();
  }
}
