package dev.hydra.cli;

import static dev.hydra.cli.CommandLineRunner.run;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledIf;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

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
    List<Object> all =
        new ArrayList<>(List.of("experiment", "run", file, "--quick", "--device=cpu"));
    if (!List.of(more).contains("--results")) {
      all.addAll(List.of("--results", folder.resolve("results")));
    }
    all.addAll(List.of(more));
    return run(all.toArray());
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
    assertThat(folder).isDirectoryNotContaining(path -> !path.equals(file));
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

  /** A file where a folder is to be, also above it, and a place where none can be made. */
  @Test
  void aDryRunTriesTheFolderOfResultsAsARunDoes() throws IOException {
    Path taken = Files.writeString(folder.resolve("taken"), "");
    for (Path results : List.of(taken, taken.resolve("below"), Path.of("/proc/none/results"))) {
      CommandLineRunner.Outcome run = experiment("--results", results);
      run.refused(1, "the folder of results " + results + " cannot be");
      assertThat(run.err()).contains("; choose another with --results");
      assertEquals(run, experiment("--results", results, "--dry-run"));
    }
    assertThat(taken).isEmptyFile();
  }

  /** Also with overrides, and in options of tasks and components. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "models.dense.model.widht = 4 | model.widht: unknown key",
        "models.dense.model.width = wide | must be a whole number",
        "tasks.bits.lenght = 4 | experiment.tasks.bits.lenght: unknown key",
        "equal.flop = 4 | experiment.equal.flop: unknown key",
        "models.dense.model.block.paths = [ { ffn { type = swiglu, hiden = 8 } } ] | hiden: unknown",
        "models = 4 | models: must be an object"
      })
  void whatIsWrongInQuickIsSaidWithoutIt(String mistake, String message) throws IOException {
    Files.writeString(file, "quick {\n  " + mistake + "\n}\n", StandardOpenOption.APPEND);
    int line = Files.readAllLines(file).size() - 1;
    for (String steps : List.of("experiment.steps=50", "experiment.steps=60")) {
      CommandLineRunner.Outcome run =
          run("experiment", "run", file, "--device=cpu", "--dry-run", "--set", steps);
      run.refused(2, file.getFileName() + ": " + line + ": ");
      assertThat(run.err()).contains(message);
    }
  }

  /** What is given for a whole run need not go together with what stands in quick. */
  @Test
  void overridesNeedNotSuitQuick() throws IOException {
    Files.writeString(file, "quick.tasks.bits.shortest = 8\n", StandardOpenOption.APPEND);
    Object[] shorter = {"--set", "experiment.tasks.bits.length=6", "--dry-run"};
    experiment(shorter).refused(2, "shortest");
    List<Object> whole = new ArrayList<>(List.of("experiment", "run", file, "--device=cpu"));
    whole.addAll(List.of(shorter));
    run(whole.toArray()).done();
  }

  /** Also where it is a component that fails, and nothing says at which line. */
  @Test
  void whatOverridesMendIsNotSaid() throws IOException {
    String huge = "width = 2147483647, depth = 1, block.paths = [ { ffn { type = swiglu, hidden = ";
    Files.writeString(
        file,
        Files.readString(file)
            .replace("width = 8, depth = 1, block.paths = [ { ffn { type = swiglu, hidden = ", huge)
            .replace("hidden = 11", "hidden = 2147483647"));
    String dense = "experiment.models.dense.model.";
    List<Object> whole = new ArrayList<>(List.of("experiment", "run", file, "--device=cpu"));
    whole.addAll(List.of("--dry-run", "--set", dense + "width=8", "--set"));
    assertThat(run(whole.subList(0, 5).toArray()).err()).contains("cannot be created");
    whole.add(dense + "block.paths=[ { ffn { type = swiglu, hidden = 11 } } ]");
    run(whole.toArray()).done();
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
