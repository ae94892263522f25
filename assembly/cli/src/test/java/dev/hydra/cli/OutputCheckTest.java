package dev.hydra.cli;

import static dev.hydra.cli.CommandLineRunner.run;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.Writer;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OutputCheckTest {
  @TempDir private Path folder;

  /** What takes nothing. */
  private static final class Refusing extends Writer {
    private final String why;

    private Refusing(String why) {
      this.why = why;
    }

    @Override
    public void write(char[] text, int from, int length) throws IOException {
      throw new IOException(why);
    }

    @Override
    public void flush() {
      // nothing was kept
    }

    @Override
    public void close() {
      // nothing is open
    }
  }

  @Test
  void outputThatIsNotWrittenFailsEveryCommand() throws IOException {
    Path config = TinyModel.write(folder);
    Object[][] commands = {
      {"config", "show", config},
      {"inspect", config, "--json"},
      {"plugins", "list"},
      {"--version"},
      {"train", "--help"}
    };
    for (Object[] command : commands) {
      run(new Refusing("No space left on device"), command)
          .refused(1, "hydra: the output could not be written: No space left on device");
    }
  }

  @Test
  void aCommandThatFailsKeepsItsCode() {
    run(new Refusing("No space left on device"), "config", "show", "no-such-file")
        .refused(2, "no-such-file");
  }

  @Test
  void aReaderThatHasSeenEnoughIsNotAFailure() {
    assertThat(run(new Refusing("Broken pipe"), "plugins", "list").done().err()).isEmpty();
  }

  @Test
  void outputThatIsWrittenIsNotSpokenOf() throws IOException {
    assertThat(run("config", "show", TinyModel.write(folder)).done().err()).isEmpty();
  }
}
