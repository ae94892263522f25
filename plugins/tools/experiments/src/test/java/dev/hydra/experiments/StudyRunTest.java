package dev.hydra.experiments;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.hydra.libtorch.runtime.Determinism;
import dev.hydra.libtorch.runtime.Devices;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.FutureTask;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class StudyRunTest {
  @TempDir Path folder;
  private final List<Trial> trained = new ArrayList<>();
  private final List<Trial> known = new ArrayList<>();

  private Optional<List<ModelOutcome>> run(Study study, BooleanSupplier stop) throws IOException {
    trained.clear();
    known.clear();
    return new StudyRun(
            study, Studies.COMPONENTS, Devices.cpu(), new TrialCache(folder), new Heard())
        .run(stop);
  }

  private final class Heard implements StudyListener {
    private Optional<Trial> begun = Optional.empty();

    @Override
    public void began(Trial trial) {
      begun = Optional.of(trial);
    }

    @Override
    public void ended(Trial trial, TrialResult result, boolean cached, int number, int of) {
      (cached ? known : trained).add(trial);
      if (!cached) {
        assertEquals(Optional.of(trial), begun);
        begun = Optional.empty();
      }
      assertEquals(trained.size() + known.size(), number);
      assertEquals(10, of);
    }

    @Override
    public void warned(String message) {
      throw new AssertionError(message);
    }
  }

  @Test
  void eachModelTakesTheRateThatValidationChooses() throws IOException {
    List<ModelOutcome> outcomes = run(Studies.read("", false), () -> false).orElseThrow();
    assertEquals(2, outcomes.size());
    for (ModelOutcome outcome : outcomes) {
      assertEquals(List.of(1e-4, 1e-3, 1e-2, 3e-2), List.copyOf(outcome.sweep().keySet()));
      assertThat(outcome.rate()).isGreaterThan(1e-3);
      assertEquals(2, outcome.seeds().size());
      assertThat(outcome.test("trained").mean()).isGreaterThan(0.9);
      assertThat(outcome.test("longer").mean()).isGreaterThan(0.5);
      assertThat(outcome.sweep().get(1e-4).validation()).isLessThan(0.6);
    }
    assertEquals(10, trained.size());
  }

  @Test
  void whatIsKnownIsNotTrainedAgainAndIsTheSame() throws IOException {
    Study study = Studies.read("", true);
    List<ModelOutcome> first = run(study, () -> false).orElseThrow();
    List<ModelOutcome> again = run(study, () -> false).orElseThrow();
    assertThat(trained).isEmpty();
    assertEquals(10, known.size());
    assertEquals(first.get(0).seeds(), again.get(0).seeds());
    assertEquals(first.get(1).sweep(), again.get(1).sweep());
  }

  @Test
  void whatDiffersIsTrainedAgain() throws IOException {
    var unused = run(Studies.read("", true), () -> false);
    unused = run(Studies.read("optimizer.weight-decay = 0.5", true), () -> false);
    assertEquals(10, trained.size());
    unused = run(Studies.read("quick.models.wide.model.depth = 2", true), () -> false);
    assertEquals(5, trained.size());
    assertEquals(5, known.size());
  }

  /** Sums on a CPU depend on how they are divided among threads. */
  @Test
  void anotherNumberOfThreadsIsTrainedAgain() throws IOException {
    Study study = Studies.read("", true);
    int usual = torch.get_num_threads();
    var unused = run(study, () -> false);
    torch.set_num_threads(usual + 1);
    try {
      unused = run(study, () -> false);
    } finally {
      torch.set_num_threads(usual);
    }
    assertEquals(10, trained.size());
    unused = run(study, () -> false);
    assertEquals(10, known.size());
  }

  @Test
  void anInterruptedRunGoesOn() throws IOException {
    Study study = Studies.read("", true);
    assertThat(run(study, () -> trained.size() == 3)).isEmpty();
    assertEquals(3, trained.size());
    assertThat(run(study, () -> false)).isPresent();
    assertEquals(3, known.size());
    assertEquals(7, trained.size());
  }

  @Test
  void aTrainingGivesTheSameAgain() throws IOException {
    Study study = Studies.read("", true);
    List<ModelOutcome> first = run(study, () -> false).orElseThrow();
    try (Stream<Path> files = Files.list(folder)) {
      for (Path each : files.toList()) {
        Files.delete(each);
      }
    }
    List<ModelOutcome> again = run(study, () -> false).orElseThrow();
    assertEquals(first.get(0).seeds().get(1).test(), again.get(0).seeds().get(1).test());
    assertEquals(
        first.get(0).seeds().get(1).validationLoss(), again.get(0).seeds().get(1).validationLoss());
  }

  @Test
  void theSameBitsAreAskedForAsLongAsItRuns() throws IOException {
    Determinism before = Determinism.current();
    Set<Determinism> seen = EnumSet.noneOf(Determinism.class);
    BooleanSupplier afterEveryStep =
        () -> {
          seen.add(Determinism.current());
          return false;
        };
    assertThat(run(Studies.read("", true), afterEveryStep)).isPresent();
    assertEquals(Set.of(Determinism.ON), seen);
    assertEquals(before, Determinism.current());
  }

  /** Two runs at once, as two processes would be: each result is made by one of them. */
  @Test
  void runsShareTheWork() throws Exception {
    Study study = Studies.read("", true);
    List<Trial> others = Collections.synchronizedList(new ArrayList<>());
    StudyListener listener =
        new StudyListener() {
          @Override
          public void ended(Trial trial, TrialResult result, boolean cached, int number, int of) {
            if (!cached) {
              others.add(trial);
            }
          }

          @Override
          public void warned(String message) {
            throw new AssertionError(message);
          }
        };
    StudyRun other =
        new StudyRun(study, Studies.COMPONENTS, Devices.cpu(), new TrialCache(folder), listener);
    FutureTask<Optional<List<ModelOutcome>>> both = new FutureTask<>(() -> other.run(() -> false));
    new Thread(both, "other-run").start();
    List<ModelOutcome> outcomes = run(study, () -> false).orElseThrow();
    List<ModelOutcome> theirs = both.get().orElseThrow();
    assertEquals(outcomes.get(0).seeds(), theirs.get(0).seeds());
    assertEquals(10, trained.size() + others.size());
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files).noneMatch(file -> file.toString().endsWith(".lock"));
    }
  }

  /** Another process completes all of the sweep while this one has its first training. */
  @Test
  void whatOthersCompletedIsCounted() throws IOException {
    Study study = Studies.read("", true);
    var unused = run(study, () -> false);
    Path fresh = folder.resolve("fresh");
    List<String> heard = new ArrayList<>();
    StudyListener listener =
        new StudyListener() {
          @Override
          public void began(Trial trial) {
            try (Stream<Path> files = Files.list(folder)) {
              for (Path file : files.filter(Files::isRegularFile).toList()) {
                Files.copy(file, fresh.resolve(file.getFileName()));
              }
            } catch (IOException e) {
              throw new UncheckedIOException(e);
            }
          }

          @Override
          public void ended(Trial trial, TrialResult result, boolean cached, int number, int of) {
            heard.add(number + "/" + of + (cached ? "" : " trained"));
          }

          @Override
          public void warned(String message) {
            throw new AssertionError(message);
          }
        };
    assertThat(
            new StudyRun(study, Studies.COMPONENTS, Devices.cpu(), new TrialCache(fresh), listener)
                .run(() -> false))
        .isPresent();
    assertEquals(
        List.of(
            "1/10",
            "2/10",
            "3/10",
            "4/10",
            "5/10",
            "6/10",
            "7/10",
            "8/10 trained",
            "9/10",
            "10/10"),
        heard);
  }

  @ParameterizedTest
  @ValueSource(strings = {"{}", "", "{\"of\": {", "\u0000"})
  void aDamagedResultIsMadeAgain(String content) throws IOException {
    Study study = Studies.read("", true);
    var unused = run(study, () -> false);
    Path damaged;
    try (Stream<Path> files = Files.list(folder)) {
      damaged = files.findFirst().orElseThrow();
    }
    String before = Files.readString(damaged).replaceAll("\"seconds\":[^,]*", "");
    Files.writeString(damaged, content);
    List<String> warnings = new ArrayList<>();
    StudyListener listener =
        new StudyListener() {
          @Override
          public void ended(Trial trial, TrialResult result, boolean cached, int number, int of) {}

          @Override
          public void warned(String message) {
            warnings.add(message);
          }
        };
    StudyRun again =
        new StudyRun(study, Studies.COMPONENTS, Devices.cpu(), new TrialCache(folder), listener);
    assertThat(again.run(() -> false)).isPresent();
    assertEquals(List.of(damaged + " is damaged: its training is made again"), warnings);
    assertEquals(1, again.work().trainings());
    assertEquals(before, Files.readString(damaged).replaceAll("\"seconds\":[^,]*", ""));
  }
}
