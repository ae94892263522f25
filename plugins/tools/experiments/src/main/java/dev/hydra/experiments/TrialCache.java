package dev.hydra.experiments;

import com.fasterxml.jackson.jr.ob.JSON;
import dev.hydra.libtorch.io.DurableFiles;
import dev.hydra.libtorch.io.UnusableFolderException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Consumer;

/** A folder of results, each in a file that is named by the hash of what it follows from. */
public final class TrialCache {
  private static final String RESULT = "result";
  private static final String KEY = "of";

  private final Path folder;

  /** Names the folder, which is made when the first result is put into it. */
  public TrialCache(Path folder) {
    this.folder = folder;
  }

  /**
   * Tries whether results can be put into the folder; leaves nothing behind.
   *
   * @param option how users name another
   * @throws IOException with a message for users, if they cannot
   */
  public void check(String option) throws IOException {
    UnusableFolderException.check("the folder of results", folder, option);
  }

  /**
   * Finds a result.
   *
   * @param damaged told of a file that is there, but is not that of a result; there is none then
   * @throws IOException if its file cannot be read
   */
  Optional<TrialResult> get(TrialKey key, Consumer<Path> damaged) throws IOException {
    Path file = file(key);
    if (!Files.exists(file)) {
      return Optional.empty();
    }
    String text = new String(Files.readAllBytes(file), StandardCharsets.UTF_8);
    try {
      Map<String, Object> all = JSON.std.mapFrom(text);
      Map<String, Object> result = new LinkedHashMap<>();
      Map<?, ?> kept = (Map<?, ?>) Objects.requireNonNull(all.get(RESULT), RESULT);
      kept.forEach((name, value) -> result.put((String) name, value));
      return Optional.of(TrialResult.of(result));
    } catch (IOException | RuntimeException notWrittenByPut) {
      damaged.accept(file);
      return Optional.empty();
    }
  }

  /** Keeps a result: its file is there as a whole or not at all. */
  void put(TrialKey key, TrialResult result) throws IOException {
    Map<String, Object> all = new LinkedHashMap<>();
    all.put(KEY, key.json());
    all.put(RESULT, result.json());
    Files.createDirectories(folder);
    DurableFiles.write(file(key), JSON.std.asString(all) + "\n");
  }

  /** Takes the right to make a result; nothing if another process is making it. */
  Optional<TrialClaim> claim(TrialKey key) throws IOException {
    Files.createDirectories(folder);
    return TrialClaim.take(folder.resolve(key.hash() + ".lock"));
  }

  private Path file(TrialKey key) {
    return folder.resolve(key.hash() + ".json");
  }
}
