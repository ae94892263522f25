package dev.hydra.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.hydra.api.ConfigException;
import dev.hydra.api.Messages;
import dev.hydra.api.PluginRegistry;
import dev.hydra.cli.common.UsageException;
import dev.hydra.cli.plugins.FixedPlugins;
import dev.hydra.libtorch.runtime.OutOfMemory;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;
import picocli.CommandLine.Command;

class ExceptionHandlerTest {
  @Command
  private record Failing(Exception thrown) implements java.util.concurrent.Callable<Integer> {
    @Override
    public Integer call() throws Exception {
      throw thrown;
    }
  }

  private static String said(int code, Exception thrown) {
    StringWriter err = new StringWriter();
    CommandLine line = new CommandLine(new Failing(thrown));
    line.setErr(new PrintWriter(err));
    line.setExecutionExceptionHandler(new ExceptionHandler());
    assertThat(line.execute()).isEqualTo(code);
    return err.toString().strip();
  }

  @Test
  void mistakesAreCode2AndTheirMessage() {
    assertThat(said(2, new UsageException("do it so"))).isEqualTo("hydra: do it so");
    assertThat(said(2, new ConfigException("a.b is wrong"))).isEqualTo("hydra: a.b is wrong");
  }

  @Test
  void mishapsAreCode1AndTheirMessage() {
    assertThat(said(1, new IOException("the disk is full"))).isEqualTo("hydra: the disk is full");
    assertThat(said(1, new FileSystemException("f", null, "odd"))).isEqualTo("hydra: f: odd");
  }

  /** Their message is the name of the file alone. */
  @Test
  void filesSayWhatIsTheMatter() {
    assertThat(said(1, new NoSuchFileException("f")))
        .isEqualTo("hydra: f is not there, or a folder above it");
    assertThat(said(1, new FileAlreadyExistsException("f"))).isEqualTo("hydra: f is there already");
    assertThat(said(1, new AccessDeniedException("f")))
        .isEqualTo("hydra: f may not be read or written");
    assertThat(said(1, new DirectoryNotEmptyException("f")))
        .isEqualTo("hydra: f cannot be used: DirectoryNotEmptyException");
  }

  /** The text is LibTorch's. */
  private static RuntimeException refused() {
    return new IllegalStateException(
        "component m at blocks.0.mixer failed",
        new RuntimeException(
            "CUDA out of memory. Tried to allocate 1.54 GiB. GPU 1 has a total capacity of 79.18"
                + " GiB of which 871.25 MiB is free. Process 7 has 78.32 GiB memory in use.\n"
                + "Exception raised from malloc at CUDACachingAllocator.cpp:1\nframe #0: x"));
  }

  private static final String FIGURES =
      "hydra: CUDA out of memory: 1.5 GiB more were needed; cuda:1 has 79.2 GiB, 871.3 MiB free. ";

  @Test
  void aDeviceWithoutMemoryIsOneMessage() {
    assertThat(said(1, refused()))
        .isEqualTo(
            FIGURES
                + "Less is taken with --precision bf16 or a smaller model; nvidia-smi shows what else is"
                + " on the device, and --device cuda:N names another one.");
  }

  @Test
  void soIsAMachineWithoutMemory() {
    RuntimeException thrown =
        new RuntimeException(
            "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate"
                + " memory: you tried to allocate 26214400000 bytes. Error code 12 (Cannot allocate"
                + " memory)\n");
    assertThat(said(1, thrown))
        .startsWith("hydra: out of memory: 24.4 GiB more were needed; this machine has ")
        .endsWith(". Less is taken with --precision bf16 or a smaller model.");
  }

  @Test
  void soIsAHeapThatIsFull() {
    assertThat(said(1, new IllegalStateException(new OutOfMemoryError("Java heap space"))))
        .matches(
            "hydra: Java out of memory: its heap has [\\d.]+ GiB; HYDRA_JAVA_OPTS=-Xmx\\d+g gives it"
                + " more\\.");
  }

  @Command(name = "full")
  private record Full() implements java.util.concurrent.Callable<Integer> {
    @Override
    public Integer call() {
      throw new OutOfMemoryError("Java heap space");
    }
  }

  /** As where a command itself makes an array, in no task of others. */
  @Test
  void soIsOneThatNobodyHasMadeAnExceptionOf() {
    Commands commands =
        new Commands(new FixedPlugins(PluginRegistry.of()), NativeFiles.unchecked());
    CommandLine line = Main.commandLine(commands, new StringWriter(), "full");
    StringWriter err = new StringWriter();
    line.setErr(new PrintWriter(err));
    line.addSubcommand(new Full());
    assertThat(line.execute("full")).isEqualTo(1);
    assertThat(err.toString().strip())
        .matches("hydra: Java out of memory: its heap has .* gives it more\\.");
  }

  @Command
  private record Knowing() implements java.util.concurrent.Callable<Integer>, LessMemory {
    @Override
    public Integer call() {
      throw refused();
    }

    @Override
    public String lessMemory(OutOfMemory refused) {
      return "Take less than " + Messages.bytes(refused.total().orElseThrow()) + ".";
    }
  }

  @Test
  void theCommandKnowsWhatTakesLess() {
    StringWriter err = new StringWriter();
    CommandLine line = new CommandLine(new Knowing());
    line.setErr(new PrintWriter(err));
    line.setExecutionExceptionHandler(new ExceptionHandler());
    assertThat(line.execute()).isEqualTo(1);
    assertThat(err.toString().strip()).isEqualTo(FIGURES + "Take less than 79.2 GiB.");
  }

  @Test
  void ourOwnMistakesComeWithATrace() {
    assertThat(said(1, new IllegalStateException("impossible")))
        .startsWith("hydra: failed: ")
        .contains("impossible", "Where it happened:", "at dev.hydra.cli.ExceptionHandlerTest");
  }

  @Command
  private record InFolder(Exception thrown, Path errors)
      implements java.util.concurrent.Callable<Integer>, ErrorLog.Folder {
    @Override
    public Integer call() throws Exception {
      throw thrown;
    }
  }

  /** LibTorch's messages carry a trace in C++, which is for few. */
  @Test
  void tracesOfNativeCodeGoToAFile(@TempDir Path folder) throws IOException {
    StringWriter err = new StringWriter();
    CommandLine line =
        new CommandLine(
            new InFolder(
                new RuntimeException(
                    "sizes differ\nException raised from f at g.cpp:1\nframe #0: h"),
                folder));
    line.setErr(new PrintWriter(err));
    line.setExecutionExceptionHandler(new ExceptionHandler());
    assertThat(line.execute()).isEqualTo(1);
    String said = err.toString();
    assertThat(said.lines().findFirst()).contains("hydra: failed: sizes differ");
    assertThat(said).doesNotContain("frame #0", "g.cpp");
    try (var files = Files.list(folder)) {
      Path file = files.findFirst().orElseThrow();
      assertThat(said.strip()).endsWith("Every stack frame is in " + file);
      assertThat(Files.readString(file)).contains("frame #0: h", "ExceptionHandlerTest");
    }
  }
}
