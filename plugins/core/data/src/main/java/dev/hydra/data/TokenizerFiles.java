package dev.hydra.data;

import dev.hydra.libtorch.io.DurableFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** The files of a tokenizer in a folder of a run or a model. */
public final class TokenizerFiles {
  /** The tokenizer itself. */
  public static final String MAIN = "tokenizer.json";

  private TokenizerFiles() {}

  /**
   * Copies the files of a tokenizer into a folder, the tokenizer's own under the name {@link
   * #MAIN}. What is there already stays.
   */
  public static void copy(Tokenizer tokenizer, Path folder) throws IOException {
    List<Path> files = tokenizer.files();
    for (int i = 0; i < files.size(); i++) {
      Path from = files.get(i);
      Path to = folder.resolve(i == 0 ? MAIN : String.valueOf(from.getFileName()));
      if (!Files.exists(to)) {
        Files.createDirectories(folder);
        Path side = to.resolveSibling(to.getFileName() + ".tmp");
        // The content only: a file that was downloaded is often read-only.
        Files.write(side, Files.readAllBytes(from));
        DurableFiles.sync(side);
        DurableFiles.replace(side, to);
      }
    }
  }
}
