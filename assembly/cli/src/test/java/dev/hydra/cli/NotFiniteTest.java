package dev.hydra.cli;

import static dev.hydra.cli.CommandLineRunner.run;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** NaN and infinity are not answers. */
class NotFiniteTest {
  @TempDir
  @SuppressWarnings("NullAway") // set by JUnit
  static Path folder;

  private static Path run = Path.of("");
  private static Path tokens = Path.of("");

  @BeforeAll
  static void train() throws IOException {
    run = TinyModel.train(folder);
    tokens = Files.writeString(folder.resolve("tokens.json"), "[[1,2,3]]");
  }

  @ParameterizedTest
  @ValueSource(ints = {0x7fc00000, 0x7f800000, 0xff800000})
  void weightsThatAreNotFiniteAreNamed(int bits) throws IOException {
    Path model = Files.createDirectories(folder.resolve("model"));
    for (String name : new String[] {"model.safetensors", "config.conf"}) {
      Files.write(
          model.resolve(name),
          Files.readAllBytes(run.resolve("checkpoints/step-000002").resolve(name)));
    }
    try (RandomAccessFile file =
        new RandomAccessFile(model.resolve("model.safetensors").toFile(), "rw")) {
      file.seek(file.length() - Float.BYTES);
      file.writeInt(Integer.reverseBytes(bits));
    }
    String message = "the weights norm.weight hold NaN or infinity";
    run("generate", "--model", model, "-n", "3").refused(1, message);
    run("score", "--model", model, "--tokens", tokens).refused(1, message);
    run("eval", "--model", model).refused(1, message);
  }

  @Test
  void neitherAreLogits() {
    String huge = "model.logits-scale=1e300";
    run("generate", "--model", run, "-n", "3", "--set", huge)
        .refused(1, "logits came out as NaN or infinite though all weights are finite");
    run("score", "--model", run, "--tokens", tokens, "--set", huge)
        .refused(1, "log-probabilities[0] came out as NaN");
    run("eval", "--model", run, "--set", huge).refused(1, "the loss came out as ");
  }
}
