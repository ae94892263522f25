package dev.hydra.cli;

import static dev.hydra.cli.CommandLineRunner.run;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BenchTrainTest {
  @TempDir private Path folder;
  private Path config = Path.of("");

  @BeforeEach
  void write() throws IOException {
    config = TinyModel.write(folder);
  }

  @Test
  void everyShapeIsALineAndItsFiguresBelongTogether() throws IOException {
    String out =
        run(
                "bench",
                "train",
                config,
                "--device=cpu",
                "--shape",
                "2x16",
                "--shape",
                "1x48",
                "--steps",
                "3",
                "--json")
            .done()
            .out();
    String[] lines = out.strip().split("\n");
    assertThat(lines).hasSize(2);
    int[] tokens = {32, 48};
    for (int i = 0; i < lines.length; i++) {
      Map<String, Object> row = JSON.std.mapFrom(lines[i]);
      double perSecond = ((Number) row.get("tokens_per_second")).doubleValue();
      double fastest = ((Number) row.get("fastest_s")).doubleValue();
      double slowest = ((Number) row.get("slowest_s")).doubleValue();
      assertThat(tokens[i] / perSecond).isBetween(fastest * 0.999, slowest * 1.5);
      assertThat(row).containsEntry("steps", 3).containsEntry("pass", "train");
      assertThat(((Number) row.get("first_step_s")).doubleValue()).isPositive();
      assertThat(row.get("mfu")).isNull(); // a CPU's peak is not known
      assertThat(((Number) row.get("peak_bytes")).longValue()).isNotNegative();
    }
  }

  @Test
  void theForwardAloneIsATableToo() {
    String out =
        run("bench", "train", config, "--device=cpu", "--forward", "--steps=2").done().out();
    assertThat(out).startsWith("shape").contains("1x1024");
  }

  /** Linux would kill the process in the middle of such a step. */
  @Test
  void aShapeThatTheMachineCannotHoldIsRefusedBeforeItIsTried() {
    String err =
        run("bench", "train", config, "--device=cpu", "--shape=20000000x1024")
            .refused(1, "hydra: out of memory: ")
            .err();
    assertThat(err)
        .contains(
            " TiB more were needed; this machine has ",
            ". It was timing 20000000x1024. A step of it takes more than ",
            " TiB; less is taken with a smaller --shape.");
  }

  @Test
  void aModelAloneWillDo() throws IOException {
    Path alone = folder.resolve("alone.conf");
    Files.writeString(
        alone,
        "model { vocab-size = 64, width = 16, depth = 1"
            + ", block { paths = [ { ffn { type = swiglu, hidden = 16 } } ] } }");
    run("bench", "train", alone, "--device=cpu", "--shape=2x8", "--steps=1").done();
  }

  @Test
  void whatIsNotAShapeIsRefused() {
    run("bench", "train", config, "--shape", "2048")
        .refused(
            2, "--shape: \"2048\" is not a shape; one is written BATCHxTOKENS, such as 4x2048");
    run("bench", "train", config, "--shape", "0x8").refused(2, "\"0x8\" is not a shape");
    run("bench", "train", config, "--steps", "0").refused(2, "--steps must be at least 1");
  }
}
