package dev.hydra.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** A configuration that trains in a moment, with a text beside it. */
public final class TinyModel {
  /** Two blocks of 16 channels, trained for two steps. */
  public static final String CONFIG =
      """
      model {
        width = 16, depth = 2
        block.paths = [
          { mixer { type = mamba2, state = 8, head-dim = 8 } }
          { ffn { type = swiglu, hidden = 32 } }
        ]
      }
      data { files = [corpus.txt], sequence-length = 32, validation-fraction = 0.1 }
      trainer {
        steps = 2, batch-size = 2
        evaluation { windows = 4 }
        sample { prompt = "one", tokens = 4 }
      }
      """;

  private TinyModel() {}

  /** Writes both; gives the configuration. */
  public static Path write(Path folder) throws IOException {
    Files.writeString(folder.resolve("corpus.txt"), "one two three four five\n".repeat(400));
    return Files.writeString(folder.resolve("tiny.conf"), CONFIG);
  }

  /** Trains it; gives the run folder. */
  public static Path train(Path folder) throws IOException {
    Path run = folder.resolve("run");
    CommandLineRunner.run("train", write(folder), "--run-dir", run, "--device", "cpu").done();
    return run;
  }
}
