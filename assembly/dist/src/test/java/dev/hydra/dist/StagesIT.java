package dev.hydra.dist;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The small curriculum of the distribution, shortened. */
class StagesIT {
  private static final String CURRICULUM = "experiments/hydra-tiny-curriculum";

  @TempDir Path folder;

  private Hydra hydra(String name) throws IOException {
    Path empty = Files.createDirectories(folder.resolve("plugins"));
    return Hydra.withPlugins(empty, Files.createDirectories(folder.resolve(name))).in(folder);
  }

  private static String[] training(String run) {
    List<String> arguments = new ArrayList<>(List.of("train", CURRICULUM, "--run-dir", run));
    for (String each :
        List.of(
            "trainer.steps=24",
            "trainer.batch-size=2",
            "trainer.stages[state-space].until=4",
            "trainer.stages[attention].until=8",
            "trainer.stages[attention].grow-in=2",
            "trainer.stages[experts].until=12",
            "trainer.stages[experts].grow-in=2",
            "trainer.stages[memories].until=20",
            "trainer.stages[memories].grow-in=6",
            "trainer.checkpoint.every=3",
            "trainer.evaluation.every=0",
            "trainer.evaluation.final-windows=4",
            "trainer.sample.tokens=8",
            "data.validation-fraction=0.01")) {
      arguments.addAll(List.of("--set", each));
    }
    return arguments.toArray(String[]::new);
  }

  private List<String> stages(String run) throws IOException {
    List<String> names = new ArrayList<>();
    Path journal = folder.resolve(run).resolve("journal.jsonl");
    for (String line : Files.exists(journal) ? Files.readAllLines(journal) : List.<String>of()) {
      Map<String, Object> event = JSON.std.mapFrom(line);
      if ("stage".equals(event.get("event"))) {
        names.add(event.get("step") + " " + event.get("stage"));
      }
    }
    return names;
  }

  private byte[] model(String run) throws IOException {
    return Files.readAllBytes(folder.resolve(run + "/checkpoints/step-000024/model.safetensors"));
  }

  @Test
  void aRunThatIsKilledInALaterStageGoesOnAsIfNothingHadHappened() throws Exception {
    Hydra.Result whole = hydra("whole-out").run(training("whole"));
    assertEquals(0, whole.exitCode(), whole.toString());
    assertThat(whole.err())
        .anyMatch(line -> line.startsWith("stage attention from step 4: adds mixer2 (blocks 2, 5)"))
        .anyMatch(line -> line.startsWith("stage long-texts from step 20: "));
    List<String> planned =
        List.of("0 state-space", "4 attention", "8 experts", "12 memories", "20 long-texts");
    assertEquals(planned, stages("whole"));

    Process killed = hydra("killed-out").start(training("killed"));
    while (killed.isAlive() && !Files.exists(folder.resolve("killed/checkpoints/step-000015"))) {
      Thread.sleep(20);
    }
    killed.destroyForcibly().waitFor();
    assertThat(folder.resolve("killed/checkpoints/step-000024")).doesNotExist();
    Hydra.Result resumed = hydra("resumed-out").run("train", "--resume", "--run-dir", "killed");
    assertEquals(0, resumed.exitCode(), resumed.toString());
    assertThat(resumed.err()).noneMatch(line -> line.contains("warning"));
    assertArrayEquals(model("whole"), model("killed"));
    assertEquals(planned, stages("killed").stream().distinct().toList());

    Hydra.Result scored = hydra("eval-out").run("eval", "--model", "killed", "--windows", "2");
    assertEquals(0, scored.exitCode(), scored.toString());
  }

  @Test
  void aStageThatCannotWorkIsRefusedBeforeTheFirstStep() throws Exception {
    List<String> arguments = new ArrayList<>(List.of(training("refused")));
    arguments.addAll(List.of("--set", "trainer.stages[long-texts].data.sequence-length=100000000"));
    Hydra.Result refused = hydra("refused-out").run(arguments.toArray(String[]::new));
    assertEquals(2, refused.exitCode(), refused.toString());
    assertThat(refused.err()).anyMatch(line -> line.contains("stage long-texts: "));
    assertThat(folder.resolve("refused/metrics.jsonl")).doesNotExist();
  }

  @Test
  void inspectAndCheckShowTheStages() throws Exception {
    Hydra.Result inspected = hydra("inspect-out").run("inspect", CURRICULUM);
    assertThat(String.join("\n", inspected.out()))
        .containsPattern("state-space +1 to 100 +686,926 +686,926 +128 +1,024")
        .containsPattern("long-texts +251 to 300 +1,670,360 +1,670,360 +256 +1,024");
    Hydra.Result json = hydra("json-out").run("inspect", CURRICULUM, "--json");
    Map<String, Object> read = JSON.std.mapFrom(String.join("\n", json.out()));
    assertThat(read.get("stages")).asInstanceOf(InstanceOfAssertFactories.LIST).hasSize(5);
    Hydra.Result checked = hydra("check-out").run("config", "check", CURRICULUM);
    assertThat(checked.out()).singleElement().asString().contains(" in 5 stages of 6 blocks");
  }
}
