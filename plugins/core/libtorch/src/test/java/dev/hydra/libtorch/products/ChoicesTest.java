package dev.hydra.libtorch.products;

import static org.assertj.core.api.Assertions.assertThat;

import dev.hydra.libtorch.io.UserCache;
import dev.hydra.libtorch.products.Choices.Choice;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ChoicesTest {
  private static final ProductShape SHAPE =
      new ProductShape(8512, 8192, 2048, true, false, 2048, 2048, 8512, false, 256);

  private static final Choice CHOICE =
      new Choice(
          Optional.of(
              new Algorithm(List.of(66L, -1L, 0L, 4L, 5L, 6L, 7L, Long.MIN_VALUE), 1 << 20)));

  @TempDir private Path folder;

  private Choices choices(String platform) {
    return new Choices(new UserCache(folder), platform);
  }

  @Test
  void findsWhatWasChosenInAnotherProcess() {
    assertThat(choices("a").read(SHAPE)).isEmpty();
    choices("a").write(SHAPE, CHOICE);
    assertThat(choices("a").read(SHAPE)).contains(CHOICE);
    choices("a").write(SHAPE, Choice.LIBTORCH);
    assertThat(choices("a").read(SHAPE)).contains(Choice.LIBTORCH);
  }

  @Test
  void anotherShapeOrPlatformHasAChoiceOfItsOwn() {
    choices("a").write(SHAPE, CHOICE);
    assertThat(choices("b").read(SHAPE)).isEmpty();
    Stream.of(
            new ProductShape(8520, 8192, 2048, true, false, 2048, 2048, 8512, false, 256),
            new ProductShape(8512, 8191, 2048, true, false, 2048, 2048, 8512, false, 256),
            new ProductShape(8512, 8192, 2056, true, false, 2048, 2048, 8512, false, 256),
            new ProductShape(8512, 8192, 2048, false, false, 2048, 2048, 8512, false, 256),
            new ProductShape(8512, 8192, 2048, true, true, 2048, 2048, 8512, false, 256),
            new ProductShape(8512, 8192, 2048, true, false, 2056, 2048, 8512, false, 256),
            new ProductShape(8512, 8192, 2048, true, false, 2048, 2056, 8512, false, 256),
            new ProductShape(8512, 8192, 2048, true, false, 2048, 2048, 8520, false, 256),
            new ProductShape(8512, 8192, 2048, true, false, 2048, 2048, 8512, true, 256),
            new ProductShape(8512, 8192, 2048, true, false, 2048, 2048, 8512, false, 16))
        .forEach(other -> assertThat(choices("a").read(other)).as(other.toString()).isEmpty());
  }

  @Test
  void aDamagedChoiceIsMadeAgain() throws IOException {
    choices("a").write(SHAPE, CHOICE);
    Path file;
    try (Stream<Path> files = Files.list(folder)) {
      file = files.findFirst().orElseThrow();
    }
    byte[] whole = Files.readAllBytes(file);
    whole[whole.length - 1] ^= 1;
    Files.write(file, whole);
    assertThat(choices("a").read(SHAPE)).isEmpty();
    choices("a").write(SHAPE, CHOICE);
    assertThat(choices("a").read(SHAPE)).contains(CHOICE);
  }

  @Test
  void algorithmsAreReadAsTheyWereWritten() {
    Algorithm counted = new Algorithm(LongStream.range(-4, 4).boxed().toList(), 4096);
    assertThat(Algorithm.parse(counted.text())).contains(counted);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "libtorch", "0 1 2 3 4 5 6 7 8", "000000000000004z"})
  void whatIsNoAlgorithmIsNotTakenForOne(String text) {
    assertThat(Algorithm.parse(text.getBytes(StandardCharsets.US_ASCII))).isEmpty();
  }
}
