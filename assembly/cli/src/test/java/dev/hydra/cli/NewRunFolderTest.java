package dev.hydra.cli;

import static dev.hydra.cli.CommandLineRunner.run;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;

import dev.hydra.trainer.run.RunFolder;
import dev.hydra.trainer.run.RunLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Folders of runs that begin, and of those that do not. */
class NewRunFolderTest {
  @TempDir Path folder;

  @Test
  void runsOfTheSameSecondHaveFoldersOfTheirOwn() throws Exception {
    Path runs = folder.resolve("runs");
    Callable<Path> claim = () -> NewRunFolder.in(runs, "tiny-20260101-000000").folder().path();
    var threads = Executors.newFixedThreadPool(4);
    try {
      List<String> names =
          threads.invokeAll(List.of(claim, claim, claim, claim)).stream()
              .map(each -> get(each).getFileName().toString())
              .sorted()
              .toList();
      assertThat(names)
          .containsExactly(
              "tiny-20260101-000000",
              "tiny-20260101-000000-2",
              "tiny-20260101-000000-3",
              "tiny-20260101-000000-4");
    } finally {
      threads.shutdown();
    }
  }

  private static Path get(Future<Path> claimed) {
    try {
      return claimed.get();
    } catch (InterruptedException | ExecutionException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void aRunInItsFirstStepsIsInUseAlsoForWhoResumes() throws Exception {
    try (RunLock lock = RunLock.take(folder)) {
      run("train", "--resume", "--run-dir", folder)
          .refused(1, "another process is using " + folder);
    }
    run("train", "--resume", "--run-dir", folder).refused(2, "there is no run in " + folder);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "model.block.paths[0].mixer.head-dim=7", // found when the model is built
        "model.width=0", // found before
      })
  void aRefusedRunLeavesNoFolder(String mistake) throws Exception {
    Path config = TinyModel.write(folder);
    Path run = folder.resolve("a/b/run");
    assertThat(run("train", config, "--run-dir", run, "--set", mistake).code()).isNotZero();
    assertThat(folder.resolve("a")).doesNotExist();
    Path there = Files.createDirectories(folder.resolve("there"));
    assertThat(run("train", config, "--run-dir", there, "--set", mistake).code()).isNotZero();
    assertThat(there).isEmptyDirectory();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        // more parameters than a process can address
        "model.vocab-size=2000000000 model.width=65536",
        // batches that Java can hold, but not what is computed of them
        "model.vocab-size=50000 trainer.batch-size=700000 data.sequence-length=1000",
      })
  void aRunWithoutMemoryLeavesNoFolder(String large) throws Exception {
    List<Object> arguments = new ArrayList<>(List.of("train", TinyModel.write(folder)));
    arguments.addAll(List.of("--device=cpu", "--run-dir", folder.resolve("a/run")));
    for (String each : large.split(" ", -1)) {
      arguments.addAll(List.of("--set", each));
    }
    assertThat(run(arguments.toArray()).refused(1, "hydra: out of memory: ").err())
        .contains("iB more were needed; this machine has ", "a step of ");
    assertThat(folder.resolve("a")).doesNotExist();
  }

  @Test
  void whatIsTooLargeForJavaIsRefusedWithItsPlace() throws Exception {
    Path path = folder.resolve("run");
    String large = "trainer.batch-size=2000000000";
    run("train", TinyModel.write(folder), "--run-dir", path, "--set", large)
        .refused(
            2,
            "--set " + large + ": trainer.batch-size: is 2,000,000,000, but a batch holds no more");
    String longest = "data.sequence-length=1000000000";
    run("train", TinyModel.write(folder), "--run-dir", path, "--set", longest)
        .refused(
            2,
            "--set " + longest + ": data.sequence-length: is 1,000,000,000, but a batch has room");
    assertThat(path).doesNotExist();
  }

  @Test
  void anEndTokenThatCannotBeDrawnIsRefused() throws Exception {
    Path path = folder.resolve("run");
    String outside = "generation.end-tokens=[3,256]";
    run("train", TinyModel.write(folder), "--run-dir", path, "--set", outside)
        .refused(
            2,
            "generation.end-tokens: token 256 is not in the vocabulary, 0 to 255; leave it out, or"
                + " give a model.vocab-size of more than 256");
    assertThat(path).doesNotExist();
  }

  @Test
  void aRunOfWhichNothingCameLeavesWhatWasThereBefore() throws Exception {
    Path path = Files.createDirectories(folder.resolve("run"));
    Files.writeString(path.resolve("notes.txt"), "mine");
    try (NewRunFolder begun = NewRunFolder.at(path)) {
      begun.folder().create();
      Files.writeString(begun.folder().config(), "");
      Files.writeString(begun.folder().journal(), "");
      Files.createFile(Files.createDirectories(path.resolve("plugins")).resolve("new.jar"));
      begun.nothingCameOfIt();
    }
    try (Stream<Path> left = Files.list(path)) {
      assertThat(left.map(each -> each.getFileName().toString()))
          .containsExactlyInAnyOrder("notes.txt", "plugins");
    }
    assertThat(path.resolve("plugins/new.jar")).exists();
  }

  @Test
  void whatIsNotEmptyStays() throws Exception {
    Path path = folder.resolve("run");
    try (NewRunFolder begun = NewRunFolder.at(path)) {
      begun.folder().create();
      Files.writeString(path.resolve("notes.txt"), "mine");
    }
    assertThat(path.resolve("notes.txt")).exists();
  }

  @Test
  void whatAnotherProcessUsesStays() throws Exception {
    Path path = folder.resolve("run");
    NewRunFolder begun = NewRunFolder.at(path);
    begun.folder().create();
    try (RunLock other = RunLock.take(path)) {
      begun.close();
      assertThat(path.resolve("checkpoints")).isEmptyDirectory();
    }
    begun.close();
    assertThat(path).doesNotExist();
  }

  @Test
  void aFolderThatCannotBeMadeIsSaid() throws Exception {
    Path file = Files.writeString(folder.resolve("runs"), "");
    assertThatIOException()
        .isThrownBy(() -> RunFolder.unused(file, "a"))
        .withMessageContaining("runs is not a folder");
    try (Stream<Path> left = Files.list(folder)) {
      assertThat(left).containsExactly(file);
    }
  }
}
