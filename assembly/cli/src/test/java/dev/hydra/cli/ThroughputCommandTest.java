package dev.hydra.cli;

import static dev.hydra.cli.CommandLineRunner.run;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ThroughputCommandTest {
  @TempDir private Path folder;
  private Path file = Path.of("");

  @BeforeEach
  void write() throws IOException {
    file = folder.resolve("speed.conf");
    Files.writeString(
        file,
        """
        experiment {
          type = throughput, question = "Which is faster?"
          models {
            attention { model { vocab-size = 16, width = 8, depth = 1, block.paths = [ { mixer { type = full, heads = 2 } } ] } }
            dense { model { vocab-size = 16, width = 8, depth = 1, block.paths = [ { ffn { type = swiglu, hidden = 11 } } ] } }
          }
          parameters = 0.1, lengths = [8, 16], steps = 1
        }
        """);
  }

  private CommandLineRunner.Outcome experiment(Object... more) {
    Object[] all = new Object[4 + more.length];
    Object[] first = {"experiment", "run", file, "--device=cpu"};
    System.arraycopy(first, 0, all, 0, first.length);
    System.arraycopy(more, 0, all, first.length, more.length);
    return run(all);
  }

  @Test
  void speedsCrossoversAndAPage() throws IOException {
    Path peers = folder.resolve("peers.json");
    Files.writeString(
        peers,
        """
        [{"name": "another", "pass": "train", "tokens": 8, "tokens_per_second": 1e12, "peak_bytes": 1073741824}]
        """);
    Path page = folder.resolve("page.html");
    CommandLineRunner.Outcome outcome =
        experiment("--html", page, "--set", "experiment.peers=\"" + peers + "\"").done();
    assertThat(outcome.out())
        .contains("forward: tokens/s", "training: peak GiB", "Crossovers", "1,000,000,000,000")
        .doesNotContain("forward: peak GiB") // of a CPU it is not known
        .containsPattern("training +another +attention +from 8 tokens on");
    assertThat(outcome.err()).contains("dense train, 16 tokens:");
    assertThat(Files.readString(page)).contains("<svg", "Which is faster?").doesNotContain("NaN");
    assertThat(experiment("--json").done().out()).doesNotContain("peak_bytes");
    assertEquals(
        8, ((List<?>) JSON.std.mapFrom(experiment("--json").done().out()).get("rows")).size());
  }

  @Test
  void mistakesAreNamed() throws IOException {
    experiment("--seeds", "2").refused(2, "leave --parallel and --seeds out");
    experiment("--set", "experiment.models.dense.model.width=16")
        .refused(2, "experiment.parameters");
    Path peers = Files.writeString(folder.resolve("peers.json"), "[{}]");
    experiment("--set", "experiment.peers=\"" + peers + "\"").refused(1, "element 0: name is null");
    Files.writeString(peers, "{\"x\": 1}");
    experiment("--set", "experiment.peers=\"" + peers + "\"")
        .refused(1, "is not a JSON list of objects { name, pass, tokens, tokens_per_second }");
    Path missing = folder.resolve("missing.json");
    experiment("--set", "experiment.peers=\"" + missing + "\"").refused(2, "there is no file");
    experiment("--set", "experiment.type=nix").refused(2, "unknown type \"nix\"");
  }

  @Test
  void aDryRunSaysSizes() throws IOException {
    assertThat(experiment("--dry-run").done().out()).contains("attention", "parameters");
    assertThat(JSON.std.mapFrom(experiment("--dry-run", "--json").done().out()))
        .containsEntry("experiment", "speed")
        .extractingByKey("parameters")
        .asString()
        .containsPattern("attention=\\d+, dense=\\d+");
  }
}
