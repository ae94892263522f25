package dev.hydra.trainer.run;

import dev.hydra.libtorch.io.DurableFiles;
import dev.hydra.libtorch.io.UnusableFolderException;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The folder of a run: {@code config.conf} (resolved), {@code metrics.jsonl}, {@code
 * journal.jsonl}, {@code checkpoints/step-NNNNNN/} and the files of the tokenizer with the chat
 * template, {@code tokenizer/}.
 */
public record RunFolder(Path path) {
  private static final Pattern CHECKPOINT = Pattern.compile("step-\\d{6,}");

  /** Says whether a run has left checkpoints in it. */
  public boolean used() throws IOException {
    return !checkpoints().isEmpty();
  }

  /** Returns the resolved configuration of the run. */
  public Path config() {
    return path.resolve("config.conf");
  }

  /**
   * Returns the configuration to resume with: that of the latest intact checkpoint, as swaps of
   * components may have changed it since the run began.
   */
  public Path resumeConfig() throws IOException {
    return latestIntact(damaged -> {})
        .map(checkpoint -> checkpoint.file(Checkpoint.CONFIG))
        .orElse(config());
  }

  /**
   * Returns the metrics file: one object per logged step, with at least {@code step} and {@code
   * loss}.
   */
  public Path metrics() {
    return path.resolve("metrics.jsonl");
  }

  /**
   * Returns the journal file: one object per event: start, resume, checkpoint, swap, warning, end.
   */
  public Path journal() {
    return path.resolve("journal.jsonl");
  }

  /**
   * Returns the folder with the files of the run's tokenizer, where there are any, and the chat
   * template that its conversations were written with.
   */
  public Path tokenizer() {
    return path.resolve("tokenizer");
  }

  /** Returns the folder of its checkpoints. */
  public Path checkpointsFolder() {
    return path.resolve("checkpoints");
  }

  /** Returns the folder of the checkpoint after a step. */
  public Path checkpoint(long step) {
    return checkpointsFolder().resolve(String.format(Locale.ROOT, "step-%06d", step));
  }

  /**
   * Makes a folder that no other process has, by a name or with {@code -2}, {@code -3} and so on
   * after it.
   *
   * @param above the folder to make it in, which is made as well
   * @throws IOException with a message for users
   */
  public static RunFolder unused(Path above, String name) throws IOException {
    for (int i = 1; ; i++) {
      Path path = above.resolve(i == 1 ? name : name + "-" + i);
      try {
        Files.createDirectories(above);
      } catch (IOException e) {
        throw unusable(path, e);
      }
      try {
        return new RunFolder(Files.createDirectory(path)); // of two processes it fails in one
      } catch (FileAlreadyExistsException taken) {
        // the next one, then
      } catch (IOException e) {
        throw unusable(path, e);
      }
    }
  }

  private static IOException unusable(Path path, IOException e) {
    return new UnusableFolderException("the run folder", path, "--run-dir", e);
  }

  /**
   * Makes the folder and checks that it can be written to.
   *
   * @throws IOException with a message for users
   */
  public void create() throws IOException {
    try {
      Files.createDirectories(checkpointsFolder());
      Files.delete(Files.createTempFile(path, ".writable-", ""));
      for (Path left : list(name -> name.startsWith(Checkpoint.INCOMPLETE))) {
        DurableFiles.delete(left); // of a process that was killed
      }
    } catch (IOException e) {
      throw unusable(path, e);
    }
  }

  /** Lists its checkpoints, oldest first. */
  public List<Checkpoint> checkpoints() throws IOException {
    if (!Files.isDirectory(checkpointsFolder())) {
      return List.of();
    }
    return list(name -> CHECKPOINT.matcher(name).matches()).stream()
        .sorted(Comparator.comparingLong(RunFolder::step))
        .map(Checkpoint::new)
        .toList();
  }

  private List<Path> list(Predicate<String> names) throws IOException {
    try (Stream<Path> entries = Files.list(checkpointsFolder())) {
      return entries.filter(entry -> names.test(entry.getFileName().toString())).toList();
    }
  }

  private static long step(Path checkpoint) {
    return Long.parseLong(checkpoint.getFileName().toString().substring("step-".length()));
  }

  /**
   * Finds the latest intact checkpoint.
   *
   * @param damaged is told of every later one, which is damaged
   */
  public Optional<Checkpoint> latestIntact(Consumer<String> damaged) throws IOException {
    return latest(Checkpoint::verify, damaged);
  }

  /** Finds the newest checkpoint whose model is whole; what only training needs may be gone. */
  public Optional<Checkpoint> latestModel(Consumer<String> damaged) throws IOException {
    return latest(Checkpoint::verifyModel, damaged);
  }

  @FunctionalInterface
  private interface Check {
    void of(Checkpoint checkpoint) throws IOException;
  }

  private Optional<Checkpoint> latest(Check check, Consumer<String> damaged) throws IOException {
    List<Checkpoint> newestFirst = new ArrayList<>(checkpoints());
    Collections.reverse(newestFirst);
    for (Checkpoint checkpoint : newestFirst) {
      try {
        check.of(checkpoint);
        return Optional.of(checkpoint);
      } catch (IOException e) {
        damaged.accept(String.valueOf(e.getMessage()));
      }
    }
    return Optional.empty();
  }

  /** Renames checkpoints after a step, which are damaged, so that they do not count any more. */
  void setAsideAfter(long step) throws IOException {
    for (Checkpoint checkpoint : checkpoints()) {
      if (step(checkpoint.folder()) > step) {
        Path aside = checkpointsFolder().resolve("damaged-" + checkpoint.folder().getFileName());
        DurableFiles.delete(aside);
        DurableFiles.replace(checkpoint.folder(), aside);
      }
    }
  }

  /** Deletes all checkpoints but the newest. */
  void prune(int keep) throws IOException {
    List<Checkpoint> all = checkpoints();
    for (Checkpoint old : all.subList(0, Math.max(0, all.size() - keep))) {
      DurableFiles.delete(old.folder());
    }
  }
}
