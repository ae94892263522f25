package dev.hydra.cli;

import static dev.hydra.cli.CommandLineRunner.run;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledIf;
import org.junit.jupiter.api.io.TempDir;

class ExperimentCommandTest {
  @TempDir private Path folder;
  private Path file = Path.of("");

  @BeforeEach
  void write() throws IOException {
    file = folder.resolve("small.conf");
    Files.writeString(
        file,
        """
        experiment {
          question = "Does <it> learn?"
          tasks { bits { type = parity, length = 8, longer = [12] } }
          models {
            attention { model { width = 8, depth = 1, block.paths = [ { mixer { type = full, heads = 2 } } ] } }
            dense { model { width = 8, depth = 1, block.paths = [ { ffn { type = swiglu, hidden = 11 } } ] } }
          }
          equal { parameters = 0.1, flops = 0.5 }
          learning-rates = [1e-3, 3e-3, 1e-2, 3e-2]
          seeds = 3, steps = 50, validation-examples = 8, test-examples = 8
        }
        quick { steps = 4, batch-size = 4 }
        """);
  }

  private CommandLineRunner.Outcome experiment(Object... more) {
    Object[] all = new Object[7 + more.length];
    Object[] first = {
      "experiment", "run", file, "--quick", "--device=cpu", "--results", folder.resolve("results")
    };
    System.arraycopy(first, 0, all, 0, first.length);
    System.arraycopy(more, 0, all, first.length, more.length);
    return run(all);
  }

  @Test
  void tablesJsonAndAPageSayTheSame() throws IOException {
    Path page = folder.resolve("page.html");
    CommandLineRunner.Outcome first = experiment("--html", page).done();
    assertThat(first.out())
        .contains(
            "bits: accuracy (test, mean and standard deviation over 3 seeds",
            "to 8 digits",
            "12 digits (untrained)",
            "(guessing)",
            "bits: sweep",
            "Sizes (checked to be equal within 10.0 % of parameters");
    assertThat(first.err()).contains("12/12").doesNotContain("known");
    assertThat(Files.readString(page))
        .contains("Does &lt;it&gt; learn?", "<svg", "Examples of bits", "bits: accuracy")
        .doesNotContain("http:", "https:", "src=", "href=", "NaN");

    CommandLineRunner.Outcome again = experiment("--json").done();
    assertThat(again.err()).doesNotContain(" s\n");
    Map<String, Object> json = JSON.std.mapFrom(again.out());
    assertEquals("small (quick)", json.get("experiment"));
    String text = json.toString();
    assertThat(text)
        .contains("attention={parameters=", "standard_deviation=", "chance={to 8 digits=0.5");
  }

  @Test
  void aDryRunTrainsNothing() {
    assertThat(experiment("--dry-run").done().out()).contains("attention", "dense", "most steps");
    assertThat(folder.resolve("results")).doesNotExist();
  }

  @Test
  void aDryRunHasTheOutputsOfARun() throws IOException {
    Path page = folder.resolve("sizes.html");
    Map<String, Object> json =
        JSON.std.mapFrom(experiment("--dry-run", "--json", "--html", page).done().out());
    assertEquals("small (quick)", json.get("experiment"));
    assertThat(json.get("tasks").toString())
        .startsWith("{bits={models={attention={parameters=")
        .contains("dense={parameters=", "most_steps=4");
    assertThat(Files.readString(page)).contains("Does &lt;it&gt; learn?", "attention");
    assertThat(folder.resolve("results")).doesNotExist();
  }

  @Test
  @DisabledIf("dev.hydra.libtorch.runtime.Devices#cudaAvailable")
  void aDryRunNeedsTheDeviceOfARun() {
    CommandLineRunner.Outcome run =
        run("experiment", "run", file, "--device=cuda", "--results", folder.resolve("results"));
    run.refused(1, "CUDA");
    assertEquals(run, run("experiment", "run", file, "--device=cuda", "--dry-run"));
  }

  @Test
  void seedsMayBeOthers() {
    assertThat(experiment("--seeds", "1").done().err()).contains("8/8");
    experiment("--seeds", "0").refused(2, "--seeds must be at least 1");
  }

  @Test
  void whatDoesNotFitIsRefusedBeforeTraining() {
    experiment("--set", "experiment.models.dense.model.vocab-size=1").refused(2, "vocab-size");
    experiment("--set", "experiment.models.dense.model.width=16")
        .refused(2, "experiment.equal.parameters");
    experiment("--set", "experiment.models.dense.longest=10").refused(2, "longest");
    experiment("--set", "experiment.learning-rates=[1]").refused(2, "at least 4");
    experiment("--set", "experiment.tasks.bits=null").refused(2, "experiment.tasks: is required");
    experiment("--html", folder.resolve("missing").resolve("page.html"))
        .refused(2, "there is no folder");
    run("experiment", "run", "no-such").refused(2, "there is no configuration no-such");
    assertThat(folder.resolve("results")).doesNotExist();
  }
}
