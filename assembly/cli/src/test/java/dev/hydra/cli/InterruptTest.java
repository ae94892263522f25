package dev.hydra.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.hydra.trainer.run.RunFolder;
import java.io.BufferedReader;
import java.io.FilterWriter;
import java.io.IOException;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class InterruptTest {
  private static final int TERMINATED = 128 + 15;

  @TempDir private Path folder;

  /** A screen so slow that what is said after the process may end is lost each time. */
  private static final class SlowScreen extends FilterWriter {
    SlowScreen() {
      super(new OutputStreamWriter(System.out, StandardCharsets.UTF_8));
    }

    @Override
    public void write(String text, int from, int length) throws IOException {
      try {
        Thread.sleep(300);
      } catch (InterruptedException e) {
        throw new IOException(e);
      }
      super.write(text, from, length);
    }
  }

  /** Carries out a command in a process of its own. */
  static final class Program {
    private Program() {}

    public static void main(String[] arguments) {
      PrintWriter screen = new PrintWriter(new SlowScreen(), true);
      System.exit(CommandLineRunner.run(Writer.nullWriter(), screen, (Object[]) arguments));
    }
  }

  /** Work that does not end when it should. */
  static final class Stubborn {
    private Stubborn() {}

    public static void main(String[] arguments) throws InterruptedException {
      Consumer<String> screen = System.out::println;
      try (Interrupt interrupt = new Interrupt(screen, "ending some day")) {
        System.out.println("working");
        while (true) {
          Thread.sleep(1000);
        }
      }
    }
  }

  /** Work that is safe soon, and takes its time to be put away. */
  static final class Safe {
    private Safe() {}

    public static void main(String[] arguments) throws InterruptedException {
      Consumer<String> screen = System.out::println;
      try (Interrupt interrupt = new Interrupt(screen, "ending some day")) {
        System.out.println("working");
        while (!interrupt.requested()) {
          Thread.sleep(10);
        }
        interrupt.safe();
        System.out.println("done");
        Thread.sleep(1500);
      }
    }
  }

  /** Work that a signal comes before, by so little that it is about to begin. */
  static final class Late {
    private Late() {}

    public static void main(String[] arguments) throws InterruptedException {
      CountDownLatch ending = new CountDownLatch(1);
      Thread hook =
          new Thread(
              () -> {
                ending.countDown();
                try {
                  Thread.sleep(500); // as what is temporary is deleted
                } catch (InterruptedException e) {
                  Thread.currentThread().interrupt();
                }
              });
      Runtime.getRuntime().addShutdownHook(hook);
      System.out.println("working");
      ending.await();
      Consumer<String> screen = System.out::println;
      try (Interrupt interrupt = new Interrupt(screen, "ending some day")) {
        System.out.println("begun");
      }
    }
  }

  @Test
  void nothingIsBegunAfterASignal() throws Exception {
    Process process = new ProcessBuilder(command(Late.class)).redirectErrorStream(true).start();
    try (BufferedReader out = process.inputReader(StandardCharsets.UTF_8)) {
      assertEquals("working", out.readLine());
      process.toHandle().destroy();
      assertThat(out.lines()).isEmpty();
      assertEquals(TERMINATED, process.waitFor());
    } finally {
      process.destroyForcibly();
    }
  }

  @Test
  void nothingIsSaidAfterTheLastMessage() throws Exception {
    Process process =
        new ProcessBuilder(command(Safe.class))
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    try (BufferedReader out = process.inputReader(StandardCharsets.UTF_8)) {
      assertEquals("working", out.readLine());
      process.toHandle().destroy();
      assertThat(out.lines()).containsExactly("done");
      assertEquals(TERMINATED, process.waitFor());
    } finally {
      process.destroyForcibly();
    }
  }

  /** No checkpoint is promised where there is nothing to keep. */
  @Test
  void aTrainingInItsFirstStepSaysThatItLeavesNothing() throws Exception {
    Path run = folder.resolve("run");
    Process process =
        new ProcessBuilder(
                command(
                    Program.class,
                    "train",
                    TinyModel.write(folder),
                    "--device=cpu",
                    "--run-dir",
                    run,
                    "--set",
                    "trainer.batch-size=1500",
                    "--set",
                    "model.depth=60",
                    "--set",
                    "trainer.accumulate=10"))
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    Path journal = new RunFolder(run).journal();
    while (process.isAlive()
        && !(Files.exists(journal) && Files.readString(journal).contains("\"start\""))) {
      Thread.sleep(50);
    }
    Thread.sleep(1000); // a forward, of some seconds, has begun
    process.toHandle().destroy();
    List<String> screen = process.inputReader(StandardCharsets.UTF_8).lines().toList();
    assertThat(screen)
        .last()
        .isEqualTo("interrupted before the first step: there is nothing to go on with");
    assertThat(screen)
        .filteredOn(line -> line.startsWith("ending")) // none if a forward takes no half second
        .allMatch(line -> line.startsWith("ending after this forward; there is no step to keep"));
    assertEquals(TERMINATED, process.waitFor());
  }

  @Test
  void aSecondSignalEndsAtOnceAsTheFirstOneSays() throws Exception {
    Process process =
        new ProcessBuilder(command(Stubborn.class))
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    try (BufferedReader out = process.inputReader(StandardCharsets.UTF_8)) {
      assertEquals("working", out.readLine());
      process.toHandle().destroy();
      assertEquals("ending some day; a second signal ends at once", out.readLine());
      process.toHandle().destroy();
      assertEquals(TERMINATED, process.waitFor());
    } finally {
      process.destroyForcibly();
    }
  }

  private static List<String> command(Class<?> program, Object... arguments) {
    Stream<Object> java =
        Stream.of(
            Path.of(System.getProperty("java.home"), "bin", "java"),
            "-cp",
            System.getProperty("java.class.path"),
            "-Dorg.bytedeco.javacpp.maxPhysicalBytes=0",
            program.getName());
    return Stream.concat(java, Arrays.stream(arguments)).map(Object::toString).toList();
  }

  private static void isInterrupted(String said, String begun, Object... arguments)
      throws Exception {
    Process process =
        new ProcessBuilder(command(Program.class, arguments))
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    boolean told = false;
    StringBuilder screen = new StringBuilder();
    try (BufferedReader out = process.inputReader(StandardCharsets.UTF_8)) {
      for (String line = out.readLine(); line != null; line = out.readLine()) {
        screen.append(line).append('\n');
        if (line.contains(begun) && !told) {
          told = true;
          process.toHandle().destroy(); // as Ctrl-C
        }
      }
    }
    assertEquals(TERMINATED, process.waitFor(), screen::toString);
    assertThat(screen.toString()).contains(said);
  }

  @Test
  void anExperimentSaysThatItGoesOn() throws Exception {
    Path file = folder.resolve("long.conf");
    Files.writeString(
        file,
        """
        experiment {
          question = "Does it end?"
          tasks { bits { type = parity, length = 8 } }
          models {
            dense { model { width = 8, depth = 1, block.paths = [ { ffn { type = swiglu, hidden = 11 } } ] } }
          }
          learning-rates = [1e-3, 3e-3, 1e-2, 3e-2]
          seeds = 1000, steps = 1, validation-examples = 8, test-examples = 8, batch-size = 4
        }
        """);
    isInterrupted(
        "interrupted; the same command goes on from here",
        "1/1003",
        "experiment",
        "run",
        file,
        "--device=cpu",
        "--results",
        folder.resolve("results"));
  }

  @Test
  void aTimingSaysThatItEnded() throws Exception {
    Path file = folder.resolve("speed.conf");
    Files.writeString(
        file,
        """
        experiment {
          type = throughput, question = "Does it end?"
          models {
            dense { model { vocab-size = 16, width = 8, depth = 1, block.paths = [ { ffn { type = swiglu, hidden = 11 } } ] } }
          }
          lengths = [8, 4096, 8192, 16384], steps = 20
        }
        """);
    isInterrupted("\ninterrupted\n", "8 tokens", "experiment", "run", file, "--device=cpu");
  }
}
